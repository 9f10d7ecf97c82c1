// Activations of com.microsoft, with and without the sums before them.
#include "base/text.hpp"
#include "onnx/lowering.hpp"

namespace spinel::onnx {

using graph::ValueId;
using ops::Attributes;

namespace {

ValueId gelu(Lowering& node, ValueId x, bool tanh) {
  return node.add("Gelu", {x}, {{"approximate", std::string(tanh ? "tanh" : "none")}});
}
ValueId plus_bias(Lowering& node, ValueId x, size_t bias) {
  return node.has_input(bias) ? node.add("Add", {x, node.input(bias)}) : x;
}

}  // namespace

void lower_gelu(Lowering& node) { node.set_output(0, gelu(node, node.require_input(0), false)); }

void lower_bias_gelu(Lowering& node) {
  node.require_input(1);
  node.set_output(0, gelu(node, plus_bias(node, node.require_input(0), 1), false));
}

void lower_fast_gelu(Lowering& node) {
  node.set_output(0, gelu(node, plus_bias(node, node.require_input(0), 1), true));
}

void lower_quick_gelu(Lowering& node) {
  node.set_output(
      0, node.add("Swish", {node.require_input(0)}, {{"alpha", node.args.get_float("alpha", 1.702f)}}));
}

/// (a, b) = X + bias, cut along the last axis; a * Gelu(b).
void lower_bias_split_gelu(Lowering& node) {
  node.require_input(1);
  const auto halves = node.add_many("Split", 2, {plus_bias(node, node.require_input(0), 1)},
                                    {{"axis", int64_t{-1}}, {"num_outputs", int64_t{2}}});
  node.set_output(0, node.add("Mul", {halves[0], gelu(node, halves[1], false)}));
}

void lower_bias_softmax(Lowering& node) {
  node.require_input(1);
  const int64_t axis = node.args.get_int("axis", 1);
  if (node.args.get_flag("is_inner_broadcast", true))
    fail(ErrorCode::unsupported, "BiasSoftmax with is_inner_broadcast = 1 is not supported");
  // The axes from `axis` on count as one, as in Softmax before opset 13.
  if (axis != -1)
    fail(ErrorCode::unsupported, "BiasSoftmax over axis {} is not supported, only over the last one, -1",
         axis);
  node.set_output(0, node.add("Softmax", {plus_bias(node, node.require_input(0), 1)}, {{"axis", axis}}));
}

}  // namespace spinel::onnx
