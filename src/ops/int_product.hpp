// Products of 8-bit integers: operands widened to int16 with their zero points subtracted, sums in int32.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/function_ref.hpp"

namespace spinel::ops {

// Elements lie in [-255, 255]; sums wrap around at 32 bits. Everything is exact, so that ways to cut the work
// cannot be told apart. `depth` is even; a row or column of odd length ends with a 0.

/// Elements of packed columns.
int64_t int_packed_elements(int64_t columns, int64_t depth);
/// Packs columns that lie one after another, each of `depth` elements.
void int_pack(const int16_t* from, int64_t columns, int64_t depth, int16_t* to);
/// c[r * c_stride + j] = sum over k of a[r * depth + k] * column (column + j) at k. `column` is a multiple of
/// int_tile_columns.
void int_multiply(const int16_t* a, int64_t rows, int64_t depth, const int16_t* packed, int64_t column,
                  int64_t columns, int32_t* c, int64_t c_stride);

constexpr int64_t even_depth(int64_t depth) { return (depth + 1) / 2 * 2; }

/// A part of a product: sums of rows [row, row + rows) and columns [column, column + columns), the element of
/// row r and column c at sums[(r - row) * stride + (c - column)].
struct IntTile {
  int64_t matrix;  ///< Which of several products; a convolution's sample.
  int64_t row, rows;
  int64_t column, columns;
  const int32_t* sums;
  int64_t stride;
};
using IntTileFn = FunctionRef<void(const IntTile&)>;

/// Largest tile that is given to an IntTileFn.
constexpr int64_t int_tile_rows = 56;
constexpr int64_t int_tile_columns = 64;

/// Rows of a left operand of that depth that are held at once.
int64_t int_row_block(int64_t depth);
/// Bytes that a task needs for the rows and sums of a block.
uint64_t int_block_bytes(int64_t depth);

}  // namespace spinel::ops
