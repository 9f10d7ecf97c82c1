// The register tile of cpu/int_kernels.hpp: rows of A, broadcast in pairs, times two vectors of columns of B.
#include "cpu/int_kernels.hpp"
#include "cpu/kernels/int_lanes.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

template <int rows>
void tile(const int16_t* a, int64_t depth, const int16_t* b, int32_t* c, int64_t c_stride) {
  Sums sums[rows][2];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) sums[r][0] = sums[r][1] = zero_sums();
  for (int64_t k = 0; k < depth; k += 2, b += 2 * panel) {
    const Sums b0 = load_group(b);
    const Sums b1 = load_group(b + panel);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const Sums x = broadcast_group(a + r * depth + k);
      sums[r][0] = add_pairs(sums[r][0], x, b0);
      sums[r][1] = add_pairs(sums[r][1], x, b1);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
    store_sums(c + r * c_stride, sums[r][0]);
    store_sums(c + r * c_stride + lanes, sums[r][1]);
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
