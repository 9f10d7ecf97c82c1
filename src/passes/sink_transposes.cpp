// Two steps of merge_transposes that make moves meet: a Gemm between reshapes is a MatMul of the tensor
// before them, and a Transpose before a product with constant weights may as well follow it.
#include <algorithm>

#include "cpu/attention.hpp"
#include "graph/infer.hpp"
#include "graph/origin.hpp"
#include "ops/matmul.hpp"
#include "ops/transpose.hpp"
#include "passes/match.hpp"

namespace spinel::passes {

size_t sink_transposes(graph::Graph& graph);
size_t unfold_gemms(graph::Graph& graph);

namespace {

using graph::Dim;
using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Shape;
using graph::Value;
using graph::ValueId;

/// A constant that is added to each row alike.
bool is_bias(const Value& value, const Dim& columns) {
  return value.is_constant() && value.constant.rank() == 1 && equal(Dim(value.constant.dim(0)), columns);
}

Tensor transposed(const Tensor& matrix) {
  const int64_t rows = matrix.dim(0);
  const int64_t columns = matrix.dim(1);
  Tensor out(matrix.dtype(), {columns, rows});
  const int64_t bytes = dtype_bits(matrix.dtype()) / 8;
  const auto* from = static_cast<const std::byte*>(matrix.raw());
  auto* to = static_cast<std::byte*>(out.raw());
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = 0; r < rows; ++r)
      std::copy_n(from + (r * columns + c) * bytes, bytes, to + (c * rows + r) * bytes);
  return out;
}

/// What a Gemm computes of a tensor whose leading axes were merged.
struct Unfolded {
  NodeId gemm;
  ValueId x;  ///< [..., K]
};

std::optional<Unfolded> unfolded(const Matcher& m, NodeId n) {
  const Node& node = m.node(n);
  const auto* gemm = dynamic_cast<const ops::GemmOp*>(node.op.get());
  if (gemm == nullptr || gemm->attrs().alpha != 1 || gemm->attrs().beta != 1 || gemm->attrs().transpose_a)
    return std::nullopt;
  const Value& b = m.value(node.inputs[1]);
  if (!b.is_constant() || (b.constant.dtype() != DType::float32 && b.constant.dtype() != DType::float16))
    return std::nullopt;
  const Dim columns(b.constant.dim(gemm->attrs().transpose_b ? 0 : 1));
  if (m.has_input(node, 2) && !is_bias(m.value(node.inputs[2]), columns)) return std::nullopt;
  const NodeId merge = m.producer(node.inputs[0]);
  if (merge == no_node || m.node(merge).op->view_of() != 0) return std::nullopt;
  const ValueId x = m.node(merge).inputs[0];
  const int rank = m.rank(x);
  if (rank < 3 || m.rank(node.inputs[0]) != 2) return std::nullopt;
  const Shape& from = *m.value(x).type.shape;
  const Shape& to = *m.value(node.inputs[0]).type.shape;
  if (!equal(from.back(), to[1]) || !equal(graph::product(from, 0, from.size() - 1), to[0]))
    return std::nullopt;
  // Only where the result gets its axes back.
  const ValueId y = node.outputs[0];
  const auto& readers = m.readers(y);
  const bool unfolds = !readers.empty() && m.uses(y) == static_cast<int>(readers.size()) &&
                       std::ranges::all_of(readers, [&](NodeId each) {
                         return m.node(each).op->view_of() == 0 && m.rank(m.node(each).outputs[0]) > 2;
                       });
  if (!unfolds) return std::nullopt;
  return Unfolded{n, x};
}

/// The product that a Transpose may follow instead, and who reads it.
struct Sunk {
  NodeId transpose = no_node, product = no_node, sum = no_node;
  ValueId z = no_value;
  std::vector<NodeId> readers;
};

/// Whether the second order undoes the first.
bool undoes(const std::vector<size_t>& first, const std::vector<size_t>& second) {
  for (size_t i = 0; i < first.size(); ++i)
    if (first[second[i]] != i) return false;
  return true;
}

std::optional<Sunk> sunk(const Matcher& m, NodeId n) {
  const auto* transpose = dynamic_cast<const ops::Transpose*>(m.node(n).op.get());
  const int rank = transpose == nullptr ? -1 : m.rank(m.node(n).inputs[0]);
  if (rank < 2) return std::nullopt;
  const auto order = transpose->order(static_cast<size_t>(rank));
  if (order.back() != order.size() - 1) return std::nullopt;
  Sunk out;
  out.transpose = n;
  out.product = m.only_reader(m.node(n).outputs[0]);
  if (out.product == no_node) return std::nullopt;
  const Node& product = m.node(out.product);
  if (product.op->name() != "MatMul" || product.inputs[0] != m.node(n).outputs[0] ||
      !m.value(product.inputs[1]).is_constant() || m.rank(product.inputs[1]) != 2)
    return std::nullopt;
  out.z = product.outputs[0];
  if (const NodeId reader = m.only_reader(out.z); reader != no_node && m.node(reader).op->name() == "Add") {
    const Node& add = m.node(reader);
    const Value& other = m.value(add.inputs[add.inputs[0] == out.z ? 1 : 0]);
    if (!is_bias(other, m.value(out.z).type.shape->back())) return std::nullopt;
    out.sum = reader;
    out.z = add.outputs[0];
  }
  out.readers = m.readers(out.z);
  // Inputs of one attention may be the same value.
  if (out.readers.empty() || m.graph().is_output(out.z)) return std::nullopt;
  for (NodeId each : out.readers) {
    const Node& reader = m.node(each);
    if (!reader.subgraphs.empty()) return std::nullopt;
    const auto* back = dynamic_cast<const ops::Transpose*>(reader.op.get());
    if (back != nullptr && undoes(order, back->order(order.size()))) continue;
    if (dynamic_cast<const cpu::Attention*>(reader.op.get()) == nullptr) return std::nullopt;
    if (reader.inputs.size() > 3 && reader.inputs[3] == out.z) return std::nullopt;
  }
  return out;
}

void move_axes(cpu::AttentionOperand& operand, const std::vector<size_t>& order) {
  for (cpu::AttentionAxis* each : {&operand.batch, &operand.head, &operand.row, &operand.column})
    if (each->axis >= 0) each->axis = static_cast<int>(order[static_cast<size_t>(each->axis)]);
  for (auto& [axis, at] : operand.begin) axis = static_cast<int>(order[static_cast<size_t>(axis)]);
}

/// In place: the values between keep their producers and get other dims, and so another name.
void sink(Graph& graph, const Sunk& found) {
  const ValueId x = graph.node(found.transpose).inputs[0];
  const size_t rank = graph.value(x).type.shape->size();
  const auto order = dynamic_cast<const ops::Transpose&>(*graph.node(found.transpose).op).order(rank);
  graph.node(found.product).inputs[0] = x;
  const ValueId between[] = {graph.node(found.product).outputs[0], found.z};
  for (ValueId id : std::span(between).first(found.sum == no_node ? 1 : 2)) {
    Value& value = graph.value(id);
    Shape shape = *value.type.shape;
    for (size_t i = 0; i < rank; ++i) shape[order[i]] = (*value.type.shape)[i];
    value.type.shape = shape;
    value.name += ".before_transpose";
    std::vector<int> axes(rank);
    for (size_t i = 0; i < rank; ++i) axes[order[i]] = static_cast<int>(i);
    graph::inherit_origin(value, Value(value), axes);
  }
  for (NodeId each : found.readers) {
    Node& reader = graph.node(each);
    if (const auto* attention = dynamic_cast<const cpu::Attention*>(reader.op.get())) {
      cpu::AttentionLayer layer = attention->layer();
      cpu::AttentionOperand* operands[] = {&layer.q, &layer.k, &layer.v};
      for (size_t i = 0; i < 3; ++i)
        if (reader.inputs[i] == found.z) move_axes(*operands[i], order);
      reader.attributes = cpu::attention_text(layer);
      reader.op = attention->with_layer(std::move(layer));
    } else {
      graph::Patch patch(graph);
      patch.replace(reader.outputs[0], found.z);
      std::move(patch).apply(graph);
    }
  }
}

}  // namespace

size_t unfold_gemms(Graph& graph) {
  const Matcher m(graph);
  Rewrite rewrite(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const auto found = unfolded(m, n);
    if (!found) continue;
    const Node& node = graph.node(n);
    const auto& attrs = dynamic_cast<const ops::GemmOp&>(*node.op).attrs();
    ValueId b = node.inputs[1];
    if (attrs.transpose_b)
      b = rewrite.patch().constant(m.value(b).name + ".transposed", transposed(m.value(b).constant));
    Shape shape = *m.value(found->x).type.shape;
    const Shape& y = *m.value(node.outputs[0]).type.shape;
    shape.back() = y.back();
    const auto type = graph::ValueType::tensor(m.value(node.outputs[0]).type.dtype, shape);
    ValueId at = rewrite.new_node(n, "", make_table_op("MatMul", {}, 2), "", {found->x, b}, type, {n});
    if (m.has_input(node, 2))
      at = rewrite.new_node(n, ".bias", make_table_op("Add", {}, 2), "", {at, node.inputs[2]}, type, {n});
    // The merged axes, for readers that split them again.
    const auto op = make_table_op("Flatten", {{"axis", static_cast<int64_t>(shape.size()) - 1}}, 1);
    rewrite.node(n, op, "axis=" + std::to_string(shape.size() - 1), {at}, node.outputs[0], {n});
  }
  return rewrite.apply();
}

size_t sink_transposes(Graph& graph) {
  size_t changes = 0;
  // One at a time: what was sunk may be read by the next candidate.
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    if (dynamic_cast<const ops::Transpose*>(graph.node(n).op.get()) == nullptr) continue;
    const auto found = sunk(Matcher(graph), n);
    if (!found) continue;
    sink(graph, *found);
    ++changes;
  }
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
