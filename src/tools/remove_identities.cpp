// Drops nodes that pass their input on unchanged.
#include <algorithm>

#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

bool same_shape(const Fact& a, const Fact& b) {
  if (!a.type.is_tensor() || !b.type.is_tensor() || a.type.dtype != b.type.dtype || !a.type.shape ||
      !b.type.shape || a.type.shape->size() != b.type.shape->size())
    return false;
  for (size_t i = 0; i < a.type.shape->size(); ++i)
    if (!equal((*a.type.shape)[i], (*b.type.shape)[i])) return false;
  return true;
}

bool is_one_of(const onnx::Node& node, std::initializer_list<std::string_view> ops) {
  return onnx::plain_domain(node.domain).empty() && std::ranges::find(ops, node.op_type) != ops.end();
}

class Remover {
 public:
  Remover(Edit& edit, onnx::Graph& graph, Scope& scope)
      : edit_(edit), graph_(graph), scope_(scope), uses_(use_counts(graph)), producers_(producers(graph)) {}

  size_t run() {
    size_t changes = 0;
    for (onnx::Node& node : graph_.nodes) {
      const std::string_view source = source_of(node);
      if (source.empty() || !replace(node.outputs[0], renames_.now(source))) continue;
      drop(node);
      ++changes;
    }
    renames_.apply(graph_);
    return changes;
  }

 private:
  /// The value that output 0 of the node is, of the same type and shape; empty if there is none.
  std::string_view source_of(const onnx::Node& node) {
    if (node.outputs.empty() || node.outputs[0].empty() || node.inputs.empty() || node.inputs[0].empty())
      return {};
    for (size_t i = 1; i < node.outputs.size(); ++i)
      if (uses_[node.outputs[i]] > 0) return {};
    if (is_standard(node, "Identity")) return node.inputs[0];
    const graph::Op* op = edit_.analysis.op(node);
    const Fact* to = scope_.find_own(node.outputs[0]);
    const Fact* from = scope_.find(node.inputs[0]);
    if (op == nullptr || to == nullptr || from == nullptr || !to->is_known() || !from->is_known()) return {};
    if (is_standard(node, "Dropout")) return is_inference(node) ? node.inputs[0] : std::string_view();
    if (is_standard(node, "Cast"))
      return from->type.dtype == to->type.dtype ? node.inputs[0] : std::string_view();
    if (is_one_of(node, {"Concat", "Sum", "Max", "Min", "Mean"}) && node.inputs.size() == 1)
      return node.inputs[0];
    if (op->view_of() == 0) return view_source(node, *to);
    if (!same_shape(*from, *to)) return {};
    if (is_one_of(node, {"Expand", "Tile"}) || moves_nothing(node)) return node.inputs[0];
    if (is_neutral(node)) return node.inputs[0];
    return {};
  }

  /// Back over nodes that give the same elements other dims, to a value of these dims.
  std::string_view view_source(const onnx::Node& node, const Fact& to) {
    const onnx::Node* at = &node;
    while (true) {
      const std::string_view name = at->inputs[0];
      const Fact* from = scope_.find(name);
      if (from == nullptr) return {};
      if (same_shape(*from, to)) return name;
      const auto producer = producers_.find(name);
      if (producer == producers_.end() || producer->second->outputs.empty() ||
          producer->second->outputs[0] != name)
        return {};
      at = producer->second;
      const graph::Op* op = edit_.analysis.op(*at);
      if (op == nullptr || op->view_of() != 0 || at->inputs.empty()) return {};
    }
  }

  bool is_inference(const onnx::Node& node) const {
    if (node.inputs.size() < 3 || node.inputs[2].empty()) return true;
    const Fact* training = scope_.find(node.inputs[2]);
    if (training == nullptr || !training->is_constant()) return false;
    const Tensor value = edit_.analysis.value(*training);
    return value.dtype() == DType::boolean && value.element_count() == 1 && !value.data<bool>()[0];
  }

  /// A Transpose, Pad, Slice or Split that keeps every element where it is; dims are equal.
  bool moves_nothing(const onnx::Node& node) const {
    if (is_one_of(node, {"Split"})) return node.outputs.size() == 1;
    if (is_one_of(node, {"Transpose"})) {
      const onnx::Attribute* perm = onnx::find_attribute(node, "perm");
      return perm != nullptr && std::ranges::is_sorted(perm->ints);
    }
    if (is_one_of(node, {"Pad"}) && node.inputs.size() > 1) {
      const auto pads = constant_ints(input_fact(node, 1, scope_), edit_.analysis);
      return pads && std::ranges::all_of(*pads, [](int64_t pad) { return pad == 0; });
    }
    if (is_one_of(node, {"Slice"})) {
      if (node.inputs.size() < 5 || node.inputs[4].empty()) return true;
      const auto steps = constant_ints(input_fact(node, 4, scope_), edit_.analysis);
      return steps && std::ranges::all_of(*steps, [](int64_t step) { return step == 1; });
    }
    return false;
  }

  /// x + 0, x - 0, x * 1, x / 1, x ** 1 with one number for all elements.
  bool is_neutral(const onnx::Node& node) const {
    const bool sum = is_one_of(node, {"Add", "Sub"});
    if (!sum && !is_one_of(node, {"Mul", "Div", "Pow"})) return false;
    const Fact* other = input_fact(node, 1, scope_);
    if (other == nullptr || !other->computed.defined() || other->computed.element_count() != 1) return false;
    switch (other->computed.dtype()) {
      case DType::float32:
      case DType::float16:
      case DType::float64:
      case DType::int32:
      case DType::int64:
        return convert(other->computed, DType::float64).data<double>()[0] == (sum ? 0.0 : 1.0);
      default:
        return false;
    }
  }

  /// Lets `to` be `from`. An output of the graph keeps its name: what makes `from` takes it.
  bool replace(std::string_view to, std::string_view from) {
    if (!is_output(graph_, to)) {
      renames_.add(to, from);
      return true;
    }
    const auto producer = producers_.find(from);
    const bool is_ours = producer != producers_.end() && std::ranges::find(producer->second->outputs, from) !=
                                                             producer->second->outputs.end();
    if (!is_ours || is_output(graph_, from)) return false;
    renames_.add(from, to);
    return true;
  }

  Edit& edit_;
  onnx::Graph& graph_;
  Scope& scope_;
  std::unordered_map<std::string_view, int> uses_;
  std::unordered_map<std::string_view, onnx::Node*> producers_;
  Renames renames_;
};

}  // namespace

size_t remove_identities(Edit& edit, onnx::Graph& graph, Scope& scope) {
  return Remover(edit, graph, scope).run();
}

}  // namespace spinel::tools
