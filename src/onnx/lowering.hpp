// Operators that are imported as others: functions of the standard, and what ONNX Runtime's optimiser writes
// (domain com.microsoft). Made of the parts, they get the shape rules, the batch rules and the tuned kernels
// of these, and the passes fuse them again as this engine likes it.
#pragma once
#include <span>
#include <string_view>

#include "graph/graph.hpp"
#include "ops/op_args.hpp"

namespace spinel::onnx {

/// One node on its way into a graph. Types and ranks are not known yet.
class Lowering {
 public:
  /// `inputs` and `outputs` are the node's, no_value where left out. All references must outlive this.
  Lowering(graph::Graph& graph, const std::string& name, const ops::OpArgs& arguments,
           const std::vector<graph::ValueId>& inputs, const std::vector<graph::ValueId>& outputs)
      : args(arguments),
        graph_(graph),
        name_(name),
        inputs_(inputs),
        outputs_(outputs),
        first_part_(graph.nodes.size()) {}

  const ops::OpArgs& args;

  bool has_input(size_t index) const { return index < inputs_.size() && inputs_[index] != graph::no_value; }
  /// no_value if left out. require_input throws Error(bad_model) instead.
  graph::ValueId input(size_t index) const { return has_input(index) ? inputs_[index] : graph::no_value; }
  graph::ValueId require_input(size_t index) const;
  bool wants_output(size_t index) const {
    return index < outputs_.size() && outputs_[index] != graph::no_value;
  }
  /// Throws Error(unsupported) if an output from `first` on is wanted.
  void refuse_outputs(size_t first) const;

  graph::ValueId constant(Tensor value);
  graph::ValueId ints(std::vector<int64_t> values);
  /// Adds a node of ai.onnx in version `version` (or the table's own MaskBias) and returns its first value.
  graph::ValueId add(std::string_view op, std::vector<graph::ValueId> inputs,
                     ops::Attributes attributes = {});
  /// The same with several outputs.
  std::vector<graph::ValueId> add_many(std::string_view op, size_t outputs,
                                       std::vector<graph::ValueId> inputs, ops::Attributes attributes = {});
  /// Says which value the node's output is; every output that is wanted needs one.
  void set_output(size_t index, graph::ValueId value);

  static constexpr int version = 24;

 private:
  graph::Graph& graph_;
  const std::string& name_;
  const std::vector<graph::ValueId>& inputs_;
  const std::vector<graph::ValueId>& outputs_;
  size_t first_part_;  ///< Nodes of the graph from here on are this one's.
  int parts_ = 0;
};

struct LoweringEntry {
  std::string_view domain;  ///< "" for ai.onnx.
  std::string_view name;
  int since_version;  ///< Oldest opset of the domain.
  void (*lower)(Lowering& node);
};

/// Every entry, by domain and name.
std::span<const LoweringEntry> lowering_table();
/// nullptr if the operator is not imported as others.
const LoweringEntry* find_lowering(std::string_view domain, std::string_view name);

}  // namespace spinel::onnx
