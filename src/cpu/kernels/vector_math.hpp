// Elementary functions of vectors. Unless stated, the coefficients are minimax fits (Remez' exchange
// algorithm, in 40 digits) of the form and on the range that each function states. Denormal results may be
// flushed to zero. Divisions are divisions: they run beside the multiply-adds, and measured no slower than
// Newton steps from a reciprocal estimate.
#pragma once
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {

/// |x|
inline Vec magnitude(Vec x) { return as_float(as_int(x) & 0x7fffffff); }

#if defined(__AVX2__)
/// To an integer, for |x| < 2^22; NaN stays NaN.
inline Vec round_small(Vec x) { return round_to_even(x); }
/// An integer |n| < 2^22 as int32; anything for NaN.
inline IntVec small_to_int(Vec n) { return round_to_int(n); }
#else
// Adding 1.5 * 2^23 leaves the integer in the low bits of the mantissa.
inline Vec round_small(Vec x) { return x + 12582912.0F - 12582912.0F; }
inline IntVec small_to_int(Vec n) { return as_int(n + 12582912.0F) - as_int(broadcast(12582912.0F)); }
#endif

/// x * 2^n for an integer n in [-252, 254]; NaN stays NaN.
inline Vec scale_by_power(Vec x, Vec n) {
#if defined(__AVX512F__)
  return _mm512_scalef_ps(x, n);
#else
  const IntVec whole = small_to_int(n);
  const IntVec half = whole >> 1;  // Two factors, so that neither overflows.
  x *= as_float((half + 127) << 23);
  return x * as_float((whole - half + 127) << 23);
#endif
}

/// e^r - 1 for |r| <= ln 2 / 2, in the form r + r^2 p(r), within 1 unit in the last place.
inline Vec expm1_reduced(Vec r) {
  Vec p = broadcast(1.3814467237e-3F);
  p = fma(p, r, broadcast(8.3687809767e-3F));
  p = fma(p, r, broadcast(4.1668392718e-2F));
  p = fma(p, r, broadcast(1.6666519642e-1F));
  p = fma(p, r, broadcast(4.9999994040e-1F));
  return fma(p, r * r, r);
}

/// e^x; 0 below -104, inf above 88.73; a NaN stays one. Within 1.5 units in the last place.
inline Vec exp(Vec x) {
  x = min(broadcast(89.0F), max(broadcast(-105.0F), x));
  const Vec n = round_small(x * 1.44269504088896341F);
  Vec r = fma(n, broadcast(-0.693359375F), x);
  r = fma(n, broadcast(2.12194440e-4F), r);
  return scale_by_power(expm1_reduced(r) + 1.0F, n);
}

/// 2^x for x in [-126, 126], within 2.5 units in the last place; degree 5 on [-1/2, 1/2].
inline Vec exp2(Vec x) {
  const Vec n = round_small(x);
  const Vec r = x - n;
  Vec p = broadcast(1.3276358368e-3F);
  p = fma(p, r, broadcast(9.6756555140e-3F));
  p = fma(p, r, broadcast(5.5507145822e-2F));
  p = fma(p, r, broadcast(2.4022117257e-1F));
  p = fma(p, r, broadcast(6.9314694405e-1F));
  p = fma(p, r, broadcast(1.0000001192F));
  return scale_by_power(p, n);
}

/// e^x - 1 for x in [-30, 30], within 2.5 units in the last place; NaN stays NaN.
inline Vec expm1(Vec x) {
  const Vec n = round_small(x * 1.44269504088896341F);
  const Vec q = expm1_reduced(fma(n, broadcast(-0.69314718056F), x));
  const Vec power = as_float((small_to_int(n) + 127) << 23);
  return fma(power, q, power - 1.0F);
}

/// 1 / (1 + e^-x), within 2.5 units in the last place.
inline Vec sigmoid(Vec x) { return 1.0F / (exp(-x) + 1.0F); }

/// (e^2x - 1) / (e^2x + 1), within 4 units in the last place.
inline Vec tanh(Vec x) {
  x = min(broadcast(10.0F), max(broadcast(-10.0F), x));
  const Vec e = expm1(x + x);
  return e / (e + 2.0F);
}

/// The error function, absolute error at most 1.5e-7. x p(x^2) of degree 5 below 0.85, where the relative
/// error is within 2 units in the last place; above it 1 - 2^-p(x), with p of degree 5 fitted to
/// -log2(erfc(x)) up to 3.95, from where on it is 1.
inline Vec erf(Vec x) {
  const Vec a = magnitude(x);
  const Vec u = x * x;
  Vec p = broadcast(-6.3326116651e-4F);
  p = fma(p, u, broadcast(5.0542703830e-3F));
  p = fma(p, u, broadcast(-2.6804570109e-2F));
  p = fma(p, u, broadcast(1.1282770336e-1F));
  p = fma(p, u, broadcast(-3.7612575293e-1F));
  p = fma(p, u, broadcast(1.1283791065F));
  const Vec b = min(broadcast(3.95F), a);
  Vec q = broadcast(1.8937221030e-3F);
  q = fma(q, b, broadcast(-2.3145526648e-2F));
  q = fma(q, b, broadcast(1.3342250884e-1F));
  q = fma(q, b, broadcast(9.3599438667e-1F));
  q = fma(q, b, broadcast(1.6180875301F));
  q = fma(q, b, broadcast(2.1643079817e-3F));
  const Vec large = 1.0F - exp2(-q);
  const IntVec sign = as_int(x) & INT32_MIN;
  return a < broadcast(0.85F) ? x * p : as_float(as_int(large) | sign);
}

/// x Phi(x) = x (1 + erf(x / sqrt 2)) / 2 without cancellation: max(x, 0) - a Phi(-a), a = |x|. Absolute
/// error at most 1.3e-6 * max(|result|, 1e-3). Phi(-a) = 2^-p(a) with p of degree 9, fitted on [0, 6.5];
/// beyond, a Phi(-a) stays at 3e-10.
inline Vec gelu(Vec x) {
  const Vec a = min(broadcast(6.5F), magnitude(x));
  Vec p = broadcast(-2.1559657171e-7F);
  p = fma(p, a, broadcast(4.8322440307e-6F));
  p = fma(p, a, broadcast(-4.3900425226e-5F));
  p = fma(p, a, broadcast(1.7500725517e-4F));
  p = fma(p, a, broadcast(2.0789405971e-4F));
  p = fma(p, a, broadcast(-7.1967029944e-3F));
  p = fma(p, a, broadcast(5.2611876279e-2F));
  p = fma(p, a, broadcast(4.5916238427e-1F));
  p = fma(p, a, broadcast(1.1511118412F));
  p = fma(p, a, broadcast(9.9999982119e-1F));
  return fma(-a, exp2(-p), max(Vec{}, x));
}

/// x (1 + tanh(z)) / 2 = x sigmoid(2 z), z = sqrt(2 / pi) (x + 0.044715 x^3).
inline Vec gelu_tanh(Vec x) {
  const Vec z2 = x * fma(x * x, broadcast(0.07135481283F), broadcast(1.595769122F));
  return x * sigmoid(z2);
}

inline Vec silu(Vec x) { return x * sigmoid(x); }

/// ln(1 + f) for f in [-0.3, 1], within 2 units in the last place. With s = f / (2 + f) it is
/// 2 atanh(s) = 2 s + s^3 p(s^2), rearranged as fdlibm's e_logf.c does so that s is not rounded into it.
inline Vec log1p_reduced(Vec f) {
  const Vec s = f / (f + 2.0F);
  const Vec u = s * s;
  Vec p = broadcast(2.4326801300e-1F);
  p = fma(p, u, broadcast(2.1421325207e-1F));
  p = fma(p, u, broadcast(2.8617411852e-1F));
  p = fma(p, u, broadcast(3.9998859167e-1F));
  p = fma(p, u, broadcast(6.6666674614e-1F));
  const Vec half_square = f * f * 0.5F;
  return f - fma(-s, fma(u, p, half_square), half_square);
}

/// ln x, within 2 units in the last place; -inf for 0 and denormals, NaN below.
inline Vec log(Vec x) {
  const int32_t root_bits = 0x3f3504f3;  // sqrt(1/2): the mantissa is taken from [sqrt(1/2), sqrt 2).
  const IntVec bits = as_int(x) - root_bits;
  const Vec n = to_float(bits >> 23);
  const Vec f = as_float((bits & 0x7fffff) + root_bits) - 1.0F;
  Vec y = fma(n, broadcast(0.693359375F), fma(n, broadcast(-2.12194440e-4F), log1p_reduced(f)));
  const Vec infinity = broadcast(__builtin_inff());
  y = x < broadcast(1.17549435e-38F) ? -infinity : y;
  y = x < Vec{} ? broadcast(__builtin_nanf("")) : y;
  return x < infinity ? y : x;  // inf and NaN
}

/// ln(1 + e^x) without overflow.
inline Vec softplus(Vec x) { return max(Vec{}, x) + log1p_reduced(exp(-magnitude(x))); }

/// x tanh(softplus(x)) = x n / (n + 2) with n = e^x (e^x + 2).
inline Vec mish(Vec x) {
  const Vec e = exp(min(broadcast(20.0F), x));
  const Vec n = e * (e + 2.0F);
  return x * (n / (n + 2.0F));
}

}  // namespace spinel::cpu::SPINEL_ISA
