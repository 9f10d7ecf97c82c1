// Replaces what depends on nothing but constants and static shapes by its value.
#include <algorithm>

#include "base/cancel.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "graph/patch.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;

/// A folded value may not grow the model beyond this; larger ones (a ConstantOfShape) are cheaper to compute.
constexpr uint64_t max_folded_bytes = uint64_t{64} << 20;

bool all_uses_constant(const Graph& graph, const Node& node) {
  bool constant = true;
  Graph::for_each_use(node, [&](ValueId id) { constant &= graph.value(id).is_constant(); });
  return constant;
}

bool has_random_node(const Node& node) {
  if (!node.op->deterministic()) return true;
  return std::ranges::any_of(
      node.subgraphs, [](const auto& inner) { return std::ranges::any_of(inner->nodes, has_random_node); });
}

/// The node's outputs if it can be computed now; a node that fails is left to fail when it is run, if it ever
/// is.
std::vector<Tensor> evaluate(const Graph& graph, const Node& node) {
  graph::RunServices services;
  services.max_tensor_bytes = max_folded_bytes;
  services.cancelled = load_cancel_flag();
  std::vector<graph::RuntimeValue> values(graph.values.size());
  try {
    graph::run_node(graph, node, values, services);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled) check_load_cancelled();
    return {};
  }
  std::vector<Tensor> outputs;
  for (ValueId id : node.outputs) {
    if (id == no_value) {
      outputs.emplace_back();
    } else {
      if (!values[static_cast<size_t>(id)].is_tensor()) return {};
      outputs.push_back(values[static_cast<size_t>(id)].tensor());
    }
  }
  return outputs;
}

}  // namespace

size_t fold_constants(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += fold_constants(*subgraph, settings);
  // In topological order, so that a chain of constants folds in one sweep. The value itself becomes the
  // constant; its producer, which then computes nothing that is read, is dropped at the end.
  std::vector<NodeId> folded;
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    check_load_cancelled();
    const Node& node = graph.node(n);
    std::vector<Tensor> results;
    if (node.outputs.size() == 1 && node.outputs[0] != no_value) {
      const Value& value = graph.value(node.outputs[0]);
      Tensor known = graph::known_tensor(value.type, value.ints);
      if (known.defined()) results.push_back(std::move(known));
    }
    if (results.empty() && all_uses_constant(graph, node) && !has_random_node(node))
      results = evaluate(graph, node);
    if (results.empty()) continue;
    for (size_t i = 0; i < results.size(); ++i) {
      if (node.outputs[i] == no_value) continue;
      Value& value = graph.value(node.outputs[i]);
      value.constant = results[i].owned() ? results[i] : results[i].clone();
      value.type = graph::ValueType::tensor(results[i].dtype(), graph::to_shape(results[i].dims()));
      value.ints.reset();
      value.producer = graph::no_node;
    }
    folded.push_back(n);
    ++changes;
  }
  for (NodeId n : folded) graph.node(n).outputs.assign(graph.node(n).outputs.size(), no_value);
  if (!folded.empty()) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
