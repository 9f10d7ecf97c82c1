// Convolutions, products and recurrent layers of com.microsoft with what was fused into them.
#include "base/text.hpp"
#include "onnx/lowering.hpp"

namespace spinel::onnx {

using graph::ValueId;

namespace {

/// The attributes `activation` and its parameters.
ValueId activated(Lowering& node, ValueId x) {
  const std::string name = node.args.get_string("activation", "");
  const std::vector<float> given = node.args.get_floats("activation_params");
  const auto parameter = [&](size_t i, const char* attribute, float fallback) {
    return i < given.size() ? given[i] : node.args.get_float(attribute, fallback);
  };
  if (name.empty()) return x;
  if (name == "Relu" || name == "Tanh" || name == "Sigmoid" || name == "Softplus" || name == "Softsign" ||
      name == "HardSwish")
    return node.add(name, {x});
  if (name == "Gelu") return node.add(name, {x}, {{"approximate", std::string("none")}});
  if (name == "LeakyRelu") return node.add(name, {x}, {{"alpha", parameter(0, "activation_alpha", 0.01f)}});
  if (name == "Elu") return node.add(name, {x}, {{"alpha", parameter(0, "activation_alpha", 1)}});
  if (name == "HardSigmoid")
    return node.add(
        name, {x},
        {{"alpha", parameter(0, "activation_alpha", 0.2f)}, {"beta", parameter(1, "activation_beta", 0.5f)}});
  if (name == "Clip" && given.size() == 2)
    return node.add("Clip",
                    {x, node.constant(Tensor::scalar(given[0])), node.constant(Tensor::scalar(given[1]))});
  fail(ErrorCode::unsupported, "the fused activation '{}' is not supported", name);
}

/// The node's own attributes among these names.
ops::Attributes some(const Lowering& node, std::initializer_list<const char*> names) {
  ops::Attributes out;
  for (const char* name : names)
    if (const ops::Attribute* found = node.args.find(name)) out.emplace(name, *found);
  return out;
}

ops::Attributes conv_attributes(const Lowering& node) {
  return some(node, {"auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"});
}

std::vector<ValueId> conv_inputs(const Lowering& node, ValueId x) {
  std::vector<ValueId> inputs{x, node.require_input(1)};
  if (node.has_input(2)) inputs.push_back(node.input(2));
  return inputs;
}

}  // namespace

/// X, W, B, and Z that is added before the activation.
void lower_fused_conv(Lowering& node) {
  ValueId y = node.add("Conv", conv_inputs(node, node.require_input(0)), conv_attributes(node));
  if (node.has_input(3)) y = node.add("Add", {y, node.input(3)});
  node.set_output(0, activated(node, y));
}

/// X and Y are [N, H, W, C]; the weights are Conv's.
void lower_nhwc_conv(Lowering& node) {
  const ValueId x =
      node.add("Transpose", {node.require_input(0)}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
  const ValueId y = activated(node, node.add("Conv", conv_inputs(node, x), conv_attributes(node)));
  node.set_output(0, node.add("Transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}}));
}

void lower_fused_gemm(Lowering& node) {
  std::vector<ValueId> inputs{node.require_input(0), node.require_input(1)};
  if (node.has_input(2)) inputs.push_back(node.input(2));
  const ValueId y = node.add("Gemm", inputs, some(node, {"alpha", "beta", "transA", "transB"}));
  for (const char* unused : {"activation_alpha", "activation_beta", "activation_gamma"})
    node.args.ignore(unused);
  node.set_output(0, activated(node, y));
}

/// What ai.onnx has under the same name.
void lower_same(Lowering& node) {
  std::vector<ValueId> inputs;
  for (size_t i = 0; i < node.args.input_count(); ++i) inputs.push_back(node.input(i));
  ops::Attributes attributes;
  for (const auto& [name, value] : node.args.attributes()) {
    node.args.ignore(name);
    attributes.emplace(name, value);
  }
  if (node.args.op_type() == "Range" && inputs.size() == 2)
    inputs.push_back(node.add("CastLike", {node.constant(Tensor::scalar(1.0F)), inputs[0]}));
  node.set_output(0, node.add(node.args.op_type(), inputs, attributes));
}

void lower_pad(Lowering& node) {
  // [1, 2 * rank] is allowed here.
  std::vector<ValueId> inputs{node.require_input(0),
                              node.add("Reshape", {node.require_input(1), node.ints({-1})})};
  if (node.has_input(2))
    inputs.push_back(node.add("Reshape", {node.input(2), node.constant(Tensor(DType::int64, {0}))}));
  node.set_output(0, node.add("Pad", inputs, some(node, {"mode"})));
}

/// LSTM of 8-bit weights: those of X and R as [directions, columns, 4 * hidden], with one scale and zero
/// point for each direction or for each row of it. It is computed in float; the input and the state are not
/// quantised.
void lower_quantized_lstm(Lowering& node) {
  const auto weights = [&](size_t index, size_t scale) {
    const ValueId step = node.require_input(scale);
    const auto aligned = [&](ValueId value) { return node.add("Reshape", {value, node.ints({0, 1, -1})}); };
    const auto real = [&](ValueId value) {
      return node.add("DequantizeLinear", {value, node.constant(Tensor::scalar(1.0F))});
    };
    ValueId values = real(node.require_input(index));
    if (node.has_input(scale + 1)) values = node.add("Sub", {values, aligned(real(node.input(scale + 1)))});
    return node.add("Transpose", {node.add("Mul", {values, aligned(step)})},
                    {{"perm", std::vector<int64_t>{0, 2, 1}}});
  };
  const auto values = node.add_many("LSTM", 3,
                                    {node.require_input(0), weights(1, 8), weights(2, 10), node.input(3),
                                     node.input(4), node.input(5), node.input(6), node.input(7)},
                                    some(node, {"activation_alpha", "activation_beta", "activations", "clip",
                                                "direction", "hidden_size", "input_forget"}));
  for (size_t i = 0; i < 3; ++i) node.set_output(i, values[i]);
}

/// The axis is a scalar.
void lower_expand_dims(Lowering& node) {
  const ValueId axes = node.add("Reshape", {node.require_input(1), node.ints({1})});
  node.set_output(0, node.add("Unsqueeze", {node.require_input(0), axes}));
}

/// Of one axis: the elements in the order in which they appear, each element's place among them, and counts.
void lower_unique(Lowering& node) {
  const auto values = node.add_many("Unique", 4, {node.require_input(0)}, {{"sorted", int64_t{0}}});
  node.set_output(0, values[0]);
  node.set_output(1, values[2]);
  node.set_output(2, values[3]);
}

}  // namespace spinel::onnx
