// Drops pairs of Cast that give back what they took: the type between holds every value of the first one.
// (float32 to float16 and back stays: it rounds.)
#include <algorithm>
#include <span>

#include "passes/casts.hpp"
#include "passes/match.hpp"

namespace spinel::passes {
using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

bool holds_exactly(DType to, DType from) {
  static constexpr DType integers_32[] = {DType::int64, DType::float64};
  static constexpr DType unsigned_32[] = {DType::int64, DType::uint64, DType::float64};
  static constexpr DType of_bool[] = {DType::uint8,   DType::int8,    DType::int32,  DType::int64,
                                      DType::float16, DType::float32, DType::float64};
  static constexpr DType of_half[] = {DType::float32, DType::float64};
  static constexpr DType of_float[] = {DType::float64};
  const auto among = [&](std::span<const DType> list) { return std::ranges::find(list, to) != list.end(); };
  switch (from) {
    case DType::boolean:
      return among(of_bool);
    case DType::float16:
    case DType::bfloat16:
      return among(of_half);
    case DType::float32:
      return among(of_float);
    case DType::int32:
      return among(integers_32);
    case DType::uint32:
      return among(unsigned_32);
    default:
      return false;
  }
}

size_t remove_casts(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += remove_casts(*subgraph, settings);
  const Matcher m(graph);
  Rewrite rewrite(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const Node& back = graph.node(n);
    if (back.op->name() != "Cast" || back.outputs[0] == no_value) continue;
    const NodeId there = m.producer(back.inputs[0], {"Cast"});
    if (there == no_node) continue;
    const ValueId x = m.node(there).inputs[0];
    const ValueId y = back.outputs[0];
    const DType type = m.value(x).type.dtype;
    if (type != m.value(y).type.dtype || !holds_exactly(m.value(back.inputs[0]).type.dtype, type)) continue;
    // An output that would become an input keeps a node of its own.
    if (graph.is_output(y) && m.producer(x) == no_node) continue;
    note_change(settings, back, "casts back what was cast");
    rewrite.replace(y, rewrite.now(x));
  }
  return changes + rewrite.apply();
}

}  // namespace spinel::passes
