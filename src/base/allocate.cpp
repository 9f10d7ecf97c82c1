#include "base/allocate.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace spinel {
namespace {

constinit thread_local const std::shared_ptr<const Allocator>* current = nullptr;

}  // namespace

AllocatorScope::AllocatorScope(const std::shared_ptr<const Allocator>& allocator) noexcept : outer_(current) {
  current = allocator ? &allocator : nullptr;
}
AllocatorScope::~AllocatorScope() { current = outer_; }

bool has_host_allocator() noexcept { return current != nullptr; }

std::shared_ptr<void> allocate_block(size_t bytes, size_t alignment) {
  bytes = std::max<size_t>(bytes, 1);
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
