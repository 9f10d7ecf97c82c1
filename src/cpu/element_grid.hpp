// How elementwise work over broadcast tensors is walked: axes merged, cut into blocks of rows and columns.
#pragma once
#include <array>
#include <cstdint>
#include <span>

namespace spinel::cpu {

/// An output's axes, merged where every operand allows it, so that the last axis is walked with step 0 or 1
/// by each operand. Holds no memory of its own. Blocks are numbered in the order of the output's elements.
class ElementGrid {
 public:
  static constexpr size_t max_rank = 8;
  static constexpr size_t max_operands = 16;

  /// Where one block lies.
  struct Block {
    int64_t rows = 0, columns = 0;
    int64_t out = 0;                                 ///< Element of the output where it begins.
    std::array<int64_t, max_operands> operand = {};  ///< Likewise in each operand.
  };

  /// `out` has at most max_rank dims; every operand broadcasts to it, numpy's way. A block has at most
  /// `block_elements` elements (at least one).
  ElementGrid(std::span<const int64_t> out, std::span<const std::span<const int64_t>> operands,
              int64_t block_elements);

  int64_t block_count() const { return block_count_; }
  int64_t elements() const { return elements_; }
  Block block(int64_t index) const;

  /// Elements between the rows of a block.
  int64_t out_row_stride() const { return columns_; }
  int64_t row_stride(size_t operand) const { return row_strides_[operand]; }
  /// The operand has one element a row.
  bool repeats(size_t operand) const { return repeats_[operand]; }

 private:
  size_t operand_count_;
  size_t outer_rank_ = 0;
  std::array<int64_t, max_rank> outer_ = {};
  std::array<std::array<int64_t, max_operands>, max_rank> outer_strides_ = {};
  int64_t rows_ = 1, columns_ = 1;
  std::array<int64_t, max_operands> row_strides_ = {};
  std::array<bool, max_operands> repeats_ = {};
  int64_t block_rows_ = 1, block_columns_ = 1;
  int64_t block_count_ = 0;
  int64_t elements_ = 1;
};

}  // namespace spinel::cpu
