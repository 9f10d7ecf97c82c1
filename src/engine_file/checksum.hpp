// A checksum that finds damage, not malice.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace spinel::engine_file {

/// XXH64 with seed 0, after the algorithm's description by Y. Collet (github.com/Cyan4973/xxHash,
/// doc/xxhash_spec.md), of bytes that are given one piece after another.
class Checksum {
 public:
  Checksum();
  void add(std::span<const std::byte> bytes);
  /// Of all bytes so far.
  uint64_t value() const;

 private:
  static constexpr size_t stripe = 32;
  uint64_t lanes_[4];
  std::byte rest_[stripe];
  size_t rest_size_ = 0;
  uint64_t total_ = 0;
};

}  // namespace spinel::engine_file
