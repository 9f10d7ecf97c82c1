// com.microsoft QGemm, MatMulIntegerToFloat and DynamicQuantizeMatMul: products of 8-bit integers with an
// epilogue.
#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/dynamic_quantize.hpp"
#include "ops/qlinear_matmul.hpp"
#include "ops/requantize.hpp"

namespace spinel::ops {
namespace {

/// sum * scale + bias, the scale and the bias one for all columns or one a column.
struct FloatEpilogue {
  std::vector<float> scales;
  std::vector<float> bias;  ///< Empty: none.
  DType dtype;

  /// Into elements [begin, begin + count) of y, whose first is of column `column`.
  void row(const int32_t* sums, int64_t column, int64_t count, Tensor& y, int64_t begin) const {
    float values[int_tile_columns];
    for (int64_t i = 0; i < count; ++i)
      values[i] =
          static_cast<float>(sums[i]) * scales[scales.size() == 1 ? 0 : static_cast<size_t>(column + i)];
    if (!bias.empty())
      for (int64_t i = 0; i < count; ++i)
        values[i] += bias[bias.size() == 1 ? 0 : static_cast<size_t>(column + i)];
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(begin + i);
      if (dtype == DType::float32)
        y.data<float>()[at] = values[i];
      else if (dtype == DType::float16)
        y.data<Half>()[at] = Half(values[i]);
      else
        y.data<BFloat16>()[at] = BFloat16(values[i]);
    }
  }
};

void check_columns(const std::vector<float>& values, int64_t columns, const char* name) {
  if (values.size() > 1 && static_cast<int64_t>(values.size()) != columns)
    fail(ErrorCode::invalid_argument,
         "{} has {} elements; there must be one, or one for each of the {} columns", name, values.size(),
         columns);
}

std::vector<float> scaled(std::vector<float> values, float factor) {
  for (float& each : values) each = factor * each;
  return values;
}

DType float_type(const Tensor& tensor, const char* name) {
  require_float(tensor, name);
  if (tensor.dtype() == DType::float64)
    fail(ErrorCode::unsupported, "input {} of type float64 is not supported", name);
  return tensor.dtype();
}

/// Batch rule: operand A alone may depend on the batch, and its scale and zero point are one for all rows.
void batch_of_left_operand(BatchContext& context, size_t b) {
  if (require_shared_inputs(context, 1)) batch_matmul(context, 0, b);
}

struct QGemmAttrs {
  float alpha = 1;
  bool transpose_a = false;
  bool transpose_b = false;
};

/// Inputs A, a_scale, a_zero_point, B, b_scale, b_zero_point, optional C (int32, of scale alpha * a_scale *
/// b_scale), y_scale and y_zero_point; Y is y_zero_point's type, or float32 without y_scale. A is one matrix,
/// B's scale and zero point may have one element a column.
class QGemm final : public IntMatMulOp {
 public:
  explicit QGemm(QGemmAttrs attrs)
      : IntMatMulOp({.b = 3, .b_zero_point = 5}, attrs.transpose_a, attrs.transpose_b), attrs_(attrs) {}
  std::string_view name() const override { return "QGemm"; }
  bool keeps_float32(size_t input) const override { return input == 1 || input == 4 || input == 7; }
  std::shared_ptr<const Op> with_float_type(DType, DType) const override { return nullptr; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 6);
    require_int8(context, 0, "A");
    require_int8(context, 3, "B");
    require_rank(context, 0, "A", 2, 2);
    require_rank(context, 3, "B", 2, 2);
    const Shape* a = context.shape(0);
    const Shape* b = context.shape(3);
    const DType dtype =
        context.has_input(7) ? (context.has_input(8) ? context.dtype(8) : context.dtype(0)) : DType::float32;
    context.set_tensor(0, dtype,
                       Shape{a ? (*a)[attrs_.transpose_a ? 1 : 0] : Dim::unknown(),
                             b ? (*b)[attrs_.transpose_b ? 0 : 1] : Dim::unknown()});
  }
  void batch(BatchContext& context) const override {
    if (!require_shared_inputs(context, 1)) return;
    const BatchState a = context.input(0);
    if (!a.is_batched() || a.axis != (attrs_.transpose_a ? 1 : 0))
      return context.block("the batch is the axis of A that the product sums over");
    for (const size_t input : {size_t{1}, size_t{2}, size_t{6}}) {
      const Shape* shape = context.has_input(input) ? context.input_shape(input) : nullptr;
      if (!context.has_input(input)) continue;
      if (shape == nullptr) return context.block(fmt::format("the rank of input {} is not known", input));
      // C may have a row, but not rows.
      const bool single =
          input == 6 ? shape->size() < 2 || shape->front().is_constant(1)
                     : std::ranges::all_of(*shape, [](const Dim& dim) { return dim.is_constant(1); });
      if (!single) return context.block(fmt::format("input {} may differ along the batch", input));
    }
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(3);
    require_int8(a, "A");
    require_int8(b, "B");
    if (a.rank() != 2 || b.rank() != 2)
      fail(ErrorCode::invalid_argument, "A {} and B {} must be matrices", describe(a), describe(b));
    const MatMulLayout sizes = layout(a.dims(), b.dims());
    IntMatrices left = left_matrices(a, context.input(2));
    if (left.zero_points.size() != 1)
      fail(ErrorCode::invalid_argument, "a_zero_point {} must have one element", describe(context.input(2)));
    if (attrs_.transpose_a) {
      std::swap(left.rows, left.columns);
      left.transposed = true;
    }
    const float a_scale = attrs_.alpha * scalar_scale(context.input(1), "a_scale");
    const std::vector<float> b_scale = scale_values(context.input(4));
    check_columns(b_scale, sizes.n, "b_scale");
    Addend addend(context, sizes);
    if (!context.has_input(7)) {
      const FloatEpilogue epilogue{scaled(b_scale, a_scale), {}, DType::float32};
      Tensor& y = context.output(0, DType::float32, sizes.output);
      return multiply(context, sizes, left, [&](const IntTile& tile) {
        for (int64_t r = 0; r < tile.rows; ++r) {
          int32_t sums[int_tile_columns];
          addend.add(tile, r, sums);
          epilogue.row(sums, tile.column, tile.columns, y, (tile.row + r) * sizes.n + tile.column);
        }
      });
    }
    const DType dtype = context.has_input(8) ? quantized_type(context.input(8), "y_zero_point") : a.dtype();
    const Requantize requantize{
        .multipliers = requantize_multipliers(a_scale, b_scale, scalar_scale(context.input(7), "y_scale")),
        .bias = {},
        .dtype = dtype,
        .zero_point = scalar_zero_point(context, 8, "y_zero_point")};
    Tensor& y = context.output(0, dtype, sizes.output);
    auto* const to = static_cast<uint8_t*>(y.raw());
    multiply(context, sizes, left, [&](const IntTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r) {
        int32_t sums[int_tile_columns];
        addend.add(tile, r, sums);
        requantize.row(sums, tile.column, tile.columns, to + (tile.row + r) * sizes.n + tile.column);
      }
    });
  }

 private:
  /// C, broadcast to the product's [m, n].
  class Addend {
   public:
    Addend(const RunContext& context, const MatMulLayout& sizes) {
      if (!context.has_input(6)) return;
      const Tensor& c = context.input(6);
      if (broadcast_dims(c.dims(), {sizes.m, sizes.n}) != Dims{sizes.m, sizes.n})
        fail(ErrorCode::invalid_argument, "C {} cannot be broadcast to [{}, {}]", describe(c), sizes.m,
             sizes.n);
      const auto strides = broadcast_strides(c.dims(), {sizes.m, sizes.n});
      data_ = c.data<int32_t>().data();
      row_stride_ = strides[0];
      column_stride_ = strides[1];
    }
    void add(const IntTile& tile, int64_t row, int32_t* to) const {
      const int32_t* sums = tile.sums + row * tile.stride;
      for (int64_t i = 0; i < tile.columns; ++i) {
        const int32_t c =
            data_ == nullptr ? 0 : data_[(tile.row + row) * row_stride_ + (tile.column + i) * column_stride_];
        to[i] = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) + static_cast<uint32_t>(c));
      }
    }

   private:
    const int32_t* data_ = nullptr;
    int64_t row_stride_ = 0;
    int64_t column_stride_ = 0;
  };

  QGemmAttrs attrs_;
};

/// Inputs A, B, a_scale, b_scale (one element or one a column), optional a_zero_point, b_zero_point
/// (likewise) and bias (one a column); Y = (A - a_zero_point) (B - b_zero_point) * a_scale * b_scale + bias,
/// of a_scale's type.
class MatMulIntegerToFloat final : public IntMatMulOp {
 public:
  MatMulIntegerToFloat() : IntMatMulOp({.b = 1, .b_zero_point = 5}) {}
  std::string_view name() const override { return "MatMulIntegerToFloat"; }
  bool keeps_float32(size_t input) const override { return input == 3; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 4);
    require_int8(context, 0, "A");
    require_int8(context, 1, "B");
    context.set_tensor(0, context.dtype(2), infer_matmul(context, 0, 1));
  }
  void batch(BatchContext& context) const override {
    for (const size_t input : {size_t{2}, size_t{4}})
      if (context.has_input(input) && context.input_shape(input) != nullptr &&
          !std::ranges::all_of(*context.input_shape(input),
                               [](const Dim& dim) { return dim.is_constant(1); }))
        return context.block("operand A's scales may differ along the batch");
    batch_of_left_operand(context, 1);
  }
  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const Tensor& b = context.input(1);
    require_int8(a, "A");
    require_int8(b, "B");
    const MatMulLayout sizes = layout(a.dims(), b.dims());
    FloatEpilogue epilogue{scaled(scale_values(context.input(3)), scalar_scale(context.input(2), "a_scale")),
                           context.has_input(6) ? scale_values(context.input(6)) : std::vector<float>(),
                           float_type(context.input(2), "a_scale")};
    check_columns(epilogue.scales, sizes.n, "b_scale");
    check_columns(epilogue.bias, sizes.n, "bias");
    Tensor& y = context.output(0, epilogue.dtype, sizes.output);
    multiply(context, sizes, left_matrices(a, input_or_none(context, 4)), [&](const IntTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r)
        epilogue.row(tile.sums + r * tile.stride, tile.column, tile.columns, y,
                     (tile.matrix * sizes.m + tile.row + r) * sizes.n + tile.column);
    });
  }
};

/// Inputs A (floats), B, b_scale (one element or one a column), optional b_zero_point (likewise) and bias
/// (one a column). A is quantised by the range of the whole tensor, as DynamicQuantizeLinear does it, and Y
/// has its type.
class DynamicQuantizeMatMul final : public IntMatMulOp {
 public:
  DynamicQuantizeMatMul() : IntMatMulOp({.b = 1, .b_zero_point = 3}) {}
  std::string_view name() const override { return "DynamicQuantizeMatMul"; }
  bool keeps_float32(size_t input) const override { return input == 2 || input == 4; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 3);
    require_float(context, 0, "A");
    require_int8(context, 1, "B");
    context.set_tensor(0, context.dtype(0), infer_matmul(context, 0, 1));
  }
  void batch(BatchContext& context) const override {
    context.block("the scale depends on the range of the whole tensor");
  }
  graph::Scratch scratch(const graph::ScratchContext& context) const override {
    graph::Scratch out = IntMatMulOp::scratch(context);
    const auto a = context.input_dims(0);
    out.shared_bytes = static_cast<uint64_t>(element_count(a));
    return out;
  }
  void run(RunContext& context) const override {
    const Tensor& a = context.input(0);
    const DType dtype = float_type(a, "A");
    require_int8(context.input(1), "B");
    const MatMulLayout sizes = layout(a.dims(), context.input(1).dims());
    Tensor& y = context.output(0, dtype, sizes.output);
    const Tensor wide = to_float32(a);
    const float* values = wide.data<float>().data();
    const DynamicScale scale = dynamic_scale(values, a.element_count());
    auto* const bytes = reinterpret_cast<uint8_t*>(context.scratch());
    quantize_uint8(values, a.element_count(), scale, bytes);
    const Tensor quantized = Tensor::view(DType::uint8, a.dims(), bytes);
    FloatEpilogue epilogue{scaled(scale_values(context.input(2)), scale.scale),
                           context.has_input(4) ? scale_values(context.input(4)) : std::vector<float>(),
                           dtype};
    check_columns(epilogue.scales, sizes.n, "b_scale");
    check_columns(epilogue.bias, sizes.n, "bias");
    IntMatrices left = left_matrices(quantized, Tensor());
    left.zero_points = {scale.zero_point};
    multiply(context, sizes, left, [&](const IntTile& tile) {
      for (int64_t r = 0; r < tile.rows; ++r)
        epilogue.row(tile.sums + r * tile.stride, tile.column, tile.columns, y,
                     (tile.matrix * sizes.m + tile.row + r) * sizes.n + tile.column);
    });
  }
};

}  // namespace

OpPtr make_qgemm(const OpArgs& args) {
  QGemmAttrs attrs;
  attrs.alpha = args.get_float("alpha", 1);
  attrs.transpose_a = args.get_flag("transA", false);
  attrs.transpose_b = args.get_flag("transB", false);
  return std::make_shared<QGemm>(attrs);
}
OpPtr make_matmul_integer_to_float(const OpArgs&) { return std::make_shared<MatMulIntegerToFloat>(); }
OpPtr make_dynamic_quantize_matmul(const OpArgs&) { return std::make_shared<DynamicQuantizeMatMul>(); }

}  // namespace spinel::ops
