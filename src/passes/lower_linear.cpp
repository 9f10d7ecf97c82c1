// Makes products with constant weights (MatMul, Gemm) linear layers with packed weights.
#include <algorithm>

#include "base/cancel.hpp"
#include "cpu/linear.hpp"
#include "cpu/weights.hpp"
#include "ops/matmul.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
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
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += lower_linear(*subgraph, settings);
  std::vector<int> uses = graph.use_counts();
  for (Node& node : graph.nodes) {
    check_load_cancelled();
    const auto* gemm = dynamic_cast<const ops::GemmOp*>(node.op.get());
    if (gemm == nullptr && dynamic_cast<const ops::MatMulOp*>(node.op.get()) == nullptr) continue;
    const graph::Value& a = graph.value(node.inputs[0]);
    const Tensor b = graph.value(node.inputs[1]).constant;
    const DType dtype = a.type.dtype;
    if (!b.defined() || b.rank() != 2 || (dtype != DType::float32 && dtype != DType::float16) ||
        b.dtype() != dtype || b.element_count() == 0 || a.is_constant() || !a.type.shape ||
        a.type.shape->empty())
      continue;
    const ops::GemmAttrs attrs = gemm != nullptr ? gemm->attrs() : ops::GemmAttrs{};
    if (attrs.alpha != 1 || attrs.transpose_a) continue;
    cpu::LinearLayer layer;
    layer.dtype = dtype;
    if (dtype == DType::float16)
      layer.half_chunk = cpu::choose_half_chunk(*settings.isa, dtype, cpu::weigh(*settings.isa, b),
                                                b.element_count(), settings.half_chunk);
    layer.depth = b.dim(attrs.transpose_b ? 1 : 0);
    layer.columns = b.dim(attrs.transpose_b ? 0 : 1);
    std::optional<Tensor> bias;
    if (gemm != nullptr && node.inputs.size() > 2 && node.inputs[2] != no_value) {
      const graph::Value& c = graph.value(node.inputs[2]);
      if (!c.is_constant() || !(bias = as_bias(c.constant, attrs.beta, layer.columns))) continue;
    }
    const ValueId old_weights = node.inputs[1];
    const std::string name = graph.value(old_weights).name;
    node.inputs = {node.inputs[0],
                   graph.add_constant(name + ".packed",
                                      cpu::pack_linear_weights(*settings.isa, layer, b, attrs.transpose_b))};
    if (bias) node.inputs.push_back(graph.add_constant(node.name + ".bias", std::move(*bias)));
    node.op = std::make_shared<cpu::Linear>(*settings.isa, layer);
    node.attributes = cpu::linear_text(layer);
    // The weights are in memory once, not twice, while the others are still to be packed.
    if (--uses[static_cast<size_t>(old_weights)] == 0) graph.value(old_weights).constant = {};
    ++changes;
  }
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
