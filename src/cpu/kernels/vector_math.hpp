// Elementary functions of vectors. Polynomials and ranges are those of the Cephes library (S. L. Moshier,
// expf.c, tanhf.c) unless stated.
#pragma once
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {

/// 2^n for n in [-252, 254], in two factors so that neither overflows.
inline Vec scale_by_power(Vec x, IntVec n) {
  const IntVec half = n >> 1;
  x *= as_float((half + 127) << 23);
  return x * as_float((n - half + 127) << 23);
}

/// e^x; 0 below -104, inf above 88.73; a NaN stays one. At most 2 units in the last place.
inline Vec exp(Vec x) {
  x = min(broadcast(89.0F), max(broadcast(-105.0F), x));
  const Vec n = round_to_even(x * 1.44269504088896341F);
  Vec r = fma(n, broadcast(-0.693359375F), x);
  r = fma(n, broadcast(2.12194440e-4F), r);
  Vec p = broadcast(1.9875691500E-4F);
  p = fma(p, r, broadcast(1.3981999507E-3F));
  p = fma(p, r, broadcast(8.3334519073E-3F));
  p = fma(p, r, broadcast(4.1665795894E-2F));
  p = fma(p, r, broadcast(1.6666665459E-1F));
  p = fma(p, r, broadcast(5.0000001201E-1F));
  p = fma(p, r * r, r + 1.0F);
  return scale_by_power(p, round_to_int(n));
}

inline Vec sigmoid(Vec x) { return 1.0F / (1.0F + exp(-x)); }

}  // namespace spinel::cpu::SPINEL_ISA
