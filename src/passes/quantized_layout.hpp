// What the layout pass does with operators of 8-bit integers.
#pragma once
#include <map>
#include <set>

#include "cpu/isa.hpp"
#include "passes/layout_values.hpp"
#include "passes/quantized_conv.hpp"
#include "passes/scaled_sums.hpp"

namespace spinel::passes {

/// Functions named lower return false, and change nothing, where the node stays as it is.
class QuantizedLayout : protected LayoutValues {
 protected:
  /// A ConvInteger with constant weights, and the Cast and the Mul by its scales behind it.
  struct ScaledConv {
    graph::NodeId conv;
    ScaledSums sums;
  };

  QuantizedLayout(Graph& graph, const cpu::Isa& isa) : LayoutValues(graph), isa_(isa) {}
  ~QuantizedLayout() = default;

  bool lower_quantized_conv(const Node& node);
  /// Finds those whose scales are constant, and the nodes that they absorb.
  void find_scaled_convs();
  void lower_scaled_conv(const ScaledConv& found);
  bool lower_int_conv(const Node& node);
  /// Bytes lie as the floats do.
  bool lower_dynamic_quantize(const Node& node);
  bool lower_quantized_binary(const Node& node);

  const cpu::Isa& isa_;
  std::vector<Node> nodes_;                           ///< The graph's, while they are walked over.
  std::map<graph::NodeId, ScaledConv> scaled_convs_;  ///< By the Mul that they end with.
  std::set<graph::NodeId> absorbed_;                  ///< Their other nodes.

 private:
  /// Inputs 1 to 6 of an NhwcQuantConv.
  void add_quant_constants(Node& lowered, const std::string& weights, cpu::QuantConvConstants& constants);
  void emit_int_conv(Node lowered, const Node& conv, QuantizedConv layer, ValueId factor, ValueId y);
  const Tensor& constant_of(ValueId id) const { return graph_.value(id).constant; }
};

}  // namespace spinel::passes
