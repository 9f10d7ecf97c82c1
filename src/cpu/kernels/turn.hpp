// Square tiles of vectors turned over in registers: rows[i][j] becomes rows[j][i].
#pragma once
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {

#if defined(__AVX512F__)

inline void turn_over(Vec rows[vector_floats]) {
  __m512 a[16];
  __m512 b[16];
  for (int i = 0; i < 8; ++i) {  // Pairs within quarters ...
    b[2 * i] = _mm512_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
    b[2 * i + 1] = _mm512_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
  }
  for (int i = 0; i < 4; ++i) {  // ... quadruples ...
    const auto wide = [&](int at) { return _mm512_castps_pd(b[4 * i + at]); };
    a[4 * i] = _mm512_castpd_ps(_mm512_unpacklo_pd(wide(0), wide(2)));
    a[4 * i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(wide(0), wide(2)));
    a[4 * i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(wide(1), wide(3)));
    a[4 * i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(wide(1), wide(3)));
  }
  for (int i = 0; i < 4; ++i) {  // ... and whole quarters.
    b[i] = _mm512_shuffle_f32x4(a[i], a[4 + i], 0x88);
    b[4 + i] = _mm512_shuffle_f32x4(a[i], a[4 + i], 0xdd);
    b[8 + i] = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0x88);
    b[12 + i] = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    rows[i] = _mm512_shuffle_f32x4(b[i], b[8 + i], 0x88);
    rows[8 + i] = _mm512_shuffle_f32x4(b[i], b[8 + i], 0xdd);
  }
}

#elif defined(__AVX2__)

inline void turn_over(Vec rows[vector_floats]) {
  __m256 a[8];
  __m256 b[8];
  for (int i = 0; i < 4; ++i) {
    a[2 * i] = _mm256_unpacklo_ps(rows[2 * i], rows[2 * i + 1]);
    a[2 * i + 1] = _mm256_unpackhi_ps(rows[2 * i], rows[2 * i + 1]);
  }
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) {
      b[4 * i + 2 * j] = _mm256_shuffle_ps(a[4 * i + j], a[4 * i + 2 + j], 0x44);
      b[4 * i + 2 * j + 1] = _mm256_shuffle_ps(a[4 * i + j], a[4 * i + 2 + j], 0xee);
    }
  for (int i = 0; i < 4; ++i) {
    rows[i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
    rows[4 + i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
  }
}

#else

inline void turn_over(Vec rows[vector_floats]) {
  Vec out[vector_floats];
  for (int i = 0; i < vector_floats; ++i)
    for (int j = 0; j < vector_floats; ++j) out[j][i] = rows[i][j];
  for (int i = 0; i < vector_floats; ++i) rows[i] = out[i];
}

#endif

// Shorter elements travel in the lower part of 32-bit lanes.
#if defined(__AVX512F__)
inline Vec load_bits(const uint16_t* p) {
  return reinterpret_cast<Vec>(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))));
}
inline void store_bits(uint16_t* p, Vec x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(reinterpret_cast<__m512i>(x)));
}
inline Vec load_bits(const uint8_t* p) {
  return reinterpret_cast<Vec>(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
inline void store_bits(uint8_t* p, Vec x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(x)));
}
#else
typedef uint16_t HalfBits __attribute__((vector_size(vector_floats * sizeof(uint16_t))));
inline Vec load_bits(const uint16_t* p) {
  HalfBits bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return as_float(__builtin_convertvector(bits, IntVec));
}
inline void store_bits(uint16_t* p, Vec x) {
  const HalfBits bits = __builtin_convertvector(as_int(x), HalfBits);
  __builtin_memcpy(p, &bits, sizeof bits);
}
typedef uint8_t ByteBits __attribute__((vector_size(vector_floats * sizeof(uint8_t))));
inline Vec load_bits(const uint8_t* p) {
  ByteBits bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return as_float(__builtin_convertvector(bits, IntVec));
}
inline void store_bits(uint8_t* p, Vec x) {
  const ByteBits bits = __builtin_convertvector(as_int(x), ByteBits);
  __builtin_memcpy(p, &bits, sizeof bits);
}
#endif
inline Vec load_bits(const float* p) { return load(p); }
inline void store_bits(float* p, Vec x) { store(p, x); }
inline Vec load_bits(const float* p, int64_t count) { return load_partial(p, count); }
inline void store_bits(float* p, Vec x, int64_t count) { store_partial(p, x, count); }
#if defined(__AVX512F__)
inline Vec load_bits(const uint16_t* p, int64_t count) {
  const auto mask = static_cast<__mmask16>((1U << count) - 1);
  return reinterpret_cast<Vec>(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p)));
}
inline void store_bits(uint16_t* p, Vec x, int64_t count) {
  _mm512_mask_cvtepi32_storeu_epi16(p, static_cast<__mmask16>((1U << count) - 1),
                                    reinterpret_cast<__m512i>(x));
}
#else
inline Vec load_bits(const uint16_t* p, int64_t count) {
  uint16_t whole[vector_floats] = {};
  __builtin_memcpy(whole, p, static_cast<size_t>(count) * sizeof *p);
  return load_bits(whole);
}
inline void store_bits(uint16_t* p, Vec x, int64_t count) {
  uint16_t whole[vector_floats];
  store_bits(whole, x);
  __builtin_memcpy(p, whole, static_cast<size_t>(count) * sizeof *p);
}
#endif
inline Vec load_bits(const uint8_t* p, int64_t count) {
  uint8_t whole[vector_floats] = {};
  __builtin_memcpy(whole, p, static_cast<size_t>(count));
  return load_bits(whole);
}
inline void store_bits(uint8_t* p, Vec x, int64_t count) {
  uint8_t whole[vector_floats];
  store_bits(whole, x);
  __builtin_memcpy(p, whole, static_cast<size_t>(count));
}

}  // namespace spinel::cpu::SPINEL_ISA
