// The register tile of products in 16-bit arithmetic and the loops around it. Included by arch/*_gemm.cpp
// alone.
#pragma once
#include "cpu/half_kernels.hpp"
#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/simd.hpp"
#include "cpu/kernels/tile_rows.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int tile_vectors = 2;
constexpr int tile_rows = 14;
constexpr int64_t panel_columns = int64_t{tile_vectors} * vector_floats;

inline int64_t even(int64_t depth) { return (depth + 1) / 2 * 2; }
/// Columns that a panel of `count` has room for.
inline int64_t panel_width(int64_t count) { return count <= vector_floats ? vector_floats : panel_columns; }

struct Tile {
  const uint16_t* a;
  int64_t a_stride;
  const float* scales;  ///< Of the rows' chunks.
  int64_t scale_stride;
  const uint16_t* b;
  const float* column_scales;
  float* c;
  int64_t c_stride;
  const float* start;  ///< nullptr: zeros.
  int64_t start_stride;
  int64_t depth, chunk;
  int64_t columns;
  bool all_finite;
  bool finishes;      ///< With the last chunk come bias, residual and activation.
  const float* bias;  ///< Of a whole panel.
  const Epilogue* epilogue;
  const uint16_t* residual;  ///< nullptr: none.
  int64_t residual_stride;
  uint16_t* y;  ///< nullptr: the result stays in C.
  int64_t y_stride;
  const char* ahead;   ///< Of B, fetched into the second-level cache meanwhile:
  int64_t ahead_step;  ///< as many bytes a pair of the depth.
};

/// The sums of depth products, at most a chunk, as float32 [Rows][Vectors * vector_floats]; added to what is
/// there.
///
/// `Arithmetic` has the types Sum and Pairs, load_pairs, broadcast_pair, multiply_add, and widen, which makes
/// float32 of the sums given the scales of row and columns; replace_rows puts right the rows that it cannot
/// do.
template <class Arithmetic, int Rows, int Vectors>
void multiply_chunk(const Tile& t, const uint16_t* a, const float* scales, const uint16_t* b, int64_t depth,
                    const char* ahead, bool adds, float* sums) {
  typename Arithmetic::Sum acc[Rows][Vectors];
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) acc[m][v] = typename Arithmetic::Sum{};
  const int64_t stride = t.a_stride * static_cast<int64_t>(sizeof *a);
  const int64_t stride3 = 3 * stride;
  const char* a0 = reinterpret_cast<const char*>(a);
  const char* a5 = a0 + 5 * stride;
  const char* a10 = a5 + 5 * stride;
  for (int64_t k = 0; k < depth; k += 2) {
    typename Arithmetic::Pairs bv[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) bv[v] = Arithmetic::load_pairs(b + v * 2 * vector_floats);
    b += Vectors * 2 * vector_floats;
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + 64, 0, 2);
    ahead += t.ahead_step;
#define SPINEL_ROW(m, address)                                                                               \
  if constexpr (Rows > (m)) {                                                                                \
    const auto x = Arithmetic::broadcast_pair(address);                                                      \
    _Pragma("GCC unroll 4") for (int v = 0; v < Vectors; ++v) Arithmetic::multiply_add(acc[m][v], x, bv[v]); \
  }
    SPINEL_FOR_EACH_ROW(SPINEL_ROW)
#undef SPINEL_ROW
    a0 += 2 * sizeof *a;
    a5 += 2 * sizeof *a;
    a10 += 2 * sizeof *a;
  }
  const auto widened = [&](int m, int v) {
    return Arithmetic::widen(acc[m][v], scales + m * t.scale_stride, t.column_scales + v * vector_floats);
  };
  if (adds) {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        float* sum = sums + (m * Vectors + v) * vector_floats;
        store(sum, load(sum) + widened(m, v));
      }
  } else {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store(sums + (m * Vectors + v) * vector_floats, widened(m, v));
  }
}

/// C = start + sums, a tile's [rows][vectors * vector_floats].
inline void add_sums(const Tile& t, const float* sums, int64_t rows, int64_t vectors) {
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t v = 0; v < vectors; ++v, sums += vector_floats) {
      const int64_t n = v * vector_floats;
      const int64_t left = t.columns - n;
      Vec x = load(sums);
      if (t.start != nullptr) x += load_some(t.start + m * t.start_stride + n, left);
      store_some(t.c + m * t.c_stride + n, x, left);
    }
}

/// Y = activation(start + sums + bias + residual); in C without Y.
inline void finish_tile(const Tile& t, const float* sums, int64_t rows, int64_t vectors) {
  const bool activates = t.epilogue->activation > Activation::clamp;
  const bool clamps = t.epilogue->activation == Activation::clamp;
  const Vec low = broadcast(t.epilogue->low);
  const Vec high = broadcast(t.epilogue->high);
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t v = 0; v < vectors; ++v, sums += vector_floats) {
      const int64_t n = v * vector_floats;
      const int64_t left = t.columns - n;
      Vec x = load(sums) + load(t.bias + n);
      if (t.start != nullptr) x += load_some(t.start + m * t.start_stride + n, left);
      if (t.residual != nullptr) x += load_some(t.residual + m * t.residual_stride + n, left);
      if (clamps) x = clamp(x, low, high);
      if (t.y != nullptr && !activates)
        store_some(t.y + m * t.y_stride + n, x, left);
      else
        store_some(t.c + m * t.c_stride + n, x, left);
    }
  if (!activates) return;
  activate_rows(*t.epilogue, t.c, t.c_stride, rows, t.columns);
  if (t.y == nullptr) return;
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < t.columns; n += vector_floats)
      store_some(t.y + m * t.y_stride + n, load_some(t.c + m * t.c_stride + n, t.columns - n), t.columns - n);
}

template <class Arithmetic, int Rows, int Vectors>
void multiply_tile(const Tile& t) {
  alignas(64) float sums[Rows * Vectors * vector_floats];
  const float* scales = t.scales;
  for (int64_t k = 0; k < t.depth; k += t.chunk, ++scales) {
    const int64_t depth = t.depth - k < t.chunk ? t.depth - k : t.chunk;
    const uint16_t* const b = t.b + k * Vectors * vector_floats;
    multiply_chunk<Arithmetic, Rows, Vectors>(t, t.a + k, scales, b, depth, t.ahead + k / 2 * t.ahead_step,
                                              k > 0, sums);
    if (!t.all_finite) Arithmetic::add_left_rows(t, t.a + k, scales, b, depth, sums, Rows, Vectors);
  }
  if (t.finishes)
    finish_tile(t, sums, Rows, Vectors);
  else
    add_sums(t, sums, Rows, Vectors);
}

using TileFunction = void (*)(const Tile&);

template <class Arithmetic, int Vectors>
TileFunction tile_function(int64_t rows) {
  static constexpr TileFunction table[] = {nullptr,
                                           multiply_tile<Arithmetic, 1, Vectors>,
                                           multiply_tile<Arithmetic, 2, Vectors>,
                                           multiply_tile<Arithmetic, 3, Vectors>,
                                           multiply_tile<Arithmetic, 4, Vectors>,
                                           multiply_tile<Arithmetic, 5, Vectors>,
                                           multiply_tile<Arithmetic, 6, Vectors>,
                                           multiply_tile<Arithmetic, 7, Vectors>,
                                           multiply_tile<Arithmetic, 8, Vectors>,
                                           multiply_tile<Arithmetic, 9, Vectors>,
                                           multiply_tile<Arithmetic, 10, Vectors>,
                                           multiply_tile<Arithmetic, 11, Vectors>,
                                           multiply_tile<Arithmetic, 12, Vectors>,
                                           multiply_tile<Arithmetic, 13, Vectors>,
                                           multiply_tile<Arithmetic, 14, Vectors>};
  return table[rows];
}

/// Elements of a column in packed B: before a panel's pairs may stand as many of its own as
/// Arithmetic::header.
template <class Arithmetic>
int64_t packed_depth(int64_t depth) {
  return even(depth) + Arithmetic::header;
}

template <class Arithmetic>
int64_t packed_size(int64_t depth, int64_t columns) {
  const int64_t rest = columns % panel_columns;
  const int64_t last = rest == 0 ? 0 : panel_width(rest);
  return packed_depth<Arithmetic>(depth) * (columns - rest + last);
}

template <class Arithmetic>
void gemm_block(const HalfGemmBlock& block) {
  static constexpr Epilogue no_epilogue{};
  const int64_t tiles = (block.rows + tile_rows - 1) / tile_rows;
  const int64_t chunks = (block.depth + block.chunk - 1) / block.chunk;
  const int64_t whole_depth = packed_depth<Arithmetic>(block.whole_depth);
  const int64_t begin = Arithmetic::header + block.k;
  for (int64_t n = 0; n < block.columns; n += panel_columns) {
    const int64_t columns = block.columns - n < panel_columns ? block.columns - n : panel_columns;
    const bool narrow = columns <= vector_floats;
    const uint16_t* panel = block.b + n * whole_depth;
    const bool last = n + panel_columns >= block.columns;
    const uint16_t* next = last ? block.b + (begin + block.depth) * panel_columns
                                : block.b + (n + panel_columns) * whole_depth + begin * panel_columns;
    float bias[panel_columns] = {};
    if (block.epilogue != nullptr && block.epilogue->bias != nullptr)
      __builtin_memcpy(bias, block.epilogue->bias + n, static_cast<size_t>(columns) * sizeof *bias);
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t rows = (block.rows - row + tiles - tile - 1) / (tiles - tile);
      const int64_t panel_bytes = block.depth * panel_columns * static_cast<int64_t>(sizeof(uint16_t));
      const Tile t{
          .a = block.a + row * block.a_stride,
          .a_stride = block.a_stride,
          .scales = block.scales + row * chunks,
          .scale_stride = chunks,
          .b = panel + begin * panel_width(columns),
          .column_scales = reinterpret_cast<const float*>(panel),
          .c = block.c + row * block.c_stride + n,
          .c_stride = block.c_stride,
          .start = block.start == nullptr ? nullptr : block.start + row * block.start_stride + n,
          .start_stride = block.start_stride,
          .depth = block.depth,
          .chunk = block.chunk,
          .columns = columns,
          .all_finite = block.all_finite,
          .finishes = block.epilogue != nullptr,
          .bias = bias,
          .epilogue = block.epilogue == nullptr ? &no_epilogue : block.epilogue,
          .residual = block.residual == nullptr ? nullptr : block.residual + row * block.residual_stride + n,
          .residual_stride = block.residual_stride,
          .y = block.y == nullptr ? nullptr : block.y + row * block.y_stride + n,
          .y_stride = block.y_stride,
          .ahead = reinterpret_cast<const char*>(next) + tile * (panel_bytes / tiles),
          .ahead_step = 2 * panel_columns * static_cast<int64_t>(sizeof(uint16_t)) / tiles};
      (narrow ? tile_function<Arithmetic, 1>(rows) : tile_function<Arithmetic, tile_vectors>(rows))(t);
      row += rows;
    }
  }
}

}  // namespace
}  // namespace spinel::cpu::SPINEL_ISA
