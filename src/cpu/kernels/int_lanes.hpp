// A vector of 32-bit sums, and the products of pairs of 16-bit integers that are added to them. Included by
// kernels/*.cpp alone.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace spinel::cpu::SPINEL_ISA {

#if defined(__AVX512BW__)

constexpr int lanes = 16;
constexpr int tile_rows = 14;
typedef __m512i Sums;
inline Sums zero_sums() { return _mm512_setzero_si512(); }
inline Sums load_group(const void* p) { return _mm512_loadu_si512(p); }
inline void store_sums(int32_t* p, Sums x) { _mm512_storeu_si512(p, x); }
inline Sums broadcast_group(const void* p) {
  int32_t group;
  __builtin_memcpy(&group, p, sizeof group);
  return _mm512_set1_epi32(group);
}
inline Sums add_pairs(Sums sum, Sums a, Sums b) {
#if defined(__AVX512VNNI__)
  // By its name, for GCC 12 copies every sum of the intrinsic to another register and back.
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  return sum;
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

#elif defined(__AVX2__)

constexpr int lanes = 8;
constexpr int tile_rows = 6;
typedef __m256i Sums;
inline Sums zero_sums() { return _mm256_setzero_si256(); }
inline Sums load_group(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store_sums(int32_t* p, Sums x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
inline Sums broadcast_group(const void* p) {
  int32_t group;
  __builtin_memcpy(&group, p, sizeof group);
  return _mm256_set1_epi32(group);
}
inline Sums add_pairs(Sums sum, Sums a, Sums b) { return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)); }

#elif defined(__SSE2__)

constexpr int lanes = 4;
constexpr int tile_rows = 6;
typedef __m128i Sums;
inline Sums zero_sums() { return _mm_setzero_si128(); }
inline Sums load_group(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline void store_sums(int32_t* p, Sums x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x); }
inline Sums broadcast_group(const void* p) {
  int32_t group;
  __builtin_memcpy(&group, p, sizeof group);
  return _mm_set1_epi32(group);
}
inline Sums add_pairs(Sums sum, Sums a, Sums b) { return _mm_add_epi32(sum, _mm_madd_epi16(a, b)); }

#else

constexpr int lanes = 4;
constexpr int tile_rows = 4;
struct Sums {
  uint32_t sums[lanes];
  int16_t pairs[2 * lanes];
};
inline Sums zero_sums() { return {}; }
inline Sums load_group(const void* p) {
  Sums x{};
  __builtin_memcpy(x.pairs, p, sizeof x.pairs);
  return x;
}
inline void store_sums(int32_t* p, const Sums& x) { __builtin_memcpy(p, x.sums, sizeof x.sums); }
inline Sums broadcast_group(const void* p) {
  Sums x{};
  for (int i = 0; i < lanes; ++i) __builtin_memcpy(x.pairs + 2 * i, p, 2 * sizeof *x.pairs);
  return x;
}
inline Sums add_pairs(Sums sum, const Sums& a, const Sums& b) {
  for (int i = 0; i < lanes; ++i)
    sum.sums[i] += static_cast<uint32_t>(a.pairs[2 * i] * b.pairs[2 * i]) +
                   static_cast<uint32_t>(a.pairs[2 * i + 1] * b.pairs[2 * i + 1]);
  return sum;
}

#endif

constexpr int panel = 2 * lanes;

}  // namespace spinel::cpu::SPINEL_ISA
