// Matrix products of 8-bit integers: QLinearMatMul, MatMulInteger, QGemm and their kin.
#pragma once
#include <vector>

#include "ops/int_product.hpp"
#include "ops/matmul.hpp"

namespace spinel::ops {

/// A stack of matrices of int8 or uint8, and the zero points that are subtracted from their elements.
struct IntMatrices {
  const uint8_t* data;
  bool is_signed;
  int64_t matrices, rows, columns;
  bool transposed = false;           ///< In memory a matrix is [columns, rows].
  std::vector<int32_t> zero_points;  ///< One for all, one a line, or one for each line of every matrix.
  bool lines_are_columns = false;    ///< What a line is.

  /// Element (row, column) of a matrix with its zero point subtracted.
  int16_t at(int64_t matrix, int64_t row, int64_t column) const {
    const int64_t inside = transposed ? column * rows + row : row * columns + column;
    const uint8_t byte = data[matrix * rows * columns + inside];
    return static_cast<int16_t>((is_signed ? static_cast<int8_t>(byte) : int32_t{byte}) -
                                zero_point(matrix, lines_are_columns ? column : row));
  }
  int32_t zero_point(int64_t matrix, int64_t line) const {
    const auto lines = static_cast<size_t>(lines_are_columns ? columns : rows);
    if (zero_points.size() == 1) return zero_points[0];
    return zero_points[zero_points.size() == lines
                           ? static_cast<size_t>(line)
                           : static_cast<size_t>(matrix) * lines + static_cast<size_t>(line)];
  }
};

/// Operand a or b, with its zero point (an undefined tensor: 0). Throws Error(invalid_argument) if the zero
/// point's elements do not fit.
IntMatrices left_matrices(const Tensor& a, const Tensor& zero_point);
IntMatrices right_matrices(const Tensor& b, const Tensor& zero_point);
/// Throws Error(unsupported) unless the tensor is int8 or uint8.
void require_int8(const Tensor& tensor, const char* name);
/// The same at inference, if the type is known.
void require_int8(const InferContext& context, size_t index, const char* name);

/// A right operand's columns, packed.
class IntColumns {
 public:
  explicit IntColumns(const IntMatrices& b);
  const int16_t* matrix(int64_t index) const { return data_.data() + index * matrix_elements_; }

 private:
  std::vector<int16_t> data_;
  int64_t matrix_elements_ = 0;
};

/// Calls `emit` with tiles that cover all sums; matrices are counted over layout.stack. Tiles come from
/// several tasks at once. The operator has booked int_block_bytes(layout.k) a thread; outputs must have been
/// made.
void int_matmul(RunContext& context, const MatMulLayout& layout, const IntMatrices& a, const IntColumns& b,
                IntTileFn emit);

}  // namespace spinel::ops
