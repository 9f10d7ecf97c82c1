#include "passes/quantized_layout.hpp"

#include <algorithm>

#include "passes/match.hpp"

namespace spinel::passes {

bool QuantizedLayout::lower_quantized_conv(const Node& node) {
  if (!is_flat_image(type_of(node.inputs[0])) || !is_image(type_of(node.outputs[0]))) return false;
  std::optional<QuantizedConv> conv = quantized_conv(graph_, node, isa_);
  if (!conv) return false;
  Node lowered = like(node);
  lowered.attributes = cpu::quant_conv_text(conv->layer);
  lowered.inputs = {provide_nhwc(node.inputs[0])};
  add_quant_constants(lowered, graph_.value(node.inputs[3]).name, conv->constants);
  lowered.op = std::make_shared<cpu::NhwcQuantConv>(isa_, std::move(conv->layer));
  release(node.inputs[3]);
  emit(std::move(lowered), node.outputs[0]);
  return true;
}

void QuantizedLayout::add_quant_constants(Node& lowered, const std::string& weights,
                                          cpu::QuantConvConstants& constants) {
  const auto add = [&](const std::string& name, Tensor& tensor) {
    lowered.inputs.push_back(tensor.defined() ? add_constant(name, std::move(tensor)) : no_value);
  };
  add(weights + ".packed", constants.weights);
  lowered.inputs.insert(lowered.inputs.end(), {no_value, no_value});
  add(lowered.name + ".scales", constants.scales);
  add(lowered.name + ".start", constants.start);
  add(lowered.name + ".zero_points", constants.zero_points);
}

void QuantizedLayout::find_scaled_convs() {
  const Matcher matcher(graph_);
  for (graph::NodeId n = 0; n < static_cast<graph::NodeId>(graph_.nodes.size()); ++n) {
    const Node& node = graph_.node(n);
    if (!is_int_conv(graph_, node) || !is_flat_image(type_of(node.inputs[0]))) continue;
    constexpr size_t channels_from_end = 3;
    const auto sums = scaled_sums(matcher, n, channels_from_end);
    if (!sums || sums->factor == no_value || !is_flat_image(type_of(sums->y)) ||
        (sums->scales != no_value && !graph_.value(sums->scales).is_constant()))
      continue;
    const int64_t scales = sums->scales == no_value ? 1 : constant_of(sums->scales).element_count();
    if (scales != 1 && scales != constant(node, 1).dim(0)) continue;
    scaled_convs_.emplace(sums->multiply, ScaledConv{n, *sums});
    absorbed_.insert({n, sums->cast});
  }
}

void QuantizedLayout::lower_scaled_conv(const ScaledConv& found) {
  const Node& conv = nodes_[static_cast<size_t>(found.conv)];
  const Tensor scales = found.sums.scales == no_value ? Tensor::scalar(1.0F) : constant_of(found.sums.scales);
  Node lowered = like(conv);
  for (const graph::NodeId n : {found.sums.cast, found.sums.multiply})
    for (const std::string& source : nodes_[static_cast<size_t>(n)].sources)
      if (std::ranges::find(lowered.sources, source) == lowered.sources.end())
        lowered.sources.push_back(source);
  emit_int_conv(std::move(lowered), conv, int_conv(graph_, conv, scales, isa_), found.sums.factor,
                found.sums.y);
}

bool QuantizedLayout::lower_int_conv(const Node& node) {
  if (!is_int_conv(graph_, node) || !is_flat_image(type_of(node.inputs[0])) ||
      !is_flat_image(type_of(node.outputs[0])))
    return false;
  emit_int_conv(like(node), node, int_conv(graph_, node, {}, isa_), no_value, node.outputs[0]);
  return true;
}

void QuantizedLayout::emit_int_conv(Node lowered, const Node& conv, QuantizedConv layer, ValueId factor,
                                    ValueId y) {
  lowered.attributes = cpu::quant_conv_text(layer.layer);
  lowered.inputs = {provide_nhwc(conv.inputs[0])};
  add_quant_constants(lowered, graph_.value(conv.inputs[1]).name, layer.constants);
  const ValueId x_zero = conv.inputs.size() > 2 ? conv.inputs[2] : no_value;
  lowered.inputs.insert(lowered.inputs.end(), {factor, x_zero});
  for (const ValueId id : {factor, x_zero})
    if (id != no_value) provide_plain(id);
  lowered.op = std::make_shared<cpu::NhwcQuantConv>(isa_, std::move(layer.layer));
  release(conv.inputs[1]);
  emit(std::move(lowered), y);
}

bool QuantizedLayout::lower_dynamic_quantize(const Node& node) {
  if (!has_nhwc(node.inputs[0])) return false;
  Node lowered = like(node);
  lowered.op = node.op;
  lowered.inputs = {nhwc_[index(node.inputs[0])]};
  const std::vector<ValueId> outputs = node.outputs;
  emit(std::move(lowered), outputs[0]);
  std::vector<ValueId>& made = done_.back().outputs;
  made.insert(made.end(), outputs.begin() + 1, outputs.end());
  return true;
}

bool QuantizedLayout::lower_quantized_binary(const Node& node) {
  if (!has_nhwc(node.inputs[0]) && !has_nhwc(node.inputs[3])) return false;
  const ValueType y = type_of(node.outputs[0]);
  if (!is_image(y) || !takes_nhwc(node.inputs[0], rank_of(y)) || !takes_nhwc(node.inputs[3], rank_of(y)))
    return false;
  Node lowered = like(node);
  lowered.op = node.op;
  lowered.inputs = node.inputs;
  for (const size_t i : {size_t{0}, size_t{3}}) lowered.inputs[i] = provide_nhwc(node.inputs[i], rank_of(y));
  emit(std::move(lowered), node.outputs[0]);
  return true;
}

}  // namespace spinel::passes
