// Random numbers that are a function of a seed and a position alone.
#pragma once
#include <cmath>
#include <cstdint>
#include <numbers>

#include "ops/op_args.hpp"

namespace spinel::ops {

/// Number `index` of the stream that a seed names, whoever draws it and in whatever order: the finaliser of
/// SplitMix64 (G. Steele, D. Lea, C. Flood: "Fast Splittable Pseudorandom Number Generators", 2014) over a
/// counter. Not for cryptography.
class RandomStream {
 public:
  explicit RandomStream(uint64_t seed) : key_(mix(seed + 0x9E3779B97F4A7C15U)) {}

  uint64_t bits(int64_t index) const {
    return mix(key_ + (static_cast<uint64_t>(index) + 1) * 0x9E3779B97F4A7C15U);
  }
  /// In [0, 1), a multiple of 2^-digits; at most 53 digits.
  double uniform(int64_t index, int digits = 53) const {
    return std::ldexp(static_cast<double>(bits(index) >> (64 - digits)), -digits);
  }
  /// Of mean 0 and deviation 1, by Box and Muller's method; uses numbers 2 * index and 2 * index + 1.
  double normal(int64_t index) const {
    const double radius = std::sqrt(-2 * std::log(1 - uniform(2 * index)));
    return radius * std::cos(2 * std::numbers::pi * uniform(2 * index + 1));
  }

 private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  uint64_t key_;
};

/// Whether the operator draws random numbers by an attribute `seed`. A node that has none gets one from its
/// name when it is imported, so that nodes differ and runs repeat.
bool draws_random_numbers(std::string_view op_type);
/// The attribute `seed`, a float or (Dropout) a whole number, as the name of a stream.
uint64_t read_seed(const OpArgs& args);
/// The attribute `seed` that a node of this name gets.
Attribute default_seed(std::string_view op_type, std::string_view node_name);

}  // namespace spinel::ops
