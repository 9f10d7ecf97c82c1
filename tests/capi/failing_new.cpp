// Apart from the tests, so that no call of `new` is inlined and then compared with a call of free().
#include "failing_new.hpp"

#include <cstdlib>
#include <new>

namespace {

thread_local int64_t allocations_left = -1;  ///< -1: as many as there is memory for.
thread_local bool fail_once = false;         ///< After a failure there is memory again.
thread_local bool has_failed = false;

bool fails() {
  if (allocations_left < 0) return false;
  if (allocations_left-- > 0) return false;
  allocations_left = fail_once ? -1 : 0;
  return has_failed = true;
}

void* allocate(size_t size_bytes, size_t alignment_bytes) {
  if (fails()) throw std::bad_alloc();
  void* memory = alignment_bytes == 0
                     ? std::malloc(size_bytes == 0 ? 1 : size_bytes)
                     : std::aligned_alloc(alignment_bytes, (size_bytes + alignment_bytes - 1) /
                                                               alignment_bytes * alignment_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void fail_allocation(int64_t before, bool once) noexcept {
  allocations_left = before;
  fail_once = once;
  has_failed = false;
}

bool stop_failing() noexcept {
  allocations_left = -1;
  return has_failed;
}

void* operator new(size_t size_bytes) { return allocate(size_bytes, 0); }
void* operator new[](size_t size_bytes) { return allocate(size_bytes, 0); }
void* operator new(size_t size_bytes, std::align_val_t alignment) {
  return allocate(size_bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t size_bytes, std::align_val_t alignment) {
  return allocate(size_bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t size_bytes, const std::nothrow_t&) noexcept {
  return fails() ? nullptr : std::malloc(size_bytes == 0 ? 1 : size_bytes);
}
void* operator new[](size_t size_bytes, const std::nothrow_t&) noexcept {
  return fails() ? nullptr : std::malloc(size_bytes == 0 ? 1 : size_bytes);
}
void* operator new(size_t size_bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto bytes = static_cast<size_t>(alignment);
  return fails() ? nullptr : std::aligned_alloc(bytes, (size_bytes + bytes - 1) / bytes * bytes);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
