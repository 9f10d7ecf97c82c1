// Products of 8-bit integers: operands widened to int16 with their zero points subtracted, sums in int32.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/function_ref.hpp"

namespace spinel::ops {

/// Multiplies rows with columns. Elements lie in [-255, 255]; sums wrap around at 32 bits. Everything is
/// exact, so that implementations and ways to cut the work cannot be told apart. Immutable; shared between
/// threads.
class IntProduct {
 public:
  virtual ~IntProduct() = default;
  /// What kernels that use it are called in profiles.
  virtual const char* name() const = 0;
  /// Elements of packed columns. `depth` is even here and below; a row or column of odd length ends with a 0.
  virtual int64_t packed_elements(int64_t columns, int64_t depth) const = 0;
  /// Packs columns that lie one after another, each of `depth` elements.
  virtual void pack(const int16_t* from, int64_t columns, int64_t depth, int16_t* to) const = 0;
  /// c[r * c_stride + j] = sum over k of a[r * depth + k] * column (column + j) at k. `column` is a multiple
  /// of column_block.
  virtual void multiply(const int16_t* a, int64_t rows, int64_t depth, const int16_t* packed, int64_t column,
                        int64_t columns, int32_t* c, int64_t c_stride) const = 0;

  static constexpr int64_t column_block = 32;
};

/// Plain loops.
const IntProduct& reference_int_product();

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

/// Largest tile that is given to an IntTileFn; its rows are a multiple of the largest register tile's 14.
constexpr int64_t int_tile_rows = 56;
constexpr int64_t int_tile_columns = 64;
static_assert(int_tile_columns % IntProduct::column_block == 0);

/// Rows of a left operand of that depth that are held at once.
int64_t int_row_block(int64_t depth);
/// Bytes that a task needs for the rows and sums of a block.
uint64_t int_block_bytes(int64_t depth);

}  // namespace spinel::ops
