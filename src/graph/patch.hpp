// Rewrites: what a pass wants to change, collected first and applied at once.
#pragma once
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace spinel::graph {

/// New nodes and values, and which old values they replace. The graph is unchanged until apply(); a patch
/// that is dropped leaves no trace. apply() keeps names: a replaced graph output keeps its name.
class Patch {
 public:
  explicit Patch(const Graph& graph) : graph_(graph) {}

  /// A new constant. `origin` is the ONNX value that it equals, or empty.
  ValueId constant(std::string name, Tensor tensor, std::string origin = {});
  /// A new value of the given type.
  ValueId value(std::string name, ValueType type, std::string origin = {});
  /// A new node before the first reader of its outputs. `replaces` are the nodes whose work it takes over.
  void node(std::string name, OpPtr op, std::string attributes, std::vector<ValueId> inputs,
            std::vector<ValueId> outputs, const std::vector<NodeId>& replaces);
  /// Everyone who reads `old_value` will read `new_value`, which equals it.
  void replace(ValueId old_value, ValueId new_value);

  bool empty() const noexcept { return nodes_.empty() && replacements_.empty(); }
  /// Carries the changes out on the graph that the patch was made for; nodes that nobody reads any more stay
  /// until remove_dead().
  void apply(Graph& graph) &&;

 private:
  struct Replacement {
    ValueId old_value;
    ValueId new_value;
  };
  const Graph& graph_;
  std::vector<Value> values_;
  std::vector<Node> nodes_;
  std::vector<Replacement> replacements_;
};

}  // namespace spinel::graph
