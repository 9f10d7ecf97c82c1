// The host's memory for an engine.
#pragma once
#include <cstddef>
#include <functional>

namespace spinel {

/// Gives and takes back the memory of an engine's weights, activations with their scratch, and tensors, the
/// results that it allocates among them; small objects come from operator new, and what is mapped from files
/// from the system. Both may be called from any thread, several at once, and must not throw. Blocks keep the
/// allocator alive.
struct Allocator {
  /// `bytes`, at least 1, at a multiple of `alignment`, a power of two; nullptr: there is none, which ends
  /// the load or run with Error(out_of_memory).
  std::function<void*(size_t bytes, size_t alignment)> allocate;
  /// Takes back what `allocate` gave, with the same numbers.
  std::function<void(void* memory, size_t bytes, size_t alignment)> release;
};

}  // namespace spinel
