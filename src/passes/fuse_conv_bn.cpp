// Folds a BatchNormalization into the convolution, or transposed convolution, before it.
#include <cmath>

#include "base/cancel.hpp"
#include "graph/patch.hpp"
#include "ops/conv_transpose.hpp"
#include "ops/shape_rules.hpp"
#include "passes/fold_batch_norm.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

const Tensor* constant_input(const Graph& graph, const Node& node, size_t index) {
  if (index >= node.inputs.size() || node.inputs[index] == no_value) return nullptr;
  const graph::Value& value = graph.value(node.inputs[index]);
  return value.is_constant() ? &value.constant : nullptr;
}

/// The convolution whose output only this node reads, if its weights are known.
NodeId foldable_conv(const Graph& graph, const Node& node, const std::vector<int>& uses) {
  const graph::Value& x = graph.value(node.inputs[0]);
  if (x.producer == graph::no_node || uses[static_cast<size_t>(node.inputs[0])] != 1) return graph::no_node;
  const Node& conv = graph.node(x.producer);
  if ((conv.op->name() != "Conv" && conv.op->name() != "ConvTranspose") ||
      constant_input(graph, conv, 1) == nullptr)
    return graph::no_node;
  if (conv.inputs.size() > 2 && conv.inputs[2] != no_value && constant_input(graph, conv, 2) == nullptr)
    return graph::no_node;
  return x.producer;
}

/// The convolution's weights seen as [outer, channels, inner], where channels are those of the output, of one
/// group if there are several `outer`. The transposed convolution has W [C, M / group, kernel...].
struct Filters {
  size_t outer, channels, inner, group;
  Filters(const graph::Op& conv, const Tensor& weights)
      : outer(1), channels(static_cast<size_t>(weights.dim(0))), inner(1), group(1) {
    if (const auto* transposed = dynamic_cast<const ops::ConvTransposeOp*>(&conv)) {
      outer = channels;
      channels = static_cast<size_t>(weights.dim(1));
      group = static_cast<size_t>(transposed->attrs().group);
    }
    if (outer * channels > 0) inner = weights.data<float>().size() / (outer * channels);
  }
  size_t out_channels() const { return channels * group; }
  /// Number of the first output channel that input channel `o` is part of.
  size_t first_channel(size_t o) const { return o / std::max<size_t>(outer / group, 1) * channels; }
};

}  // namespace

FoldedConv fold_batch_norm(const graph::Op& conv, const Tensor& weights, const Tensor* bias,
                           const ops::BatchNormalizationOp& norm,
                           const std::array<const Tensor*, 4>& parameters) {
  const DType dtype = weights.dtype();
  Tensor new_weights = ops::to_float32(weights).clone();
  const Filters filters(conv, new_weights);
  Tensor new_bias = bias != nullptr ? ops::to_float32(*bias).clone()
                                    : Tensor(DType::float32, {static_cast<int64_t>(filters.out_channels())});
  Tensor wide[4];
  for (size_t i = 0; i < 4; ++i) wide[i] = ops::to_float32(*parameters[i]);
  const auto w = new_weights.data<float>();
  std::vector<float> scales;
  for (size_t c = 0; c < filters.out_channels(); ++c) {
    const float scale = scales.emplace_back(wide[0].data<float>()[c] /
                                            std::sqrt(wide[3].data<float>()[c] + norm.attrs().epsilon));
    float& b = new_bias.data<float>()[c];
    b = (b - wide[2].data<float>()[c]) * scale + wide[1].data<float>()[c];
  }
  for (size_t o = 0; o < filters.outer; ++o)
    for (size_t c = 0; c < filters.channels; ++c) {
      check_load_cancelled();
      for (size_t i = 0; i < filters.inner; ++i)
        w[(o * filters.channels + c) * filters.inner + i] *= scales[filters.first_channel(o) + c];
    }
  return {convert(new_weights, dtype), convert(new_bias, dtype)};
}

size_t fuse_conv_bn(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += fuse_conv_bn(*subgraph, settings);
  const std::vector<int> uses = graph.use_counts();
  graph::Patch patch(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    check_load_cancelled();
    const Node& node = graph.node(n);
    const auto* bn = dynamic_cast<const ops::BatchNormalizationOp*>(node.op.get());
    if (bn == nullptr || !bn->attrs().per_channel) continue;
    const NodeId conv_id = foldable_conv(graph, node, uses);
    if (conv_id == graph::no_node) continue;
    std::array<const Tensor*, 4> parameters;
    bool known = true;
    for (size_t i = 0; i < 4; ++i) {
      parameters[i] = constant_input(graph, node, i + 1);
      known &= parameters[i] != nullptr;
    }
    if (!known) continue;

    const Node& conv = graph.node(conv_id);
    const FoldedConv folded = fold_batch_norm(*conv.op, *constant_input(graph, conv, 1),
                                              constant_input(graph, conv, 2), *bn, parameters);
    const ValueId new_weights = patch.constant(graph.value(conv.inputs[1]).name + ".folded", folded.weights);
    const ValueId new_bias = patch.constant(node.name + ".bias", folded.bias);
    const graph::Value& y = graph.value(node.outputs[0]);
    const ValueId out = patch.value(y.name + ".folded", y.type);
    patch.node(conv.name, conv.op, conv.attributes, {conv.inputs[0], new_weights, new_bias}, {out},
               {conv_id, n});
    patch.replace(node.outputs[0], out);
    ++changes;
  }
  std::move(patch).apply(graph);
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
