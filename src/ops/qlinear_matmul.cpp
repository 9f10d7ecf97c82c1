// QLinearMatMul and MatMulInteger.
#include "ops/qlinear_matmul.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "ops/requantize.hpp"

namespace spinel::ops {
namespace {

/// Blocks unless the zero points and scales of these inputs, which must be shared, have one element, or
/// belong to the columns of a B that is shared too.
void batch_quantized_matmul(BatchContext& context, size_t b, std::initializer_list<size_t> of_a,
                            std::initializer_list<size_t> of_b, std::initializer_list<size_t> others) {
  for (const auto& list : {of_a, of_b, others})
    for (const size_t input : list)
      if (context.has_input(input) && !context.input(input).is_shared())
        return context.block(fmt::format("input {} depends on the batch", input));
  const auto single = [&](size_t input) {
    const Shape* shape = context.has_input(input) ? context.input_shape(input) : nullptr;
    return !context.has_input(input) || (shape != nullptr && std::ranges::all_of(*shape, [](const Dim& dim) {
                                           return dim.is_constant(1);
                                         }));
  };
  if (!context.input(0).is_shared() && !std::ranges::all_of(of_a, single))
    return context.block("operand A's scales may differ along the batch");
  if (!context.input(b).is_shared() && !std::ranges::all_of(of_b, single))
    return context.block("operand B's scales may differ along the batch");
  batch_matmul(context, 0, b);
}

/// One scale of a line (a row of A, a column of B) of a matrix.
float line_scale(const std::vector<float>& scales, int64_t matrix, int64_t lines, int64_t line) {
  if (scales.size() == 1) return scales[0];
  if (static_cast<int64_t>(scales.size()) == lines) return scales[static_cast<size_t>(line)];
  return scales[static_cast<size_t>(matrix * lines + line)];
}

void check_scale(const Tensor& scale, const char* name, int64_t lines, int64_t matrices) {
  const int64_t count = scale.element_count();
  if (count != 1 && count != lines && count != lines * matrices)
    fail(ErrorCode::invalid_argument, "{} {} does not fit the operand: it needs one element or {}", name,
         describe(scale), lines);
}

/// Inputs a, a_scale, a_zero_point, b, b_scale, b_zero_point, y_scale, y_zero_point: a, b and y are int8 or
/// uint8; a's scale and zero point may have one element for each row, b's one for each column. Exact sums,
/// requantised in float32.
class QLinearMatMul final : public IntMatMulOp {
 public:
  QLinearMatMul() : IntMatMulOp({.b = 3, .b_zero_point = 5}) {}
  std::string_view name() const override { return "QLinearMatMul"; }
  bool keeps_float32(size_t input) const override { return input == 1 || input == 4 || input == 6; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 8);
    require_int8(context, 0, "a");
    require_int8(context, 3, "b");
    require_int8(context, 7, "y_zero_point");
    context.set_tensor(0, context.dtype(7), infer_matmul(context, 0, 3));
  }
  void batch(BatchContext& context) const override {
    batch_quantized_matmul(context, 3, {1, 2}, {4, 5}, {6, 7});
  }

  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(3);
    require_int8(a, "a");
    require_int8(b, "b");
    const MatMulLayout sizes = layout(a.dims(), b.dims());
    const IntMatrices left = left_matrices(a, context.input(2));
    const std::vector<float> a_scale = scale_values(context.input(1));
    const std::vector<float> b_scale = scale_values(context.input(4));
    check_scale(context.input(1), "a_scale", left.rows, left.matrices);
    check_scale(context.input(4), "b_scale", sizes.n, right(b, Tensor()).matrices);
    const float y_scale = scalar_scale(context.input(6), "y_scale");
    Requantize requantize{.multipliers = {},
                          .bias = {},
                          .dtype = quantized_type(context.input(7), "y_zero_point"),
                          .zero_point = scalar_zero_point(context, 7, "y_zero_point")};
    const bool by_column =
        a_scale.size() == 1 && (b_scale.size() == 1 || std::cmp_equal(b_scale.size(), sizes.n));
    if (by_column) requantize.multipliers = requantize_multipliers(a_scale[0], b_scale, y_scale);
    Tensor& y = context.output(0, requantize.dtype, sizes.output);
    auto* const to = static_cast<uint8_t*>(y.raw());
    multiply(context, sizes, left, [&](const IntTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r) {
        uint8_t* out = to + (tile.matrix * sizes.m + tile.row + r) * sizes.n + tile.column;
        const int32_t* sums = tile.sums + r * tile.stride;
        if (by_column) {
          requantize.row(sums, tile.column, tile.columns, out);
          continue;
        }
        const float row_scale = line_scale(a_scale, sizes.a_matrix(tile.matrix), sizes.m, tile.row + r);
        for (int64_t c = 0; c < tile.columns; ++c) {
          Requantize one = requantize;
          one.multipliers = {row_scale *
                             line_scale(b_scale, sizes.b_matrix(tile.matrix), sizes.n, tile.column + c) /
                             y_scale};
          one.row(sums + c, 0, 1, out + c);
        }
      }
    });
  }
};

/// Inputs A, B, optional a_zero_point (one element or one a row) and b_zero_point (one element or one a
/// column); output int32.
class MatMulInteger final : public IntMatMulOp {
 public:
  MatMulInteger() : IntMatMulOp({.b = 1, .b_zero_point = 3}) {}
  std::string_view name() const override { return "MatMulInteger"; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_int8(context, 0, "A");
    require_int8(context, 1, "B");
    context.set_tensor(0, DType::int32, infer_matmul(context, 0, 1));
  }
  void batch(BatchContext& context) const override { batch_quantized_matmul(context, 1, {2}, {3}, {}); }

  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(1);
    require_int8(a, "A");
    require_int8(b, "B");
    const MatMulLayout sizes = layout(a.dims(), b.dims());
    const IntMatrices left = left_matrices(a, input_or_none(context, 2));
    Tensor& y = context.output(0, DType::int32, sizes.output);
    auto* const to = static_cast<int32_t*>(y.raw());
    multiply(context, sizes, left, [&](const IntTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r)
        std::copy_n(tile.sums + r * tile.stride, tile.columns,
                    to + (tile.matrix * sizes.m + tile.row + r) * sizes.n + tile.column);
    });
  }
};

Dims transposed(Dims dims) {
  if (dims.size() == 2) std::swap(dims[0], dims[1]);
  return dims;
}

}  // namespace

Tensor input_or_none(const RunContext& context, size_t index) {
  return context.has_input(index) ? context.input(index) : Tensor();
}

graph::Scratch IntMatMulOp::scratch(const graph::ScratchContext& context) const {
  const auto a = context.input_dims(0);
  if (a.empty()) return {};
  return {0, int_block_bytes(transpose_a_ ? a.front() : a.back())};
}

MatMulLayout IntMatMulOp::layout(const Dims& a, const Dims& b) const {
  return make_matmul_layout(transpose_a_ ? transposed(a) : a, transpose_b_ ? transposed(b) : b);
}

IntMatrices IntMatMulOp::right(const Tensor& b, const Tensor& zero_point) const {
  if (!transpose_b_) return right_matrices(b, zero_point);
  IntMatrices out = right_matrices(b.reshaped(transposed(b.dims())), zero_point);
  out.transposed = true;
  return out;
}

void IntMatMulOp::multiply(RunContext& context, const MatMulLayout& layout, const IntMatrices& a,
                           IntTileFn emit) const {
  const IntMatrices b = right(context.input(inputs_.b), input_or_none(context, inputs_.b_zero_point));
  int_matmul(context, layout, a, IntColumns(b), emit);
}

OpPtr make_qlinear_matmul(const OpArgs&) { return std::make_shared<QLinearMatMul>(); }
OpPtr make_matmul_integer(const OpArgs&) { return std::make_shared<MatMulInteger>(); }

}  // namespace spinel::ops
