// Takes operators apart that contain what later passes put together as this engine likes it: Attention
// becomes products and a softmax, for recognize_attention; FusedMatMul becomes Transpose, MatMul and Mul.
#include "passes/expand_operators.hpp"
#include "base/text.hpp"
#include "ops/fused_matmul.hpp"

namespace spinel::passes {

using graph::no_value;
using graph::ValueId;
using graph::ValueType;

ValueId Expansion::add(std::string_view op, std::vector<ValueId> inputs,
                       std::map<std::string, ops::Attribute, std::less<>> attributes, DType dtype) {
  const size_t count = inputs.size();
  std::string text = ops::OpArgs(std::string(op), 24, attributes, count, 1).text();
  return rewrite_.new_node(node_, fmt::format(".{}_{}", op, parts_++),
                           make_table_op(op, std::move(attributes), count), std::move(text),
                           std::move(inputs), ValueType::tensor(dtype), {node_});
}

std::vector<ValueId> Expansion::add_op(graph::OpPtr op, std::string attributes, std::vector<ValueId> inputs,
                                       size_t outputs) {
  const std::string name = fmt::format("{}.{}_{}", node().name, op->name(), parts_++);
  std::vector<ValueId> values;
  for (size_t i = 0; i < outputs; ++i)
    values.push_back(
        rewrite_.patch().value(fmt::format("{}.out{}", name, i), ValueType::tensor(DType::undefined)));
  rewrite_.patch().node(name, std::move(op), std::move(attributes), std::move(inputs), values, {node_});
  return values;
}

ValueId Expansion::constant(Tensor tensor) {
  return rewrite_.patch().constant(fmt::format("{}.constant_{}", node().name, parts_++), std::move(tensor));
}

namespace {

void expand_fused_matmul(Expansion& out, const ops::FusedMatMulOp& op) {
  ValueId operands[2];
  const ops::FusedOperand how[] = {op.attrs().a, op.attrs().b};
  for (size_t i = 0; i < 2; ++i) {
    operands[i] = out.node().inputs[i];
    const auto& shape = out.type(operands[i]).shape;
    if (!shape) return out.refuse("the rank of an operand is not known");
    const auto perm = ops::permutation(how[i], static_cast<int>(shape->size()));
    if (!perm.empty()) operands[i] = out.add("Transpose", {operands[i]}, {{"perm", perm}}, out.dtype());
  }
  ValueId y = out.add("MatMul", {operands[0], operands[1]}, {}, out.dtype());
  if (op.attrs().alpha != 1)
    y = out.add("Mul", {y, out.constant(convert(Tensor::scalar(op.attrs().alpha), out.dtype()))}, {},
                out.dtype());
  out.replace(0, y);
}

}  // namespace

size_t expand_operators(graph::Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (graph::Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += expand_operators(*subgraph, settings);
  Rewrite rewrite(graph);
  for (graph::NodeId n = 0; n < static_cast<graph::NodeId>(graph.nodes.size()); ++n) {
    Expansion out(graph, rewrite, n, settings);
    if (const auto* product = dynamic_cast<const ops::FusedMatMulOp*>(out.node().op.get()))
      expand_fused_matmul(out, *product);
    else if (const auto* attention = dynamic_cast<const ops::AttentionOp*>(out.node().op.get()))
      expand_attention(out, *attention);
  }
  return changes + rewrite.apply();
}

}  // namespace spinel::passes
