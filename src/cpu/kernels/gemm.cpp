// The product of a block of rows with packed columns: the register tile and the loops around it.
#include "cpu/kernels/gemm.hpp"

#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/tile_rows.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// One register tile: Rows x (Vectors vectors), the last vector of a row only `columns` wide altogether.
struct Tile {
  const float* a;
  int64_t a_stride;
  const float* b;
  float* c;
  int64_t c_stride;
  int64_t depth;
  int64_t columns;
  const float* start;
  int64_t start_stride;
  const Epilogue* epilogue;
  int64_t column;          ///< Of the block, for the epilogue.
  const int32_t* offsets;  ///< Of a gathering tile: where in A each element of a row lies, in bytes.
  const char* ahead;       ///< What will be read of B next, fetched into the second-level cache meanwhile:
  int64_t ahead_step;      ///< as many bytes a step of the depth.
};

inline Vec load_columns(const float* p, int v, int64_t columns) {
  const int64_t left = columns - int64_t{v} * vector_floats;
  p += v * vector_floats;
  return left >= vector_floats ? load(p) : load_partial(p, left);
}

template <int Rows, int Vectors, bool Gathers>
void multiply_tile(const Tile& t) {
  Vec acc[Rows][Vectors];
  const bool whole = t.columns == Vectors * vector_floats;
  if (t.start == nullptr) {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) acc[m][v] = Vec{};
  } else if (whole) {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) acc[m][v] = load(t.start + m * t.start_stride + v * vector_floats);
  } else {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) acc[m][v] = load_columns(t.start + m * t.start_stride, v, t.columns);
  }

  const int64_t stride = t.a_stride * static_cast<int64_t>(sizeof(float));
  const int64_t stride3 = 3 * stride;
  const char* a0 = reinterpret_cast<const char*>(t.a);
  const char* a5 = a0 + 5 * stride;
  const char* a10 = a5 + 5 * stride;
  const float* b = t.b;
  const char* ahead = t.ahead;
  for (int64_t k = 0; k < t.depth; ++k) {
    Vec bv[Vectors];
#pragma GCC unroll 4
    for (int v = 0; v < Vectors; ++v) bv[v] = load(b + v * vector_floats);
    b += Vectors * vector_floats;
    __builtin_prefetch(ahead, 0, 2);
    __builtin_prefetch(ahead + 64, 0, 2);
    ahead += t.ahead_step;
    if constexpr (Gathers) {
      a0 = reinterpret_cast<const char*>(t.a) + t.offsets[k];
      a5 = a0 + 5 * stride;
      a10 = a5 + 5 * stride;
    }
#define SPINEL_ROW(m, address)                                                                      \
  if constexpr (Rows > (m)) {                                                                       \
    const Vec x = broadcast(*reinterpret_cast<const float*>(address));                              \
    _Pragma("GCC unroll 4") for (int v = 0; v < Vectors; ++v) acc[m][v] = fma(x, bv[v], acc[m][v]); \
  }
    SPINEL_FOR_EACH_ROW(SPINEL_ROW)
#undef SPINEL_ROW
    if constexpr (!Gathers) {
      a0 += sizeof(float);
      a5 += sizeof(float);
      a10 += sizeof(float);
    }
  }

  if (const Epilogue* e = t.epilogue) {
    if (e->bias != nullptr) {
      Vec bias[Vectors];
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) bias[v] = load_columns(e->bias + t.column, v, t.columns);
#pragma GCC unroll 16
      for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) acc[m][v] += bias[v];
    }
    if (e->activation == Activation::clamp) {
      const Vec low = broadcast(e->low);
      const Vec high = broadcast(e->high);
#pragma GCC unroll 16
      for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
        for (int v = 0; v < Vectors; ++v) acc[m][v] = clamp(acc[m][v], low, high);
    }
  }

  if (whole) {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) store(t.c + m * t.c_stride + v * vector_floats, acc[m][v]);
  } else {
#pragma GCC unroll 16
    for (int m = 0; m < Rows; ++m)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v) {
        const int64_t left = t.columns - int64_t{v} * vector_floats;
        float* c = t.c + m * t.c_stride + v * vector_floats;
        if (left >= vector_floats)
          store(c, acc[m][v]);
        else
          store_partial(c, acc[m][v], left);
      }
  }
}

using TileFunction = void (*)(const Tile&);

template <int Vectors, bool Gathers>
TileFunction tile_function(int64_t rows) {
  static constexpr TileFunction table[] = {
    nullptr,
    multiply_tile<1, Vectors, Gathers>,
    multiply_tile<2, Vectors, Gathers>,
    multiply_tile<3, Vectors, Gathers>,
    multiply_tile<4, Vectors, Gathers>,
    multiply_tile<5, Vectors, Gathers>,
    multiply_tile<6, Vectors, Gathers>,
#if defined(__AVX512F__)
    multiply_tile<7, Vectors, Gathers>,
    multiply_tile<8, Vectors, Gathers>,
    multiply_tile<9, Vectors, Gathers>,
    multiply_tile<10, Vectors, Gathers>,
    multiply_tile<11, Vectors, Gathers>,
    multiply_tile<12, Vectors, Gathers>,
    multiply_tile<13, Vectors, Gathers>,
    multiply_tile<14, Vectors, Gathers>,
#endif
  };
  return table[rows];
}

}  // namespace

int64_t packed_size(int64_t depth, int64_t columns) {
  const int64_t rest = columns % panel_columns;
  const int64_t last = rest == 0 ? 0 : rest <= vector_floats ? vector_floats : panel_columns;
  return depth * (columns - rest + last);
}

void pack_columns(const float* from, int64_t row_stride, int64_t column_stride, int64_t depth,
                  int64_t columns, float* to) {
  for (int64_t n0 = 0; n0 < columns; n0 += panel_columns) {
    const int64_t count = columns - n0 < panel_columns ? columns - n0 : panel_columns;
    const int64_t width = count <= vector_floats ? vector_floats : panel_columns;
    for (int64_t k = 0; k < depth; ++k) {
      const float* row = from + k * row_stride + n0 * column_stride;
      for (int64_t n = 0; n < count; ++n) to[n] = row[n * column_stride];
      for (int64_t n = count; n < width; ++n) to[n] = 0;
      to += width;
    }
  }
}

void gemm_block(const GemmBlock& block) {
  const bool activates = block.epilogue != nullptr && block.epilogue->activation > Activation::clamp;
  // Rows are shared out evenly, so that the last tile is not much smaller than the others.
  const int64_t tiles = (block.rows + tile_rows - 1) / tile_rows;
  for (int64_t n = 0; n < block.columns; n += panel_columns) {
    const int64_t columns = block.columns - n < panel_columns ? block.columns - n : panel_columns;
    const bool narrow = columns <= vector_floats;
    const int64_t width = narrow ? vector_floats : panel_columns;
    const int64_t panel = n * block.whole_depth + block.k * width;
    const float* b = block.half_b != nullptr ? block.panel : block.b + panel;
    if (block.half_b != nullptr)
      for (int64_t i = 0; i < block.depth * width; i += vector_floats)
        store(block.panel + i, load(block.half_b + panel + i));
    // The next panel, or this one's next depth block for which the first panel stands, is fetched while this
    // is used.
    const bool last = n + panel_columns >= block.columns;
    const int64_t next = last ? (block.k + block.depth) * panel_columns
                              : (n + panel_columns) * block.whole_depth + block.k * panel_columns;
    const char* ahead = block.half_b != nullptr ? reinterpret_cast<const char*>(block.half_b + next)
                                                : reinterpret_cast<const char*>(block.b + next);
    const int64_t element = block.half_b != nullptr ? sizeof(uint16_t) : sizeof(float);
    int64_t row = 0;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t rows = (block.rows - row + tiles - tile - 1) / (tiles - tile);
      const Tile t{.a = block.a + row * block.a_stride,
                   .a_stride = block.a_stride,
                   .b = b,
                   .c = block.c + row * block.c_stride + n,
                   .c_stride = block.c_stride,
                   .depth = block.depth,
                   .columns = columns,
                   .start = block.start == nullptr ? nullptr : block.start + row * block.start_stride + n,
                   .start_stride = block.start_stride,
                   .epilogue = block.epilogue,
                   .column = n,
                   .offsets = nullptr,
                   .ahead = ahead + tile * (block.depth * panel_columns * element / tiles),
                   .ahead_step = panel_columns * element / tiles};
      (narrow ? tile_function<1, false>(rows) : tile_function<tile_vectors, false>(rows))(t);
      if (activates) activate_rows(*block.epilogue, t.c, t.c_stride, rows, columns);
      row += rows;
    }
  }
}

void planar_rows(const PlanarRows& p) {
  const bool activates = p.epilogue->activation > Activation::clamp;
  const int64_t tiles = (p.out_width + tile_rows - 1) / tile_rows;
  for (int64_t n = 0; n < p.columns; n += panel_columns) {
    const int64_t columns = p.columns - n < panel_columns ? p.columns - n : panel_columns;
    const bool narrow = columns <= vector_floats;
    for (int64_t row = 0; row < p.rows; ++row) {
      int64_t w = 0;
      for (int64_t tile = 0; tile < tiles; ++tile) {
        const int64_t count = (p.out_width - w + tiles - tile - 1) / (tiles - tile);
        const Tile t{.a = p.x + row * p.row_step + w * p.pixel_step,
                     .a_stride = p.pixel_step,
                     .b = p.b + n * p.depth,
                     .c = p.c + (row * p.out_width + w) * p.columns + n,
                     .c_stride = p.columns,
                     .depth = p.depth,
                     .columns = columns,
                     .start = nullptr,
                     .start_stride = 0,
                     .epilogue = p.epilogue,
                     .column = n,
                     .offsets = p.offsets,
                     .ahead = reinterpret_cast<const char*>(p.b),
                     .ahead_step = 0};
        (narrow ? tile_function<1, true>(count) : tile_function<tile_vectors, true>(count))(t);
        if (activates) activate_rows(*p.epilogue, t.c, t.c_stride, count, columns);
        w += count;
      }
    }
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
