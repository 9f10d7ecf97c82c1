// The tuned kernels that are not products: the part of the table for elementwise functions, normalisations,
// reductions and moves. The rules of cpu/kernels.hpp hold. Elements in memory are float32, or float16 that is
// widened when loaded and rounded once when stored.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace spinel::cpu {

/// A function of one to three operands; `p` and `q` are the parameters of ElementStep.
enum class ElementFunction : int32_t {
  copy,
  abs,
  neg,
  sqrt,
  reciprocal,
  clamp,  ///< To [p, q]; ReLU is clamp to [0, inf].
  exp,
  log,
  sigmoid,
  silu,          ///< a * sigmoid(p * a)
  hard_sigmoid,  ///< clamp(p * a + q, 0, 1)
  hard_swish,    ///< a * clamp(a / 6 + 1 / 2, 0, 1)
  leaky_relu,    ///< a < 0 ? p * a : a
  elu,           ///< a > 0 ? q * a : p * (e^a - 1)
  tanh,
  erf,
  gelu,
  gelu_tanh,
  softplus,
  mish,
  softsign,
  add,  ///< From here on of two operands.
  sub,
  mul,
  div,
  min,  ///< NaN where either operand is NaN.
  max,
  prelu,    ///< a < 0 ? a * b : a
  mul_add,  ///< clamp(a * b + c, p, q); b and c have one type.
};

constexpr int operand_count(ElementFunction f) {
  return f < ElementFunction::add ? 1 : f < ElementFunction::mul_add ? 2 : 3;
}

/// Where a rows x columns block of elements lies.
struct ElementOperand {
  const void* data = nullptr;
  int64_t row_stride = 0;  ///< Elements; 0: one row for all.
  bool repeats = false;    ///< One element a row, the same for all columns.
  bool half = false;       ///< float16, else float32.
};

/// to = function(a, b, c), element by element. `to` may be the memory of an operand with the same layout.
struct ElementStep {
  ElementFunction function = ElementFunction::copy;
  float p = 0, q = 0;
  ElementOperand operands[3];
  void* to = nullptr;
  int64_t to_row_stride = 0;
  bool to_half = false;
  int64_t rows = 0, columns = 0;
};

/// Lines of a tensor that are normalised to e^x / sum(e^x).
struct SoftmaxBlock {
  const void* from = nullptr;
  void* to = nullptr;  ///< May be `from`.
  bool half = false;
  bool log = false;  ///< Of the result its logarithm.
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_stride = 0;    ///< Elements, in both.
  float* scratch = nullptr;  ///< softmax_rows of float16: `columns` floats.
};

/// (x - mean) / sqrt(variance + epsilon) * scale + bias along contiguous rows.
struct NormalizeRows {
  const void* from = nullptr;
  void* to = nullptr;
  bool half = false;
  const void* scale = nullptr;  ///< One a column.
  const void* bias = nullptr;   ///< Likewise, or nullptr.
  bool half_parameters = false;
  int64_t rows = 0;
  int64_t columns = 0;
  float epsilon = 0;
  bool root_mean_square = false;  ///< The mean counts as 0.
  float* means = nullptr;         ///< One a row, or nullptr.
  float* inverses = nullptr;      ///< 1 / sqrt(variance + epsilon), likewise.
};

enum class Reduction : int32_t { sum, mean, max, min, l1, l2, sum_square };

/// Rows, or columns, that become one element each. `to` has the type of `from`.
struct ReduceBlock {
  Reduction kind = Reduction::sum;
  const void* from = nullptr;
  void* to = nullptr;
  bool half = false;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t row_stride = 0;  ///< Elements.
};

/// to(column, row) = from(row, column).
struct TransposeBlock {
  const void* from = nullptr;
  void* to = nullptr;
  int64_t from_stride = 0;  ///< Elements between the rows of `from`.
  int64_t to_stride = 0;    ///< Elements between the columns, which are the rows of `to`.
  int64_t rows = 0;
  int64_t columns = 0;
  int element_bytes = 4;  ///< 4, 2 or 1.
};

/// Types of VectorKernels::cast. A boolean is a byte, 0 or 1.
enum class NumberType : int32_t { boolean, int8, uint8, int32, int64, float32 };

/// How the bytes of an int8 or uint8 tensor are to be read: (byte - zero_point) * scale.
struct ByteNumbers {
  bool is_signed = false;
  int32_t zero_point = 0;
  float scale = 1;
};

/// to = a + b or a * b of the numbers that bytes stand for: computed in float32, divided by the scale,
/// rounded to nearest even and limited. `to` may be the memory of a or b.
struct ByteBinary {
  const void* a = nullptr;
  const void* b = nullptr;
  void* to = nullptr;
  int64_t count = 0;
  bool multiplies = false;
  ByteNumbers a_numbers, b_numbers, to_numbers;  ///< All signed or none.
};

/// Rows of resized images [image][height][width][inner]; output row number `row` counts [image][out_height].
struct ResizeRows {
  const void* from = nullptr;  ///< The first image.
  void* to = nullptr;          ///< Row `row`.
  bool half = false;           ///< Elements of 2 bytes.
  int64_t in_height = 1, in_width = 1;
  int64_t out_height = 1, out_width = 1;
  int64_t inner = 1;
  int64_t row = 0, rows = 0;
  /// For each output position taps indices into the input and their weights; resize_nearest_rows: one
  /// index. Where there are two, none weighs 0. Down the height position after position, along the width
  /// the first taps of all positions, then the second.
  int64_t taps_h = 1, taps_w = 1;
  const int32_t* index_h = nullptr;
  const int32_t* index_w = nullptr;
  const float* weight_h = nullptr;
  const float* weight_w = nullptr;
  float* scratch = nullptr;  ///< resize_rows with inner 1: in_width floats.
};

struct VectorKernels {
  void (*elementwise)(const ElementStep& step);

  void (*softmax_rows)(const SoftmaxBlock& block);     ///< Each row is a line.
  void (*softmax_columns)(const SoftmaxBlock& block);  ///< Each column is.
  /// Of `count` contiguous elements: the mean and 1 / sqrt(variance + epsilon).
  void (*row_moments)(const void* x, bool half, int64_t count, float epsilon, float* mean, float* inverse);
  void (*normalize_rows)(const NormalizeRows& rows);

  void (*reduce_rows)(const ReduceBlock& block);
  void (*reduce_columns)(const ReduceBlock& block);

  void (*resize_rows)(const ResizeRows& rows);
  void (*resize_nearest_rows)(const ResizeRows& rows);

  void (*transpose)(const TransposeBlock& block);
  /// Strides in bytes. Source and target do not overlap.
  void (*copy_rows)(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t rows,
                    int64_t row_bytes);

  void (*combine_bytes)(const ByteBinary& bytes);
  /// Floats to bytes as combine_bytes does it, and back; NaN becomes the lowest number.
  void (*quantize)(const void* from, bool half, int64_t count, const ByteNumbers& numbers, void* to);
  void (*dequantize)(const void* from, int64_t count, const ByteNumbers& numbers, bool half, void* to);
  /// To int32, int64 or float32: integers wrap around, floats are truncated and saturate, NaN becomes 0.
  void (*cast)(const void* from, NumberType from_type, int64_t count, NumberType to_type, void* to);
  /// [min(floats, 0), max(floats, 0)]; NaN is left out.
  void (*range)(const void* from, bool half, int64_t count, float* low, float* high);
};

}  // namespace spinel::cpu
