#include "base/half.hpp"

#include <bit>
#include <cstring>

namespace spinel {

namespace {

// Both directions use the "magic number" technique of F. Giesen (public domain, "half-float conversions"):
// the rounding of float addition does the work for denormals, integer arithmetic for the rest.

/// Without a branch, whatever the compiler makes of `condition ? a : b`.
inline uint32_t choose(bool condition, uint32_t a, uint32_t b) noexcept {
  const uint32_t mask = 0u - static_cast<uint32_t>(condition);
  return (a & mask) | (b & ~mask);
}

inline uint16_t to_half(float value) noexcept {
  constexpr uint32_t infinity32 = 0x7f800000u;
  constexpr uint32_t first_overflow = (127u + 16u) << 23;
  constexpr uint32_t first_normal = (127u - 14u) << 23;
  constexpr uint32_t denormal_magic = ((127u - 15u) + (23u - 10u) + 1u) << 23;
  uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits & 0x80000000u;
  bits ^= sign;
  uint32_t half;
  if (bits >= first_overflow) {
    half = bits > infinity32 ? 0x7e00u | ((bits >> 13) & 0x3ffu) : 0x7c00u;
  } else if (bits < first_normal) {
    const float shifted = std::bit_cast<float>(bits) + std::bit_cast<float>(denormal_magic);
    half = std::bit_cast<uint32_t>(shifted) - denormal_magic;
  } else {
    const uint32_t odd = (bits >> 13) & 1u;
    half = (bits + ((15u - 127u) << 23) + 0xfffu + odd) >> 13;
  }
  return static_cast<uint16_t>(half | (sign >> 16));
}

/// Computes every case and chooses one, so that a loop over it becomes vector code.
inline float to_float(uint16_t bits) noexcept {
  constexpr uint32_t exponent_mask = 0x7c00u << 13;
  constexpr uint32_t magic = 113u << 23;
  const uint32_t shifted = (bits & 0x7fffu) << 13;
  const uint32_t exponent = shifted & exponent_mask;
  const uint32_t normal = shifted + ((127u - 15u) << 23);
  const uint32_t infinite = normal + ((128u - 16u) << 23);
  const uint32_t denormal =
      std::bit_cast<uint32_t>(std::bit_cast<float>(normal + (1u << 23)) - std::bit_cast<float>(magic));
  const uint32_t out = choose(exponent == exponent_mask, infinite, choose(exponent == 0, denormal, normal));
  return std::bit_cast<float>(out | (static_cast<uint32_t>(bits & 0x8000u) << 16));
}

}  // namespace

uint16_t float_to_half(float value) noexcept { return to_half(value); }
float half_to_float(uint16_t bits) noexcept { return to_float(bits); }

void floats_to_halves(const float* from, Half* to, size_t count) noexcept {
  for (size_t i = 0; i < count; ++i) to[i].bits = to_half(from[i]);
}

void halves_to_floats(const Half* from, float* to, size_t count) noexcept {
  // Of blocks of a fixed size compilers make vectors without being asked to optimise more than usual.
  constexpr size_t block = 16;
  size_t i = 0;
  for (; i + block <= count; i += block) {
    uint16_t in[block];
    float out[block];
    std::memcpy(in, from + i, sizeof in);
    for (size_t k = 0; k < block; ++k) out[k] = to_float(in[k]);
    std::memcpy(to + i, out, sizeof out);
  }
  for (; i < count; ++i) to[i] = to_float(from[i].bits);
}

Half::Half(float value) noexcept : bits(float_to_half(value)) {}
Half::operator float() const noexcept { return half_to_float(bits); }

BFloat16::BFloat16(float value) noexcept {
  const uint32_t raw = std::bit_cast<uint32_t>(value);
  const bool nan = (raw & 0x7fffffffu) > 0x7f800000u;
  bits = static_cast<uint16_t>(nan ? (raw >> 16) | 0x40u : (raw + 0x7fffu + ((raw >> 16) & 1u)) >> 16);
}
BFloat16::operator float() const noexcept { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

}  // namespace spinel
