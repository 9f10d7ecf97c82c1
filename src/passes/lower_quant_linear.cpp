// Makes products of 8-bit integers with constant weights, whose sums become floats, linear layers with packed
// weights.
#include <algorithm>

#include "base/cancel.hpp"
#include "cpu/quant_linear.hpp"
#include "ops/quant_scale.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_value;
using graph::Node;
using graph::ValueId;

class Lowering {
 public:
  Lowering(Graph& graph, const Settings& settings)
      : graph_(graph), isa_(*settings.isa), uses_(graph.use_counts()) {}

  /// Inputs A, B, a_scale, b_scale, optional a_zero_point, b_zero_point and bias.
  bool lower(Node& node) {
    if (node.op->name() != "MatMulIntegerToFloat") return false;
    const graph::ValueType& a = graph_.value(node.inputs[0]).type;
    const Tensor b = constant(node, 1);
    const Tensor b_scale = constant(node, 3);
    if (!cpu::is_byte(a.dtype) || !a.shape || a.shape->empty() || !b.defined() || b.rank() != 2 ||
        b.element_count() == 0 || !cpu::is_byte(b.dtype()) || !b_scale.defined() ||
        !fits(b_scale, b.dim(1)) || (has_input(node, 5) && !constant(node, 5).defined()) ||
        (has_input(node, 6) && !constant(node, 6).defined()) || !is_single(node, 2) || !is_single(node, 4) ||
        graph_.value(node.inputs[2]).type.dtype != DType::float32)
      return false;
    std::vector<int32_t> zero_points{0};
    if (const Tensor zero = constant(node, 5); zero.defined()) {
      const Tensor wide = spinel::convert(zero, DType::int32);
      zero_points.assign(wide.data<int32_t>().begin(), wide.data<int32_t>().end());
      if (!fits(zero, b.dim(1))) return false;
    }
    Tensor bias;
    if (const Tensor given = constant(node, 6); given.defined()) {
      if (given.element_count() != b.dim(1)) return false;
      bias = ops::to_float32(given);
    }
    const cpu::QuantLinearLayer layer{.a_dtype = a.dtype, .depth = b.dim(0), .columns = b.dim(1)};
    cpu::QuantLinearConstants constants =
        cpu::pack_quant_linear(*isa_.byte_kernels, b, zero_points, ops::scale_values(b_scale));
    const ValueId weights = node.inputs[1];
    const ValueId a_zero = has_input(node, 4) ? node.inputs[4] : no_value;
    const auto add = [&](const char* suffix, Tensor tensor) {
      return tensor.defined() ? graph_.add_constant(node.name + suffix, std::move(tensor)) : no_value;
    };
    node.inputs = {node.inputs[0],
                   graph_.add_constant(graph_.value(weights).name + ".packed", std::move(constants.weights)),
                   add(".bias", std::move(bias)),
                   no_value,
                   add(".scales", std::move(constants.scales)),
                   add(".column_sums", std::move(constants.column_sums)),
                   add(".zero_points", std::move(constants.zero_points)),
                   node.inputs[2],
                   a_zero};
    node.op = std::make_shared<cpu::QuantLinear>(isa_, layer);
    node.attributes = cpu::quant_linear_text(layer);
    // The weights are in memory once, not twice, while the others are still to be packed.
    if (--uses_[static_cast<size_t>(weights)] == 0) graph_.value(weights).constant = {};
    return true;
  }

 private:
  static bool has_input(const Node& node, size_t index) {
    return index < node.inputs.size() && node.inputs[index] != no_value;
  }
  Tensor constant(const Node& node, size_t index) const {
    return has_input(node, index) ? graph_.value(node.inputs[index]).constant : Tensor();
  }
  static bool fits(const Tensor& tensor, int64_t columns) {
    return tensor.element_count() == 1 || (tensor.element_count() == columns && tensor.dim(-1) == columns);
  }
  bool is_single(const Node& node, size_t index) const {
    if (!has_input(node, index)) return true;
    const auto& shape = graph_.value(node.inputs[index]).type.shape;
    return shape && std::ranges::all_of(*shape, [](const graph::Dim& dim) { return dim.is_constant(1); });
  }

  Graph& graph_;
  const cpu::Isa& isa_;
  std::vector<int> uses_;
};

}  // namespace

size_t lower_quant_linear(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += lower_quant_linear(*subgraph, settings);
  Lowering lowering(graph, settings);
  for (Node& node : graph.nodes) {
    check_load_cancelled();
    if (lowering.lower(node)) ++changes;
  }
  if (changes > 0) graph::remove_dead(graph);
  return changes;
}

}  // namespace spinel::passes
