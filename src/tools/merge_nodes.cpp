// Nodes that undo or repeat what the node before them did: chains of Transpose, of reshapes and of Cast.
#include <algorithm>

#include "ops/transpose.hpp"
#include "passes/casts.hpp"
#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

class Merger {
 public:
  Merger(Edit& edit, onnx::Graph& graph, Scope& scope)
      : edit_(edit), graph_(graph), scope_(scope), producers_(producers(graph)) {}

  size_t run() {
    size_t changes = 0;
    for (onnx::Node& node : graph_.nodes) {
      if (node.outputs.empty() || node.inputs.empty()) continue;
      const auto found = producers_.find(node.inputs[0]);
      if (found == producers_.end() || found->second->inputs.empty()) continue;
      const onnx::Node& before = *found->second;
      if (before.inputs[0].empty() || before.outputs.empty() || before.outputs[0] != node.inputs[0]) continue;
      if (transposes(before, node) || reshapes(before, node) || casts(before, node)) ++changes;
    }
    return changes;
  }

 private:
  bool transposes(const onnx::Node& before, onnx::Node& node) {
    const auto* first = dynamic_cast<const ops::Transpose*>(edit_.analysis.op(before));
    const auto* second = dynamic_cast<const ops::Transpose*>(edit_.analysis.op(node));
    const Fact* x = scope_.find(before.inputs[0]);
    if (first == nullptr || second == nullptr || x == nullptr || !x->type.shape) return false;
    const size_t rank = x->type.shape->size();
    if (changed_.contains(&before)) return false;
    const std::vector<size_t> a = first->order(rank);
    const std::vector<size_t> b = second->order(rank);
    std::vector<int64_t> perm;
    for (size_t i = 0; i < rank; ++i) perm.push_back(static_cast<int64_t>(a[b[i]]));
    if (onnx::Attribute* attribute = onnx::find_attribute(node, "perm"))
      attribute->ints = std::move(perm);
    else
      node.attributes.push_back(onnx::make_attribute("perm", std::move(perm)));
    node.inputs[0] = before.inputs[0];
    changed_.insert(&node);
    return true;
  }

  /// A Reshape looks at its input's elements and number only, unless it copies dims (0).
  bool reshapes(const onnx::Node& before, onnx::Node& node) {
    const graph::Op* op = edit_.analysis.op(before);
    if (!is_standard(node, "Reshape") || node.inputs.size() < 2 || op == nullptr || op->view_of() != 0 ||
        is_standard(before, "Identity"))
      return false;
    const auto shape = constant_ints(input_fact(node, 1, scope_), edit_.analysis);
    if (!shape) return false;
    const onnx::Attribute* allow_zero = onnx::find_attribute(node, "allowzero");
    const bool copies = allow_zero == nullptr || allow_zero->i.value_or(0) == 0;
    const Fact* from = scope_.find(before.inputs[0]);
    const Fact* to = scope_.find(before.outputs[0]);
    for (size_t axis = 0; copies && axis < shape->size(); ++axis) {
      if ((*shape)[axis] != 0) continue;
      if (from == nullptr || to == nullptr || !from->type.shape || !to->type.shape ||
          axis >= from->type.shape->size() || axis >= to->type.shape->size() ||
          !equal((*from->type.shape)[axis], (*to->type.shape)[axis]))
        return false;
    }
    node.inputs[0] = before.inputs[0];
    return true;
  }

  bool casts(const onnx::Node& before, onnx::Node& node) {
    if (!is_standard(before, "Cast") || !is_standard(node, "Cast")) return false;
    const Fact* from = scope_.find(before.inputs[0]);
    const Fact* between = scope_.find(before.outputs[0]);
    if (from == nullptr || between == nullptr || !from->is_known() || !between->is_known()) return false;
    if (!passes::holds_exactly(between->type.dtype, from->type.dtype)) return false;
    node.inputs[0] = before.inputs[0];
    return true;
  }

  Edit& edit_;
  onnx::Graph& graph_;
  Scope& scope_;
  std::unordered_map<std::string_view, onnx::Node*> producers_;
  std::set<const onnx::Node*> changed_;  ///< Whose operators the analysis does not know any more.
};

}  // namespace

size_t merge_nodes(Edit& edit, onnx::Graph& graph, Scope& scope) { return Merger(edit, graph, scope).run(); }

/// Gives a Reshape whose result is known but for one dim, or dims that it copies, a constant instead of a
/// computed shape.
size_t fix_reshapes(Edit& edit, onnx::Graph& graph, Scope& scope) {
  if (edit.model.opset() < 5) return 0;
  size_t changes = 0;
  for (onnx::Node& node : graph.nodes) {
    if (!is_standard(node, "Reshape") || node.inputs.size() != 2 || node.outputs.empty()) continue;
    const Fact* shape = scope.find(node.inputs[1]);
    const Fact* from = scope.find(node.inputs[0]);
    const Fact* to = scope.find(node.outputs[0]);
    if (shape == nullptr || shape->is_constant() || from == nullptr || to == nullptr || !from->type.shape ||
        !to->type.shape)
      continue;
    if (const onnx::Attribute* allow_zero = onnx::find_attribute(node, "allowzero");
        allow_zero != nullptr && allow_zero->i.value_or(0) != 0)
      continue;
    const graph::Shape& in = *from->type.shape;
    std::vector<int64_t> dims;
    std::vector<size_t> open;
    for (size_t axis = 0; axis < to->type.shape->size(); ++axis) {
      const graph::Dim& dim = (*to->type.shape)[axis];
      dims.push_back(dim.is_constant() ? dim.constant() : -1);
      if (!dim.is_constant()) open.push_back(axis);
    }
    // Dims that stay are copied only if more than one is open: -1 survives later changes of the shape.
    for (size_t i = 0; open.size() > 1 && i < open.size();) {
      const size_t axis = open[i];
      if (axis < in.size() && equal(in[axis], (*to->type.shape)[axis])) {
        dims[axis] = 0;
        open.erase(open.begin() + static_cast<ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    const bool has_zero = std::ranges::any_of(
        *to->type.shape, [](const graph::Dim& dim) { return dim.is_constant() && dim.constant() == 0; });
    if (open.size() > 1 || has_zero) continue;
    const Tensor value = Tensor::from<int64_t>({static_cast<int64_t>(dims.size())}, dims);
    node.inputs[1] = add_initializer(edit, graph, std::string(node.outputs[0]) + "_shape", value);
    ++changes;
  }
  return changes;
}

}  // namespace spinel::tools
