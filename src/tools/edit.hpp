// What the steps of simplifying share: the model, what is known of it, and ways to change its graphs.
#pragma once
#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tools/analysis.hpp"

namespace spinel::tools {

struct StepOptions {
  uint64_t max_folded_bytes = uint64_t{1} << 20;
};

/// One step at work. Steps change nodes in place and leave those that became useless to remove_dead; they do
/// not move nodes, so that `analysis` holds for the whole step.
struct Edit {
  onnx::EditableModel& model;
  Analysis& analysis;
  const StepOptions& options;
};

/// A step: changes one graph, whose subgraphs have been through it, and returns in how many places.
using Step = size_t (*)(Edit& edit, onnx::Graph& graph, Scope& scope);

size_t inline_ifs(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t fold_constants(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t remove_identities(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t merge_nodes(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t fix_reshapes(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t fold_batch_normalizations(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t fold_biases(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t merge_duplicates(Edit& edit, onnx::Graph& graph, Scope& scope);
size_t remove_dead(Edit& edit, onnx::Graph& graph, Scope& scope);

/// Puts the bodies of the model's functions in place of their calls, and drops the functions. Throws
/// Error(bad_model).
size_t inline_functions(onnx::EditableModel& model);
/// Throws Error(unsupported) if there is a Gradient among a model's operators, which names tensors that are
/// no inputs of its: the tools would rename or drop them.
void refuse_gradients(const std::map<std::string, int64_t>& operators);
/// Orders nodes so that producers come first, keeping the given order where it is valid. Throws
/// Error(bad_model) naming a node on a cycle.
void sort_nodes(onnx::Graph& graph);
/// States the types and shapes that are known of every value, in value_info and for the graphs' outputs.
void write_shapes(onnx::EditableModel& model, Analysis& analysis);

/// New names for values of one graph, carried out at once: in its nodes, their subgraphs and its outputs'
/// producers, never among the names of the graph's own inputs and outputs.
class Renames {
 public:
  void add(std::string_view from, std::string_view to) { names_[from] = to; }
  /// What stands for the value now.
  std::string_view now(std::string_view name) const;
  bool empty() const noexcept { return names_.empty(); }
  void apply(onnx::Graph& graph) const;

 private:
  void apply_inputs(onnx::Graph& graph) const;
  std::unordered_map<std::string_view, std::string_view> names_;
};

/// How often each value is read by the graph's nodes, those of subgraphs included, and as the graph's output.
std::unordered_map<std::string_view, int> use_counts(const onnx::Graph& graph);
bool is_output(const onnx::Graph& graph, std::string_view name);
/// The node that makes each value of the graph.
std::unordered_map<std::string_view, onnx::Node*> producers(onnx::Graph& graph);
inline bool is_standard(const onnx::Node& node, std::string_view op) {
  return node.op_type == op && onnx::plain_domain(node.domain).empty();
}
/// Input `index` of the node; nullptr where it is left out or nothing is known of it.
const Fact* input_fact(const onnx::Node& node, size_t index, const Scope& scope);
/// The elements of an input that is a constant of integers of at most one axis.
std::optional<std::vector<int64_t>> constant_ints(const Fact* fact, const Analysis& analysis);
/// A new initializer; its name.
std::string_view add_initializer(Edit& edit, onnx::Graph& graph, const std::string& name,
                                 const Tensor& value);
/// Makes the node compute nothing: remove_dead drops it.
inline void drop(onnx::Node& node) {
  node.outputs.clear();
  node.inputs.clear();
  node.attributes.clear();
}

}  // namespace spinel::tools
