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

  QuantizedConv out;
  cpu::QuantConvLayer& layer = out.layer;
  layer.x_dtype = x_dtype;
  layer.y_dtype = y_zero.dtype();
  layer.x_zero_point = integers(x_zero)[0];
  layer.y_zero_point = integers(y_zero)[0];
  layer.window = conv->attrs().window.at_rank(2);
  layer.window.kernel_shape = {w.dim(2), w.dim(3)};
  layer.kernel_h = w.dim(2);
  layer.kernel_w = w.dim(3);
  layer.group = group;
  layer.in_channels = w.dim(1) * group;
  layer.out_channels = channels;
  const std::vector<float> multipliers =
      ops::requantize_multipliers(ops::scalar_scale(x_scale, "x_scale"), ops::scale_values(w_scale),
                                  ops::scalar_scale(y_scale, "y_scale"));
  out.constants = cpu::pack_quant_conv(*isa.byte_kernels, layer, w, integers(w_zero), multipliers, bias);
  return out;
}

}  // namespace spinel::passes
