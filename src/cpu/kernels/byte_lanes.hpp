// What products of bytes are made of: bytes in fours where the machine multiplies those, else widened in
// pairs. Included by kernels/*.cpp alone.
#pragma once
#include "cpu/kernels/int_lanes.hpp"

namespace spinel::cpu::SPINEL_ISA {

#if defined(__AVX512VNNI__)
typedef uint8_t Element;
typedef int8_t Weight;
inline Sums add_products(Sums sum, Sums a, Sums b) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
}
#else
typedef int16_t Element;
typedef int16_t Weight;
inline Sums add_products(Sums sum, const Sums& a, const Sums& b) { return add_pairs(sum, a, b); }
#endif
/// Elements that are multiplied and added at once: 32 bits.
constexpr int depth_step = 4 / sizeof(Element);

/// The byte as an element of a left operand; T is uint8_t or int8_t.
template <class T>
inline Element element(T byte, [[maybe_unused]] int32_t zero_point) {
#if defined(__AVX512VNNI__)
  return static_cast<uint8_t>(byte ^ (static_cast<T>(-1) < 0 ? 0x80 : 0));
#else
  return static_cast<int16_t>(byte - zero_point);
#endif
}
/// What stands for the number 0.
inline Element zero_element([[maybe_unused]] bool is_signed, [[maybe_unused]] int32_t zero_point) {
#if defined(__AVX512VNNI__)
  return static_cast<uint8_t>(zero_point + (is_signed ? 128 : 0));
#else
  return 0;
#endif
}

}  // namespace spinel::cpu::SPINEL_ISA
