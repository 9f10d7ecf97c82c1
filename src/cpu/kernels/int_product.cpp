// The register tile of cpu/int_kernels.hpp: rows of A, broadcast in pairs, times two vectors of columns of B.
#include "cpu/int_kernels.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace spinel::cpu::SPINEL_ISA {
namespace {

#if defined(__AVX512BW__)

constexpr int lanes = 16;
constexpr int tile_rows = 14;
typedef __m512i IntVec;
inline IntVec zeros() { return _mm512_setzero_si512(); }
inline IntVec load(const void* p) { return _mm512_loadu_si512(p); }
inline void store(int32_t* p, IntVec x) { _mm512_storeu_si512(p, x); }
inline IntVec pair(const int16_t* p) {
  int32_t both;
  __builtin_memcpy(&both, p, sizeof(both));
  return _mm512_set1_epi32(both);
}
inline IntVec add_products(IntVec sum, IntVec a, IntVec b) {
#if defined(__AVX512VNNI__)
  return _mm512_dpwssd_epi32(sum, a, b);
#else
  return _mm512_add_epi32(sum, _mm512_madd_epi16(a, b));
#endif
}

#elif defined(__AVX2__)

constexpr int lanes = 8;
constexpr int tile_rows = 6;
typedef __m256i IntVec;
inline IntVec zeros() { return _mm256_setzero_si256(); }
inline IntVec load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store(int32_t* p, IntVec x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), x); }
inline IntVec pair(const int16_t* p) {
  int32_t both;
  __builtin_memcpy(&both, p, sizeof(both));
  return _mm256_set1_epi32(both);
}
inline IntVec add_products(IntVec sum, IntVec a, IntVec b) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
}

#elif defined(__SSE2__)

constexpr int lanes = 4;
constexpr int tile_rows = 6;
typedef __m128i IntVec;
inline IntVec zeros() { return _mm_setzero_si128(); }
inline IntVec load(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline void store(int32_t* p, IntVec x) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), x); }
inline IntVec pair(const int16_t* p) {
  int32_t both;
  __builtin_memcpy(&both, p, sizeof(both));
  return _mm_set1_epi32(both);
}
inline IntVec add_products(IntVec sum, IntVec a, IntVec b) {
  return _mm_add_epi32(sum, _mm_madd_epi16(a, b));
}

#else

constexpr int lanes = 4;
constexpr int tile_rows = 4;
struct IntVec {
  uint32_t sums[lanes];
  int16_t pairs[2 * lanes];
};
inline IntVec zeros() { return {}; }
inline IntVec load(const void* p) {
  IntVec x{};
  __builtin_memcpy(x.pairs, p, sizeof(x.pairs));
  return x;
}
inline void store(int32_t* p, const IntVec& x) { __builtin_memcpy(p, x.sums, sizeof(x.sums)); }
inline IntVec pair(const int16_t* p) {
  IntVec x{};
  for (int i = 0; i < lanes; ++i) {
    x.pairs[2 * i] = p[0];
    x.pairs[2 * i + 1] = p[1];
  }
  return x;
}
inline IntVec add_products(IntVec sum, const IntVec& a, const IntVec& b) {
  for (int i = 0; i < lanes; ++i)
    sum.sums[i] += static_cast<uint32_t>(a.pairs[2 * i] * b.pairs[2 * i]) +
                   static_cast<uint32_t>(a.pairs[2 * i + 1] * b.pairs[2 * i + 1]);
  return sum;
}

#endif

constexpr int panel = 2 * lanes;

template <int rows>
void tile(const int16_t* a, int64_t depth, const int16_t* b, int32_t* c, int64_t c_stride) {
  IntVec sums[rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = zeros();
  for (int64_t k = 0; k < depth; k += 2, b += 2 * panel) {
    const IntVec b0 = load(b);
    const IntVec b1 = load(b + panel);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const IntVec x = pair(a + r * depth + k);
      sums[r][0] = add_products(sums[r][0], x, b0);
      sums[r][1] = add_products(sums[r][1], x, b1);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    store(c + r * c_stride, sums[r][0]);
    store(c + r * c_stride + lanes, sums[r][1]);
  }
}

/// The tile of that many rows, at most `most`.
template <int most>
void some_rows(int64_t rows, const int16_t* a, int64_t depth, const int16_t* b, int32_t* c,
               int64_t c_stride) {
  if constexpr (most > 1) {
    if (rows < most) return some_rows<most - 1>(rows, a, depth, b, c, c_stride);
  }
  tile<most>(a, depth, b, c, c_stride);
}

void multiply(const IntBlock& block) {
  int32_t whole[tile_rows * panel];
  for (int64_t row = 0; row < block.rows; row += tile_rows) {
    const int64_t rows = block.rows - row < tile_rows ? block.rows - row : tile_rows;
    const int16_t* a = block.a + row * block.depth;
    for (int64_t column = 0; column < block.columns; column += panel) {
      const int16_t* b = block.b + column * block.depth;
      int32_t* c = block.c + row * block.c_stride + column;
      const int64_t columns = block.columns - column < panel ? block.columns - column : panel;
      if (columns == panel) {
        some_rows<tile_rows>(rows, a, block.depth, b, c, block.c_stride);
        continue;
      }
      some_rows<tile_rows>(rows, a, block.depth, b, whole, panel);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t j = 0; j < columns; ++j) c[r * block.c_stride + j] = whole[r * panel + j];
    }
  }
}

}  // namespace

const IntKernels int_kernels = {.panel_columns = panel, .multiply = multiply};

}  // namespace spinel::cpu::SPINEL_ISA
