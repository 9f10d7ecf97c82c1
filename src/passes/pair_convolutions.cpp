// Makes one node of a pointwise convolution and the depthwise one that alone reads it, where the image
// between them would leave the caches: then it never is a whole tensor.
#include "cpu/conv_pair.hpp"
#include "passes/match.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

int64_t size_of(const graph::Shape& shape, size_t axis) {
  return shape[axis].is_constant() ? shape[axis].constant() : 0;
}

ValueId input_or_none(const Node& node, size_t index) {
  return index < node.inputs.size() ? node.inputs[index] : no_value;
}

/// The convolution that the node is, if nothing is added to its result.
const cpu::NhwcConv* convolution(const Node& node) {
  return input_or_none(node, 3) == no_value ? dynamic_cast<const cpu::NhwcConv*>(node.op.get()) : nullptr;
}

/// Takes the node's convolution into the depthwise one `next`, if the two are worth it.
bool join(Graph& graph, const Node& node, Node& next, const Settings& settings) {
  const cpu::NhwcConv* pointwise = convolution(node);
  const cpu::NhwcConv* depthwise = convolution(next);
  if (pointwise == nullptr || depthwise == nullptr || next.inputs[0] != node.outputs[0] ||
      !cpu::are_pair(pointwise->layer(), depthwise->layer()))
    return false;
  const auto& shape = graph.value(node.outputs[0]).type.shape;
  cpu::ConvPair pair{pointwise->layer(), depthwise->layer()};
  if (!shape || !cpu::pair_pays(pair, size_of(*shape, 1), size_of(*shape, 2))) {
    note_refusal(settings, node, "the image between the convolutions is small or of unknown size");
    return false;
  }
  next.inputs = {node.inputs[0], node.inputs[1], input_or_none(node, 2), next.inputs[1],
                 input_or_none(next, 2)};
  next.sources.insert(next.sources.begin(), node.sources.begin(), node.sources.end());
  next.attributes = cpu::conv_pair_text(pair);
  next.op = std::make_shared<const cpu::NhwcConvPair>(*settings.isa, std::move(pair));
  note_change(settings, next, "a pointwise convolution and this depthwise one, strip by strip");
  return true;
}

}  // namespace

size_t pair_convolutions(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += pair_convolutions(*subgraph, settings);
  const std::vector<int> uses = graph.use_counts();
  for (Node& next : graph.nodes) {
    const ValueId x = input_or_none(next, 0);
    if (x == no_value || uses[static_cast<size_t>(x)] != 1) continue;
    const NodeId producer = graph.value(x).producer;
    if (producer != graph::no_node && join(graph, graph.node(producer), next, settings)) ++changes;
  }
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
