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

/// Zeroed pages of their own, which go back to the system with the last copy; nullptr if there are none. As
/// far as whole ones fit they are huge where the system gives them on request: for blocks of megabytes that
/// are filled at once, since touching and freeing 4-KiB pages takes ten to fifty times as long.
std::shared_ptr<void> map_block(size_t bytes);
/// The same without huge pages, for a block of which most is never touched and takes no memory then.
std::shared_ptr<void> map_sparse_block(size_t bytes);
/// Has huge pages in a part of it that is about to be filled, as far as whole ones fit.
void prefer_huge_pages(std::byte* begin, size_t bytes) noexcept;

/// Uninitialised memory, freed with the last copy; nullptr if there is none. `alignment` is a power of two.
/// While a thread loads, large blocks without a host's allocator are those of map_block().
std::shared_ptr<void> allocate_block(size_t bytes, size_t alignment);
/// The same, of zeros.
std::shared_ptr<void> allocate_zeroed_block(size_t bytes, size_t alignment);

}  // namespace spinel
