// Computes equal things once: nodes with the same operator, attributes and inputs, and constants with equal
// bytes.
#include <cstring>
#include <map>
#include <tuple>

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

/// Larger constants are weights: comparing them costs more than it saves.
constexpr size_t max_compared_bytes = 4096;

size_t merge_constants(Graph& graph) {
  std::map<std::tuple<DType, Dims, std::string>, ValueId> seen;
  graph::Patch patch(graph);
  size_t changes = 0;
  for (ValueId id = 0; id < static_cast<ValueId>(graph.values.size()); ++id) {
    const Tensor& tensor = graph.value(id).constant;
    if (!tensor.defined() || tensor.dtype() == DType::string || tensor.size_bytes() > max_compared_bytes)
      continue;
    std::string bytes(static_cast<const char*>(tensor.raw()), tensor.size_bytes());
    const auto [first, inserted] = seen.try_emplace({tensor.dtype(), tensor.dims(), std::move(bytes)}, id);
    if (inserted) continue;
    patch.replace(id, first->second);
    ++changes;
  }
  std::move(patch).apply(graph);
  return changes;
}

}  // namespace

size_t remove_duplicates(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += remove_duplicates(*subgraph, settings);
  changes += merge_constants(graph);
  // In topological order: once two nodes are merged their readers have equal inputs, too.
  std::map<std::tuple<std::string, std::string, std::vector<ValueId>, size_t>, NodeId> seen;
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const Node& node = graph.node(n);
    if (!node.subgraphs.empty() || !node.op->deterministic()) continue;
    const auto [first, inserted] = seen.try_emplace(
        {std::string(node.op->name()), node.attributes, node.inputs, node.outputs.size()}, n);
    if (inserted) continue;
    const Node& kept = graph.node(first->second);
    bool covers = true;
    for (size_t i = 0; i < node.outputs.size(); ++i)
      covers &= node.outputs[i] == no_value || kept.outputs[i] != no_value;
    if (!covers) continue;
    graph::Patch patch(graph);
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (node.outputs[i] != no_value) patch.replace(node.outputs[i], kept.outputs[i]);
    std::move(patch).apply(graph);
    ++changes;
  }
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
