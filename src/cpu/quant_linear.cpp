#include "cpu/quant_linear.hpp"

#include <algorithm>

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "cpu/linear.hpp"
#include "ops/quant_scale.hpp"

namespace spinel::cpu {

QuantLinearConstants pack_quant_linear(const ByteKernels& kernels, const Tensor& b,
                                       std::span<const int32_t> zero_points, std::span<const float> scales) {
  const int64_t depth = b.dim(0);
  const int64_t columns = b.dim(1);
  const int64_t whole = kernels.whole_columns(columns);
  QuantLinearConstants out;
  out.weights = Tensor::uninitialized(kernels.element_bytes == 1 ? DType::uint8 : DType::int16,
                                      {kernels.packed_bytes(depth, columns) / kernels.element_bytes});
  out.scales = Tensor(DType::float32, {whole});
  for (int64_t n = 0; n < columns; ++n)
    out.scales.data<float>()[static_cast<size_t>(n)] =
        scales[scales.size() == 1 ? 0 : static_cast<size_t>(n)];
  if (kernels.multiplies_bytes) {
    out.column_sums = Tensor(DType::int32, {whole});
    out.zero_points = Tensor(DType::int32, {whole});
  }
  const QuantColumns info{kernels.multiplies_bytes ? out.column_sums.data<int32_t>().data() : nullptr,
                          kernels.multiplies_bytes ? out.zero_points.data<int32_t>().data() : nullptr};
  // Columns that are packed before a cancelled load is noticed.
  constexpr int64_t group_panels = 16;
  const int64_t group = group_panels * kernels.panel_columns;
  bool any_zero_point = false;
  for (int64_t n = 0; n < columns; n += group) {
    check_load_cancelled();
    any_zero_point |= pack_quant_columns(
        kernels, static_cast<const uint8_t*>(b.raw()), b.dtype() == DType::int8, zero_points, columns, 1,
        depth, n, std::min(group, columns - n), static_cast<std::byte*>(out.weights.raw()), info);
  }
  if (!any_zero_point) out.zero_points = {};
  return out;
}

std::string quant_linear_text(const QuantLinearLayer& layer) {
  return fmt::format("{} depth={} columns={} activation={}({},{})", dtype_name(layer.a_dtype), layer.depth,
                     layer.columns, static_cast<int>(layer.activation), layer.low, layer.high);
}

std::shared_ptr<const QuantLinear> QuantLinear::with_activation(Activation activation, float low,
                                                                float high) const {
  QuantLinearLayer layer = layer_;
  layer.activation = activation;
  layer.low = low;
  layer.high = high;
  return std::make_shared<const QuantLinear>(isa_, layer);
}

void QuantLinear::infer(graph::InferContext& context) const {
  const graph::Shape* a = context.shape(0);
  if (a == nullptr || a->empty()) fail(ErrorCode::internal, "a linear layer needs an input of known rank");
  graph::Shape y = *a;
  y.back() = graph::Dim(layer_.columns);
  context.set_tensor(0, DType::float32, std::move(y));
}

void QuantLinear::batch(graph::BatchContext& context) const {
  for (const size_t input : {size_t{7}, size_t{8}})
    if (context.has_input(input) && !context.input(input).is_shared())
      return context.block("operand A's scale or zero point depends on the batch");
  batch_linear(context);
}

graph::Scratch QuantLinear::scratch(const graph::ScratchContext&) const {
  return {.per_thread_bytes = quant_product_scratch_bytes(*isa_.byte_kernels, layer_.depth, layer_.columns)};
}

void QuantLinear::run(graph::RunContext& context) const {
  const Tensor& a = context.input(0);
  if (a.rank() == 0 || a.dim(-1) != layer_.depth || a.dtype() != layer_.a_dtype)
    fail(ErrorCode::invalid_argument, "A {} must be {} and have {} columns", describe(a),
         dtype_name(layer_.a_dtype), layer_.depth);
  Tensor& y = context.output_or(0, DType::float32, [&] {
    Dims dims = a.dims();
    dims.back() = layer_.columns;
    return dims;
  });
  if (y.element_count() == 0) return;
  const auto columns_of = [&](size_t input) {
    return context.has_input(input) ? context.input(input).data<int32_t>().data() : nullptr;
  };
  QuantProduct p;
  p.rows = y.element_count() / layer_.columns;
  p.depth = layer_.depth;
  p.columns = layer_.columns;
  p.patches = matrix_patches(a.raw(), p.rows, p.depth);
  p.is_matrix = true;
  p.a = {layer_.a_dtype == DType::int8, ops::scalar_zero_point(context, 8, "a_zero_point")};
  p.b = context.input(1).raw();
  p.column_sums = columns_of(5);
  p.b_zero_points = columns_of(6);
  p.result = QuantProduct::Result::floats;
  p.floats = {.scales = context.input(4).data<float>().data(),
              .factor = ops::scalar_scale(context.input(7), "a_scale"),
              .epilogue = {.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
                           .activation = layer_.activation,
                           .low = layer_.low,
                           .high = layer_.high},
              .residual = context.has_input(3) ? context.input(3).data<float>().data() : nullptr,
              .residual_stride = layer_.columns};
  p.c = y.raw();
  p.c_stride = layer_.columns;
  run_quant_products(context, *isa_.byte_kernels, 1, [&](int64_t) { return p; });
}

}  // namespace spinel::cpu
