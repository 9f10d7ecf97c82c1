// Stores what depends on constants and static shapes alone as initializers, where that does not blow the file
// up.
#include <algorithm>
#include <unordered_set>

#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

using Names = std::unordered_set<std::string_view>;

class Folder {
 public:
  Folder(Edit& edit, onnx::Graph& graph, Scope& scope)
      : edit_(edit), graph_(graph), scope_(scope), uses_(use_counts(graph)), producers_(producers(graph)) {}

  size_t run() {
    // From the end: what nodes that stay read is wanted; a constant that cannot be stored stays computed, and
    // what it is computed from is wanted instead.
    for (const onnx::ValueInfo& info : graph_.outputs) wanted_.insert(info.name);
    size_t changes = 0;
    for (size_t i = graph_.nodes.size(); i-- > 0;) {
      onnx::Node& node = graph_.nodes[i];
      if (is_foldable(node) && fold(node))
        ++changes;
      else
        want_inputs(node);
    }
    for (onnx::Tensor& tensor : new_initializers_) graph_.initializers.push_back(std::move(tensor));
    return changes;
  }

 private:
  bool is_foldable(const onnx::Node& node) const {
    if (node.outputs.empty()) return false;
    bool any = false;
    for (const std::string_view name : node.outputs) {
      if (name.empty()) continue;
      if (node.outputs.size() > 1 && is_output(graph_, name)) return false;
      const Fact* fact = scope_.find_own(name);
      if (fact == nullptr || !fact->is_constant()) return false;
      any |= wanted_.contains(name);
    }
    return any && !is_held_output(node);
  }

  /// An output of the graph must come from a node; an Identity of an initializer is as far as it goes.
  bool is_held_output(const onnx::Node& node) const {
    if (node.op_type != "Identity" && node.op_type != "Constant") return false;
    if (!std::ranges::any_of(node.outputs, [&](std::string_view name) { return is_output(graph_, name); }))
      return false;
    if (node.op_type == "Constant") return true;
    const Fact* from = input_fact(node, 0, scope_);
    return from == nullptr || from->initializer != nullptr;
  }

  bool fold(onnx::Node& node) {
    const bool is_constant = is_standard(node, "Constant");
    for (const std::string_view name : node.outputs)
      if (wanted_.contains(name) && !is_constant && !may_store(name)) return false;
    const std::string_view held = is_output(graph_, node.outputs[0]) ? node.outputs[0] : std::string_view();
    if (held.empty()) {
      for (const std::string_view name : node.outputs)
        if (wanted_.contains(name)) store(name);
      drop(node);
      return true;
    }
    // An output of the graph keeps a node, which reads the stored value.
    const std::string_view stored = edit_.model.unused_name(std::string(held) + "_constant");
    new_initializers_.push_back(edit_.model.message(stored, edit_.analysis.value(*scope_.find_own(held))));
    const std::string_view node_name = node.name;
    drop(node);
    node.op_type = "Identity";
    node.domain = {};
    node.name = node_name;
    node.inputs = {stored};
    node.outputs = {held};
    return true;
  }

  void store(std::string_view name) {
    new_initializers_.push_back(edit_.model.message(name, edit_.analysis.value(*scope_.find_own(name))));
  }

  /// Whether the file grows by no more than it may: initializers that only this value needs go with it.
  bool may_store(std::string_view name) {
    const uint64_t bytes = Analysis::bytes(*scope_.find_own(name));
    if (bytes <= edit_.options.max_folded_bytes) return true;
    Names seen;
    return bytes <= edit_.options.max_folded_bytes + source_bytes(name, seen);
  }

  uint64_t source_bytes(std::string_view name, Names& seen) {
    if (!seen.insert(name).second) return 0;
    const auto producer = producers_.find(name);
    if (producer == producers_.end()) {
      const Fact* fact = scope_.find_own(name);
      const bool vanishes = fact != nullptr && fact->initializer != nullptr && uses_[name] == 1;
      return vanishes ? Analysis::bytes(*fact) : 0;
    }
    const Fact* fact = scope_.find_own(name);
    if (is_standard(*producer->second, "Constant"))
      return fact != nullptr && uses_[name] == 1 ? Analysis::bytes(*fact) : 0;
    uint64_t sum = 0;
    for (const std::string_view input : producer->second->inputs) sum += source_bytes(input, seen);
    return sum;
  }

  void want_inputs(const onnx::Node& node) {
    if (node.outputs.empty()) return;
    for (const std::string_view name : node.inputs) wanted_.insert(name);
    onnx::for_each_subgraph(node, [&](const onnx::Graph& inner) {
      for (const auto& [name, count] : use_counts(inner)) wanted_.insert(name);
    });
  }

  Edit& edit_;
  onnx::Graph& graph_;
  Scope& scope_;
  std::unordered_map<std::string_view, int> uses_;
  std::unordered_map<std::string_view, onnx::Node*> producers_;
  Names wanted_;
  std::vector<onnx::Tensor> new_initializers_;
};

}  // namespace

size_t fold_constants(Edit& edit, onnx::Graph& graph, Scope& scope) {
  return Folder(edit, graph, scope).run();
}

}  // namespace spinel::tools
