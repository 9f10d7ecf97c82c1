#include "base/allocate.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

#include "base/cancel.hpp"

namespace spinel {
namespace {

constexpr size_t huge_page_bytes = size_t{2} << 20;

constinit thread_local const std::shared_ptr<const Allocator>* current = nullptr;

}  // namespace

AllocatorScope::AllocatorScope(const std::shared_ptr<const Allocator>& allocator) noexcept : outer_(current) {
  current = allocator ? &allocator : nullptr;
}
AllocatorScope::~AllocatorScope() { current = outer_; }

bool has_host_allocator() noexcept { return current != nullptr; }

namespace {

std::shared_ptr<void> map_pages(size_t bytes, bool huge) {
  const auto page_bytes = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  // A rest of more than half a huge page takes a whole one.
  const bool rounds = bytes >= huge_page_bytes && bytes % huge_page_bytes > huge_page_bytes / 2;
  const size_t unit = rounds ? huge_page_bytes : page_bytes;
  const size_t size = (std::max<size_t>(bytes, 1) + unit - 1) / unit * unit;
  // Room to begin with a huge page; what is too much goes back, so that none is touched for a part of it.
  const size_t room = size < huge_page_bytes ? size : size + huge_page_bytes;
  void* mapped = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* memory = static_cast<std::byte*>(mapped);
  if (room != size) {
    const size_t before = -reinterpret_cast<uintptr_t>(mapped) % huge_page_bytes;
    if (before != 0) ::munmap(memory, before);
    memory += before;
    if (before != huge_page_bytes) ::munmap(memory + size, huge_page_bytes - before);
    if (huge) ::madvise(memory, size, MADV_HUGEPAGE);
  }
  return {memory, [size](void* p) { ::munmap(p, size); }};
}

/// Whether map_block() serves a request.
bool is_mapped(size_t bytes, size_t alignment) {
  return current == nullptr && load_cancel_flag() != nullptr && bytes >= huge_page_bytes && alignment <= 4096;
}

}  // namespace

std::shared_ptr<void> map_block(size_t bytes) { return map_pages(bytes, true); }
std::shared_ptr<void> map_sparse_block(size_t bytes) { return map_pages(bytes, false); }

void prefer_huge_pages(std::byte* begin, size_t bytes) noexcept {
  const size_t before = -reinterpret_cast<uintptr_t>(begin) % huge_page_bytes;
  if (bytes < before + huge_page_bytes) return;
  ::madvise(begin + before, (bytes - before) / huge_page_bytes * huge_page_bytes, MADV_HUGEPAGE);
}

std::shared_ptr<void> allocate_zeroed_block(size_t bytes, size_t alignment) {
  std::shared_ptr<void> block = allocate_block(bytes, alignment);
  if (block != nullptr && !is_mapped(bytes, alignment)) std::memset(block.get(), 0, bytes);
  return block;
}

std::shared_ptr<void> allocate_block(size_t bytes, size_t alignment) {
  bytes = std::max<size_t>(bytes, 1);
  if (is_mapped(bytes, alignment)) return map_block(bytes);
  if (current != nullptr) {
    std::shared_ptr<const Allocator> allocator = *current;
    void* memory = allocator->allocate(bytes, alignment);
    if (memory == nullptr) return nullptr;
    return {memory, [allocator = std::move(allocator), bytes, alignment](void* p) {
              allocator->release(p, bytes, alignment);
            }};
  }
  const auto align = static_cast<std::align_val_t>(alignment);
  void* memory = ::operator new(bytes, align, std::nothrow);
  if (memory == nullptr) return nullptr;
  return {memory, [align](void* p) { ::operator delete(p, align); }};
}

}  // namespace spinel
