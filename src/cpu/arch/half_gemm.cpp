// The product in float16 arithmetic. Without the instructions for it the compiler computes element by
// element, which the tests use on machines that lack them.
#include "cpu/half_kernels.hpp"
#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/simd.hpp"
#include "cpu/kernels/tile_rows.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int tile_vectors = 2;
constexpr int tile_rows = 14;
constexpr int64_t panel_columns = int64_t{tile_vectors} * vector_floats;

typedef _Float16 HalfVec __attribute__((vector_size(64)));
typedef _Float16 UnalignedHalfVec __attribute__((vector_size(64), aligned(alignof(uint16_t)), may_alias));

inline HalfVec load_pairs(const uint16_t* p) { return *reinterpret_cast<const UnalignedHalfVec*>(p); }
inline HalfVec broadcast_pair(const void* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof pair);
  return reinterpret_cast<HalfVec>(_mm512_set1_epi32(pair));
}
inline HalfVec multiply_add(HalfVec a, HalfVec b, HalfVec c) {
#if defined(__AVX512FP16__)
  return reinterpret_cast<HalfVec>(_mm512_fmadd_ph(reinterpret_cast<__m512h>(a), reinterpret_cast<__m512h>(b),
                                                   reinterpret_cast<__m512h>(c)));
#else
  return a * b + c;
#endif
}
/// The two sums of each column, added in float32.
inline Vec add_pairs(HalfVec x) {
  const __m512i bits = reinterpret_cast<__m512i>(x);
  const Vec even = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(bits));
  const Vec odd = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
  return even + odd;
}

struct Tile {
  const uint16_t* a;
  int64_t a_stride;
  const uint16_t* b;
  float* c;
  int64_t c_stride;
  const float* start;
  int64_t start_stride;
  int64_t depth, chunk;
  int64_t columns;
  const Epilogue* epilogue;
  const char* ahead;   ///< Of B, fetched into the second-level cache meanwhile:
  int64_t ahead_step;  ///< as many bytes a pair of the depth.
};

/// Adds depth elements, at most a chunk, to the tile of C.
template <int Rows, int Vectors>
void multiply_chunk(const Tile& t, const uint16_t* a, const uint16_t* b, int64_t depth, const char* ahead) {
  HalfVec acc[Rows][Vectors];
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) acc[m][v] = HalfVec{};
  const int64_t stride = t.a_stride * static_cast<int64_t>(sizeof *a);
  const int64_t stride3 = 3 * stride;
  const char* a0 = reinterpret_cast<const char*>(a);
  const char* a5 = a0 + 5 * stride;
  const char* a10 = a5 + 5 * stride;
  for (int64_t k = 0; k < depth; k += 2) {
    HalfVec bv[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) bv[v] = load_pairs(b + v * 2 * vector_floats);
    b += Vectors * 2 * vector_floats;
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + 64, 0, 2);
    ahead += t.ahead_step;
#define SPINEL_ROW(m, address)                                                                               \
  if constexpr (Rows > (m)) {                                                                                \
    const HalfVec x = broadcast_pair(address);                                                               \
    _Pragma("GCC unroll 4") for (int v = 0; v < Vectors; ++v) acc[m][v] = multiply_add(x, bv[v], acc[m][v]); \
  }
    SPINEL_FOR_EACH_ROW(SPINEL_ROW)
#undef SPINEL_ROW
    a0 += 2 * sizeof *a;
    a5 += 2 * sizeof *a;
    a10 += 2 * sizeof *a;
  }
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) {
      float* c = t.c + m * t.c_stride + v * vector_floats;
      const int64_t left = t.columns - int64_t{v} * vector_floats;
      store_some(c, load_some(c, left) + add_pairs(acc[m][v]), left);
    }
}

template <int Rows, int Vectors>
void multiply_tile(const Tile& t) {
  for (int64_t m = 0; m < Rows; ++m)
    for (int64_t n = 0; n < t.columns; n += vector_floats) {
      float* c = t.c + m * t.c_stride + n;
      const int64_t left = t.columns - n;
      store_some(c, t.start == nullptr ? Vec{} : load_some(t.start + m * t.start_stride + n, left), left);
    }
  for (int64_t k = 0; k < t.depth; k += t.chunk) {
    const int64_t depth = t.depth - k < t.chunk ? t.depth - k : t.chunk;
    multiply_chunk<Rows, Vectors>(t, t.a + k, t.b + k * Vectors * vector_floats, depth,
                                  t.ahead + k / 2 * t.ahead_step);
  }
  if (t.epilogue == nullptr) return;
  if (t.epilogue->bias != nullptr)
    for (int64_t m = 0; m < Rows; ++m)
      for (int64_t n = 0; n < t.columns; n += vector_floats) {
        float* c = t.c + m * t.c_stride + n;
        const int64_t left = t.columns - n;
        store_some(c, load_some(c, left) + load_some(t.epilogue->bias + n, left), left);
      }
  if (t.epilogue->activation != Activation::none)
    activate_rows(*t.epilogue, t.c, t.c_stride, Rows, t.columns);
}

using TileFunction = void (*)(const Tile&);

template <int Vectors>
TileFunction tile_function(int64_t rows) {
  static constexpr TileFunction table[] = {nullptr,
                                           multiply_tile<1, Vectors>,
                                           multiply_tile<2, Vectors>,
                                           multiply_tile<3, Vectors>,
                                           multiply_tile<4, Vectors>,
                                           multiply_tile<5, Vectors>,
                                           multiply_tile<6, Vectors>,
                                           multiply_tile<7, Vectors>,
                                           multiply_tile<8, Vectors>,
                                           multiply_tile<9, Vectors>,
                                           multiply_tile<10, Vectors>,
                                           multiply_tile<11, Vectors>,
                                           multiply_tile<12, Vectors>,
                                           multiply_tile<13, Vectors>,
                                           multiply_tile<14, Vectors>};
  return table[rows];
}

int64_t even(int64_t depth) { return (depth + 1) / 2 * 2; }

int64_t packed_size(int64_t depth, int64_t columns) {
  const int64_t rest = columns % panel_columns;
  const int64_t last = rest == 0 ? 0 : rest <= vector_floats ? vector_floats : panel_columns;
  return even(depth) * (columns - rest + last);
}

void pack_columns(const float* from, int64_t row_stride, int64_t column_stride, int64_t depth,
                  int64_t columns, uint16_t* to) {
  for (int64_t n0 = 0; n0 < columns; n0 += panel_columns) {
    const int64_t count = columns - n0 < panel_columns ? columns - n0 : panel_columns;
    const int64_t width = count <= vector_floats ? vector_floats : panel_columns;
    for (int64_t k = 0; k < even(depth); k += 2) {
      float pairs[2 * panel_columns] = {};
      for (int64_t n = 0; n < count; ++n)
        for (int64_t i = 0; i < 2; ++i)
          if (k + i < depth) pairs[2 * n + i] = from[(k + i) * row_stride + (n0 + n) * column_stride];
      for (int64_t i = 0; i < 2 * width; i += vector_floats) store(to + i, load(pairs + i));
      to += 2 * width;
    }
  }
}

void gemm_block(const HalfGemmBlock& block) {
  const int64_t tiles = (block.rows + tile_rows - 1) / tile_rows;
  for (int64_t n = 0; n < block.columns; n += panel_columns) {
    const int64_t columns = block.columns - n < panel_columns ? block.columns - n : panel_columns;
    const bool narrow = columns <= vector_floats;
    const uint16_t* panel = block.b + n * block.whole_depth;
    const bool last = n + panel_columns >= block.columns;
    const uint16_t* next = last ? block.b + (block.k + block.depth) * panel_columns
                                : block.b + (n + panel_columns) * block.whole_depth + block.k * panel_columns;
    Epilogue epilogue;
    if (block.epilogue != nullptr) {
      epilogue = *block.epilogue;
      if (epilogue.bias != nullptr) epilogue.bias += n;
    }
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t rows = (block.rows - row + tiles - tile - 1) / (tiles - tile);
      const int64_t panel_bytes = block.depth * panel_columns * static_cast<int64_t>(sizeof(uint16_t));
      const Tile t{.a = block.a + row * block.a_stride,
                   .a_stride = block.a_stride,
                   .b = panel + block.k * (narrow ? vector_floats : panel_columns),
                   .c = block.c + row * block.c_stride + n,
                   .c_stride = block.c_stride,
                   .start = block.start == nullptr ? nullptr : block.start + row * block.start_stride + n,
                   .start_stride = block.start_stride,
                   .depth = block.depth,
                   .chunk = block.chunk,
                   .columns = columns,
                   .epilogue = block.epilogue == nullptr ? nullptr : &epilogue,
                   .ahead = reinterpret_cast<const char*>(next) + tile * (panel_bytes / tiles),
                   .ahead_step = 2 * panel_columns * static_cast<int64_t>(sizeof(uint16_t)) / tiles};
      (narrow ? tile_function<1>(rows) : tile_function<tile_vectors>(rows))(t);
      row += rows;
    }
  }
}

}  // namespace

extern const HalfKernels half_kernels;
const HalfKernels half_kernels = {
    .packed_size = packed_size, .pack_columns = pack_columns, .gemm_block = gemm_block};

}  // namespace spinel::cpu::SPINEL_ISA
