// Drops nodes that pass their input on unchanged: Identity, and Cast, Reshape, Transpose, Dropout ... that
// change nothing.
#include "graph/patch.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::Value;

/// Whether the input is a constant whose only element is 0, or false.
bool is_zero(const Graph& graph, const Node& node, size_t index) {
  if (index >= node.inputs.size() || node.inputs[index] == no_value) return false;
  const Value& value = graph.value(node.inputs[index]);
  return value.is_constant() && value.constant.element_count() == 1 &&
         convert(value.constant, DType::float64).data<double>()[0] == 0;
}

/// Whether output 0 of the node is input 0 under the same dims.
bool is_identity(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.inputs[0] == no_value || node.outputs.empty() ||
      node.outputs[0] == no_value)
    return false;
  for (size_t i = 1; i < node.outputs.size(); ++i)
    if (node.outputs[i] != no_value) return false;
  if (node.op->name() == "Identity") return true;
  // In training mode too nothing is dropped at a ratio of 0, which is how Swin Transformers are exported.
  if (node.op->name() == "Dropout" && (is_zero(graph, node, 1) || is_zero(graph, node, 2))) return true;
  const Value& from = graph.value(node.inputs[0]);
  const Value& to = graph.value(node.outputs[0]);
  if (!from.type.is_tensor() || from.type.dtype != to.type.dtype) return false;
  if (node.op->name() == "Cast") return true;
  if (node.op->view_of() != 0 || !from.type.shape || !to.type.shape ||
      from.type.shape->size() != to.type.shape->size())
    return false;
  for (size_t i = 0; i < from.type.shape->size(); ++i)
    if (!equal((*from.type.shape)[i], (*to.type.shape)[i])) return false;
  return true;
}

}  // namespace

size_t remove_identities(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += remove_identities(*subgraph, settings);
  for (const Node& node : graph.nodes) {
    if (!is_identity(graph, node)) continue;
    graph::Patch patch(graph);
    patch.replace(node.outputs[0], node.inputs[0]);
    std::move(patch).apply(graph);
    ++changes;
  }
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
