// One node that expand_operators takes apart.
#pragma once
#include "ops/attention.hpp"
#include "passes/match.hpp"

namespace spinel::passes {

/// Adds the parts of a node to a rewrite. What is added before refuse() is dropped as dead.
class Expansion {
 public:
  Expansion(const graph::Graph& graph, Rewrite& rewrite, graph::NodeId node, const Settings& settings)
      : graph_(graph), rewrite_(rewrite), node_(node), settings_(settings) {}

  const graph::Node& node() const { return graph_.node(node_); }
  const graph::ValueType& type(graph::ValueId id) const { return graph_.value(id).type; }
  /// The type of the node's first output.
  DType dtype() const { return type(node().outputs[0]).dtype; }
  bool has_input(size_t index) const {
    return index < node().inputs.size() && node().inputs[index] != graph::no_value;
  }
  bool wants_output(size_t index) const {
    return index < node().outputs.size() && node().outputs[index] != graph::no_value;
  }

  graph::ValueId add(std::string_view op, std::vector<graph::ValueId> inputs,
                     std::map<std::string, ops::Attribute, std::less<>> attributes, DType dtype);
  /// A node of any operator, and its values.
  std::vector<graph::ValueId> add_op(graph::OpPtr op, std::string attributes,
                                     std::vector<graph::ValueId> inputs, size_t outputs);
  graph::ValueId constant(Tensor tensor);
  void replace(size_t output, graph::ValueId value) { rewrite_.replace(node().outputs[output], value); }
  void refuse(std::string reason) { note_refusal(settings_, node(), std::move(reason)); }

 private:
  const graph::Graph& graph_;
  Rewrite& rewrite_;
  graph::NodeId node_;
  const Settings& settings_;
  int parts_ = 0;
};

void expand_attention(Expansion& out, const ops::AttentionOp& op);

}  // namespace spinel::passes
