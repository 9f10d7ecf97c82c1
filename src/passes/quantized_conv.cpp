#include "passes/quantized_conv.hpp"

#include "ops/qlinear_conv.hpp"
#include "ops/requantize.hpp"

namespace spinel::passes {
namespace {

using cpu::is_byte;
using graph::no_value;

std::vector<int32_t> integers(const Tensor& tensor) {
  const Tensor wide = convert(tensor, DType::int32);
  return {wide.data<int32_t>().begin(), wide.data<int32_t>().end()};
}

Tensor constant(const graph::Graph& graph, const graph::Node& node, size_t index) {
  if (index >= node.inputs.size() || node.inputs[index] == no_value) return {};
  return graph.value(node.inputs[index]).constant;
}

/// What the window and the weights say.
cpu::QuantConvLayer shape_of(const ops::ConvAttrs& attrs, DType x_dtype, const Tensor& w) {
  cpu::QuantConvLayer layer;
  layer.x_dtype = x_dtype;
  layer.window = attrs.window.at_rank(2);
  layer.window.kernel_shape = {w.dim(2), w.dim(3)};
  layer.kernel_h = w.dim(2);
  layer.kernel_w = w.dim(3);
  layer.group = attrs.group;
  layer.in_channels = w.dim(1) * attrs.group;
  layer.out_channels = w.dim(0);
  return layer;
}

}  // namespace

std::optional<QuantizedConv> quantized_conv(const graph::Graph& graph, const graph::Node& node,
                                            const cpu::Isa& isa) {
  const auto* conv = dynamic_cast<const ops::QLinearConvOp*>(node.op.get());
  if (conv == nullptr) return std::nullopt;
  constexpr size_t count = 9;
  Tensor in[count];
  for (size_t i = 1; i < std::min(count, node.inputs.size()); ++i) {
    if (node.inputs[i] == no_value) continue;
    in[i] = graph.value(node.inputs[i]).constant;
    if (!in[i].defined()) return std::nullopt;
  }
  const auto& [x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias] = in;
  const DType x_dtype = graph.value(node.inputs[0]).type.dtype;
  const auto single = [](const Tensor& tensor) { return tensor.defined() && tensor.element_count() == 1; };
  if (!is_byte(x_dtype) || !single(x_scale) || !single(y_scale) || !single(x_zero) || !single(y_zero) ||
      !is_byte(y_zero.dtype()) || !w.defined() || w.rank() != 4 || w.element_count() == 0 ||
      !is_byte(w.dtype()) || !w_scale.defined() || !w_zero.defined())
    return std::nullopt;
  const int64_t channels = w.dim(0);
  const auto fits = [&](const Tensor& tensor) {
    return single(tensor) || tensor.element_count() == channels;
  };
  const int64_t group = conv->attrs().group;
  if (!fits(w_scale) || !fits(w_zero) || channels % group != 0 ||
      (bias.defined() && (bias.dtype() != DType::int32 || bias.element_count() != channels)))
    return std::nullopt;

  QuantizedConv out{shape_of(conv->attrs(), x_dtype, w), {}};
  cpu::QuantConvLayer& layer = out.layer;
  layer.y_dtype = y_zero.dtype();
  layer.x_zero_point = integers(x_zero)[0];
  layer.y_zero_point = integers(y_zero)[0];
  const std::vector<float> multipliers =
      ops::requantize_multipliers(ops::scalar_scale(x_scale, "x_scale"), ops::scale_values(w_scale),
                                  ops::scalar_scale(y_scale, "y_scale"));
  out.constants = cpu::pack_quant_conv(*isa.byte_kernels, layer, w, integers(w_zero), multipliers, bias);
  return out;
}

bool is_int_conv(const graph::Graph& graph, const graph::Node& node) {
  const auto* conv = dynamic_cast<const ops::ConvIntegerOp*>(node.op.get());
  if (conv == nullptr || node.outputs.empty() || node.outputs[0] == no_value) return false;
  const Tensor w = constant(graph, node, 1);
  const Tensor w_zero = constant(graph, node, 3);
  const bool has_zero = node.inputs.size() > 3 && node.inputs[3] != no_value;
  return is_byte(graph.value(node.inputs[0]).type.dtype) && w.defined() && w.rank() == 4 &&
         w.element_count() != 0 && is_byte(w.dtype()) && w.dim(0) % conv->attrs().group == 0 &&
         (!has_zero ||
          (w_zero.defined() && (w_zero.element_count() == 1 || w_zero.element_count() == w.dim(0))));
}

QuantizedConv int_conv(const graph::Graph& graph, const graph::Node& node, const Tensor& scales,
                       const cpu::Isa& isa) {
  const auto& conv = dynamic_cast<const ops::ConvIntegerOp&>(*node.op);
  const Tensor w = constant(graph, node, 1);
  const Tensor w_zero = constant(graph, node, 3);
  QuantizedConv out{shape_of(conv.attrs(), graph.value(node.inputs[0]).type.dtype, w), {}};
  using Result = cpu::QuantProduct::Result;
  out.layer.result = scales.defined() ? Result::floats : Result::sums;
  out.constants = cpu::pack_quant_conv(
      *isa.byte_kernels, out.layer, w, w_zero.defined() ? integers(w_zero) : std::vector<int32_t>{0},
      scales.defined() ? ops::scale_values(scales) : std::vector<float>{}, {});
  return out;
}

}  // namespace spinel::passes
