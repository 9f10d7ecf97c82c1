#include "cpu/element_grid.hpp"

#include <algorithm>

namespace spinel::cpu {
namespace {

int64_t blocks_of(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

}  // namespace

ElementGrid::ElementGrid(std::span<const int64_t> out, std::span<const std::span<const int64_t>> operands,
                         int64_t block_elements)
    : operand_count_(operands.size()) {
  // From the last axis to the first: an axis joins the one after it where all operands go on alike.
  std::array<int64_t, max_rank> dims = {};
  std::array<std::array<int64_t, max_operands>, max_rank> strides = {};
  std::array<int64_t, max_operands> size = {};  // Of the axes of each operand seen so far.
  size.fill(1);
  size_t rank = 0;
  for (size_t back = 1; back <= out.size(); ++back) {
    const int64_t dim = out[out.size() - back];
    elements_ *= dim;
    std::array<int64_t, max_operands> stride = {};
    for (size_t i = 0; i < operand_count_; ++i) {
      const int64_t own = back <= operands[i].size() ? operands[i][operands[i].size() - back] : 1;
      stride[i] = own == 1 ? 0 : size[i];
      size[i] *= own;
    }
    if (dim == 1) continue;
    bool joins = rank > 0;
    for (size_t i = 0; joins && i < operand_count_; ++i)
      joins = stride[i] == strides[rank - 1][i] * dims[rank - 1];
    if (joins) {
      dims[rank - 1] *= dim;
    } else {
      dims[rank] = dim;
      strides[rank++] = stride;
    }
  }
  // `dims` now stand from the innermost to the outermost.
  if (rank > 0) {
    columns_ = dims[0];
    for (size_t i = 0; i < operand_count_; ++i) repeats_[i] = strides[0][i] == 0;
  } else {
    repeats_.fill(true);
  }
  if (rank > 1) {
    rows_ = dims[1];
    row_strides_ = strides[1];
  }
  for (size_t axis = 2; axis < rank; ++axis) {
    outer_[outer_rank_] = dims[axis];
    outer_strides_[outer_rank_++] = strides[axis];
  }
  if (elements_ == 0) return;
  block_columns_ = std::min(columns_, block_elements);
  block_rows_ = std::clamp<int64_t>(block_elements / block_columns_, 1, rows_);
  block_count_ =
      elements_ / (rows_ * columns_) * blocks_of(rows_, block_rows_) * blocks_of(columns_, block_columns_);
}

ElementGrid::Block ElementGrid::block(int64_t index) const {
  const int64_t column_blocks = blocks_of(columns_, block_columns_);
  const int64_t row_blocks = blocks_of(rows_, block_rows_);
  const int64_t column = index % column_blocks * block_columns_;
  const int64_t row = index / column_blocks % row_blocks * block_rows_;
  int64_t outer = index / column_blocks / row_blocks;
  Block block;
  block.rows = std::min(block_rows_, rows_ - row);
  block.columns = std::min(block_columns_, columns_ - column);
  block.out = (outer * rows_ + row) * columns_ + column;
  for (size_t i = 0; i < operand_count_; ++i)
    block.operand[i] = row * row_strides_[i] + (repeats_[i] ? 0 : column);
  for (size_t axis = 0; axis < outer_rank_; ++axis) {
    const int64_t at = outer % outer_[axis];
    outer /= outer_[axis];
    for (size_t i = 0; i < operand_count_; ++i) block.operand[i] += at * outer_strides_[axis][i];
  }
  return block;
}

}  // namespace spinel::cpu
