// Blocks of memory: from the host's allocator where there is one. What allocates lies in every layer, so that
// the allocator is the thread's instead of a parameter of every function on the way.
#pragma once
#include <cstddef>
#include <memory>

#include <spinel/allocator.hpp>

namespace spinel {

/// While one exists, allocate_block() of its thread takes from this allocator, which must outlive the scope;
/// nullptr: from operator new.
class AllocatorScope {
 public:
  explicit AllocatorScope(const std::shared_ptr<const Allocator>& allocator) noexcept;
  AllocatorScope(const AllocatorScope&) = delete;
  AllocatorScope& operator=(const AllocatorScope&) = delete;
  ~AllocatorScope();

 private:
  const std::shared_ptr<const Allocator>* outer_;
};

/// Whether this thread is in the scope of a host's allocator.
bool has_host_allocator() noexcept;

/// Uninitialised memory, freed with the last copy; nullptr if there is none. `alignment` is a power of two.
std::shared_ptr<void> allocate_block(size_t bytes, size_t alignment);

}  // namespace spinel
