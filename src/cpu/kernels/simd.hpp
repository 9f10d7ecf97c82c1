// One vector of floats on the instruction set that this unit is compiled for. Included by kernels/*.cpp
// alone.
//
// Units compiled for an instruction set define everything in its namespace and use no inline function of the
// standard library: the linker might keep their copy of it for code that must run on every machine.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace spinel::cpu::SPINEL_ISA {

#if defined(__AVX512F__)
constexpr int vector_floats = 16;
#elif defined(__AVX2__)
constexpr int vector_floats = 8;
#else
constexpr int vector_floats = 4;
#endif

typedef float Vec __attribute__((vector_size(vector_floats * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(vector_floats * sizeof(int32_t))));
typedef float UnalignedVec
    __attribute__((vector_size(vector_floats * sizeof(float)), aligned(alignof(float)), may_alias));
typedef IntVec Mask;  ///< All bits of a lane set, or none.

inline IntVec broadcast_int(int32_t x) { return IntVec{} + x; }
inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec x) { *reinterpret_cast<UnalignedVec*>(p) = x; }

inline IntVec as_int(Vec x) { return reinterpret_cast<IntVec>(x); }
inline Vec as_float(IntVec x) { return reinterpret_cast<Vec>(x); }
inline Vec to_float(IntVec x) { return __builtin_convertvector(x, Vec); }

#if defined(__AVX512F__)

inline Vec broadcast(float x) { return _mm512_set1_ps(x); }
inline Vec load_partial(const float* p, int64_t count) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << count) - 1), p);
}
inline void store_partial(float* p, Vec x, int64_t count) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << count) - 1), x);
}
/// The greater; b where either is NaN, so that max(limit, x) hands on the NaN of x.
inline Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec sqrt(Vec x) { return _mm512_sqrt_ps(x); }
/// Lane i is x[index[i]].
inline Vec permute(Vec x, IntVec index) { return _mm512_permutexvar_ps(reinterpret_cast<__m512i>(index), x); }
inline Vec round_to_even(Vec x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/// To int32, to nearest even. Out of range gives INT32_MIN.
inline IntVec round_to_int(Vec x) { return reinterpret_cast<IntVec>(_mm512_cvtps_epi32(x)); }
inline Vec load_half(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
/// The masked form, for GCC 12 warns of the other one's undefined operand.
inline __m256i narrow_half(Vec x) {
  return _mm512_maskz_cvtps_ph(0xffff, x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline void store_half(uint16_t* p, Vec x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrow_half(x));
}

#elif defined(__AVX2__)

inline Vec broadcast(float x) { return _mm256_set1_ps(x); }
inline __m256i partial_mask(int64_t count) {
  const IntVec lane = {0, 1, 2, 3, 4, 5, 6, 7};
  return reinterpret_cast<__m256i>(lane < broadcast_int(static_cast<int32_t>(count)));
}
inline Vec load_partial(const float* p, int64_t count) { return _mm256_maskload_ps(p, partial_mask(count)); }
inline void store_partial(float* p, Vec x, int64_t count) { _mm256_maskstore_ps(p, partial_mask(count), x); }
inline Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
inline Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec sqrt(Vec x) { return _mm256_sqrt_ps(x); }
inline Vec permute(Vec x, IntVec index) {
  return _mm256_permutevar8x32_ps(x, reinterpret_cast<__m256i>(index));
}
inline Vec round_to_even(Vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline IntVec round_to_int(Vec x) { return reinterpret_cast<IntVec>(_mm256_cvtps_epi32(x)); }
inline Vec load_half(const uint16_t* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline void store_half(uint16_t* p, Vec x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

#else

inline Vec broadcast(float x) { return Vec{x, x, x, x}; }
inline Vec load_partial(const float* p, int64_t count) {
  Vec x{};
  for (int i = 0; i < vector_floats; ++i)
    if (i < count) x[i] = p[i];
  return x;
}
inline void store_partial(float* p, Vec x, int64_t count) {
  for (int i = 0; i < vector_floats; ++i)
    if (i < count) p[i] = x[i];
}
inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
inline Vec min(Vec a, Vec b) { return a < b ? a : b; }
inline Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
inline Vec permute(Vec x, IntVec index) {
  Vec out{};
  for (int i = 0; i < vector_floats; ++i) out[i] = x[index[i]];
  return out;
}
inline Vec sqrt(Vec x) {
  for (int i = 0; i < vector_floats; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
inline Vec round_to_even(Vec x) {
  for (int i = 0; i < vector_floats; ++i) x[i] = __builtin_nearbyintf(x[i]);
  return x;
}
inline IntVec round_to_int(Vec x) {
  IntVec out{};
  for (int i = 0; i < vector_floats; ++i)
    out[i] = x[i] >= -2147483648.0F && x[i] < 2147483648.0F ? static_cast<int32_t>(__builtin_nearbyintf(x[i]))
                                                            : INT32_MIN;
  return out;
}
inline float half_to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000U) << 16;
  uint32_t bits = static_cast<uint32_t>(half & 0x7fffU) << 13;
  if ((half & 0x7c00U) == 0x7c00U) {
    bits |= 0x7f800000U;
  } else if ((half & 0x7c00U) == 0) {  // Subnormal: as a float it would be flushed to zero.
    const float small = static_cast<float>(half & 0x3ffU) * 0x1p-24F;
    __builtin_memcpy(&bits, &small, sizeof bits);
  } else {
    bits += 0x38000000U;
  }
  bits |= sign;
  float out;
  __builtin_memcpy(&out, &bits, sizeof out);
  return out;
}
/// To nearest even; a NaN stays one.
inline uint16_t float_to_half(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000U;
  bits &= 0x7fffffffU;
  if (bits > 0x7f800000U) return static_cast<uint16_t>(sign | 0x7e00U | (bits >> 13 & 0x3ffU));
  if (bits >= 0x477ff000U) return static_cast<uint16_t>(sign | 0x7c00U);
  if (bits < 0x38800000U) {  // Subnormal: adding 0.5 shifts the mantissa into place, rounding on the way.
    float small;
    __builtin_memcpy(&small, &bits, sizeof small);
    small += 0.5F;
    __builtin_memcpy(&bits, &small, sizeof bits);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000U));
  }
  bits += 0xfffU + (bits >> 13 & 1U) - 0x38000000U;
  return static_cast<uint16_t>(sign | bits >> 13);
}
// Out of line: the conversions bit by bit would be most of the portable kernels' size.
[[gnu::noinline]] inline Vec load_half(const uint16_t* p) {
  Vec x{};
  for (int i = 0; i < vector_floats; ++i) x[i] = half_to_float(p[i]);
  return x;
}
[[gnu::noinline]] inline void store_half(uint16_t* p, Vec x) {
  for (int i = 0; i < vector_floats; ++i) p[i] = float_to_half(x[i]);
}

#endif

// Elements in memory are float, or float16 as its bits; arithmetic is in float.
inline Vec load(const uint16_t* p) { return load_half(p); }
inline void store(uint16_t* p, Vec x) { store_half(p, x); }
#if defined(__AVX512F__)
inline Vec load_partial(const uint16_t* p, int64_t count) {
  return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(static_cast<__mmask16>((1U << count) - 1), p));
}
inline void store_partial(uint16_t* p, Vec x, int64_t count) {
  _mm256_mask_storeu_epi16(p, static_cast<__mmask16>((1U << count) - 1), narrow_half(x));
}
#else
inline Vec load_partial(const uint16_t* p, int64_t count) {
  uint16_t whole[vector_floats] = {};
  __builtin_memcpy(whole, p, static_cast<size_t>(count) * sizeof *p);
  return load_half(whole);
}
inline void store_partial(uint16_t* p, Vec x, int64_t count) {
  uint16_t whole[vector_floats];
  store_half(whole, x);
  __builtin_memcpy(p, whole, static_cast<size_t>(count) * sizeof *p);
}
#endif

/// As many elements as are left, at most a vector.
template <class T>
inline Vec load_some(const T* p, int64_t left) {
  return left >= vector_floats ? load(p) : load_partial(p, left);
}
template <class T>
inline void store_some(T* p, Vec x, int64_t left) {
  if (left >= vector_floats)
    store(p, x);
  else
    store_partial(p, x, left);
}

inline Vec clamp(Vec x, Vec low, Vec high) { return min(high, max(low, x)); }

}  // namespace spinel::cpu::SPINEL_ISA
