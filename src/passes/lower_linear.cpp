// Makes products with constant weights (MatMul, Gemm) linear layers with packed weights.
#include <algorithm>

#include "cpu/linear.hpp"
#include "graph/patch.hpp"
#include "ops/matmul.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::ValueId;

/// C of a Gemm as a bias [columns]: it must be constant, and the same in every row.
std::optional<Tensor> as_bias(const Tensor& c, float beta, int64_t columns) {
  if (c.element_count() != columns && c.element_count() != 1) return std::nullopt;
  if (c.element_count() > 1 && c.dim(-1) != columns) return std::nullopt;
  const Tensor wide = ops::to_float32(c);
  Tensor bias(DType::float32, {columns});
  for (int64_t n = 0; n < columns; ++n)
    bias.data<float>()[static_cast<size_t>(n)] =
        beta * wide.data<float>()[static_cast<size_t>(c.element_count() == 1 ? 0 : n)];
  return bias;
}

}  // namespace

size_t lower_linear(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  graph::Patch patch(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const Node& node = graph.node(n);
    const auto* gemm = dynamic_cast<const ops::GemmOp*>(node.op.get());
    if (gemm == nullptr && dynamic_cast<const ops::MatMulOp*>(node.op.get()) == nullptr) continue;
    const graph::Value& a = graph.value(node.inputs[0]);
    const graph::Value& b = graph.value(node.inputs[1]);
    if (!b.is_constant() || b.constant.rank() != 2 ||
        (a.type.dtype != DType::float32 && a.type.dtype != DType::float16) ||
        b.constant.dtype() != a.type.dtype || b.constant.element_count() == 0 || a.is_constant() ||
        !a.type.shape || a.type.shape->empty())
      continue;
    const ops::GemmAttrs attrs = gemm != nullptr ? gemm->attrs() : ops::GemmAttrs{};
    if (attrs.alpha != 1 || attrs.transpose_a) continue;
    cpu::LinearLayer layer;
    layer.dtype = a.type.dtype;
    if (layer.dtype == DType::float16 && settings.isa->half_kernels != nullptr)
      layer.half_chunk = settings.half_chunk;
    layer.depth = b.constant.dim(attrs.transpose_b ? 1 : 0);
    layer.columns = b.constant.dim(attrs.transpose_b ? 0 : 1);
    ValueId bias = no_value;
    if (gemm != nullptr && node.inputs.size() > 2 && node.inputs[2] != no_value) {
      const graph::Value& c = graph.value(node.inputs[2]);
      if (!c.is_constant()) continue;
      auto values = as_bias(c.constant, attrs.beta, layer.columns);
      if (!values) continue;
      bias = patch.constant(c.name + ".bias", std::move(*values));
    }
    const ValueId weights = patch.constant(
        b.name + ".packed", cpu::pack_linear_weights(*settings.isa, layer, b.constant, attrs.transpose_b));
    const graph::Value& y = graph.value(node.outputs[0]);
    const ValueId out = patch.value(y.name + ".linear", y.type);
    std::vector<ValueId> inputs{node.inputs[0], weights};
    if (bias != no_value) inputs.push_back(bias);
    patch.node(node.name, std::make_shared<cpu::Linear>(*settings.isa, layer), cpu::linear_text(layer),
               std::move(inputs), {out}, {n});
    patch.replace(node.outputs[0], out);
    ++changes;
  }
  std::move(patch).apply(graph);
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
