// The tuned kernels that attention needs beside the products. The rules of cpu/kernels.hpp hold.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace spinel::cpu {

/// A matrix in memory: element (row, column) at row * row_stride + column * column_stride.
struct StridedMatrix {
  const void* data = nullptr;
  bool half = false;  ///< float16, else float32.
  int64_t row_stride = 0;
  int64_t column_stride = 0;
};

/// Rows of scores that become unnormalised weights.
struct SoftmaxRows {
  float* scores = nullptr;  ///< rows x columns; replaced by e^(scale * score + mask - maximum of the row).
  int64_t stride = 0;       ///< Floats between rows.
  int64_t rows = 0;
  int64_t columns = 0;
  float scale = 1;
  StridedMatrix mask;              ///< Added after scaling; strides of 0 repeat it. No data: none.
  float* inverse_sums = nullptr;   ///< One a row.
  bool undefined_is_zero = false;  ///< Rows whose sum is NaN (every score is -inf) become zeros.
};

struct AttentionKernels {
  /// Kernels::pack_columns of a matrix of either type.
  void (*pack)(const StridedMatrix& from, int64_t depth, int64_t columns, float* to);
  /// Rows with contiguous elements as float32, `to_stride` floats apart.
  void (*widen_rows)(const StridedMatrix& from, int64_t rows, int64_t columns, float* to, int64_t to_stride);
  void (*softmax_rows)(const SoftmaxRows& rows);
  /// to(row, column) = from(row, column) * factors[row]; `to` may be `from` if both are float32.
  void (*scale_rows)(const float* from, int64_t from_stride, const float* factors, int64_t rows,
                     int64_t columns, void* to, int64_t to_stride, bool to_half);
};

}  // namespace spinel::cpu
