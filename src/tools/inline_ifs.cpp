// An If whose condition is known gives way to its branch.
#include <algorithm>

#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

class Inliner {
 public:
  Inliner(Edit& edit, onnx::Graph& graph, Scope& scope) : edit_(edit), graph_(graph), scope_(scope) {}

  size_t run() {
    if (std::ranges::none_of(graph_.nodes, [&](onnx::Node& node) { return known_branch(node) != nullptr; }))
      return 0;
    std::vector<onnx::Node> nodes;
    size_t changes = 0;
    for (onnx::Node& node : graph_.nodes) {
      onnx::Graph* branch = known_branch(node);
      if (branch == nullptr) {
        nodes.push_back(std::move(node));
        continue;
      }
      ++changes;
      take_over(node, *branch, nodes);
    }
    graph_.nodes = std::move(nodes);
    return changes;
  }

 private:
  onnx::Graph* known_branch(onnx::Node& node) const {
    if (!is_standard(node, "If")) return nullptr;
    const Fact* condition = input_fact(node, 0, scope_);
    if (condition == nullptr || !condition->is_constant()) return nullptr;
    const Tensor value = edit_.analysis.value(*condition);
    if (value.dtype() != DType::boolean || value.element_count() != 1) return nullptr;
    onnx::Attribute* attribute =
        onnx::find_attribute(node, value.data<bool>()[0] ? "then_branch" : "else_branch");
    if (attribute == nullptr || !attribute->g || attribute->g->outputs.size() < node.outputs.size())
      return nullptr;
    return attribute->g.get();
  }

  bool is_taken(std::string_view name) const { return scope_.find(name) != nullptr || taken_.contains(name); }

  void take_over(onnx::Node& node, onnx::Graph& branch, std::vector<onnx::Node>& nodes) {
    // What the branch defines becomes the enclosing graph's; a name that is there already changes.
    Renames renames;
    const auto define = [&](std::string_view name) {
      if (name.empty()) return;
      if (is_taken(name)) {
        const std::string_view unused =
            edit_.model.unused_name(std::string(node.name) + "/" + std::string(name));
        renames.add(name, unused);
        name = unused;
      }
      taken_.insert(name);
    };
    for (const onnx::Tensor& tensor : branch.initializers) define(tensor.name);
    for (const onnx::SparseTensor& tensor : branch.sparse_initializers) define(tensor.values.name);
    for (const onnx::Node& each : branch.nodes)
      for (const std::string_view name : each.outputs) define(name);
    renames.apply(branch);
    for (onnx::Tensor& tensor : branch.initializers) {
      tensor.name = renames.now(tensor.name);
      graph_.initializers.push_back(std::move(tensor));
    }
    for (onnx::SparseTensor& tensor : branch.sparse_initializers) {
      tensor.values.name = renames.now(tensor.values.name);
      graph_.sparse_initializers.push_back(std::move(tensor));
    }
    std::vector<onnx::Node> passes_on;
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (!node.outputs[i].empty())
        passes_on.push_back(onnx::make_node("Identity", {renames.now(branch.outputs[i].name)},
                                            {node.outputs[i]},
                                            edit_.model.unused_name(std::string(node.name) + "_output")));
    for (onnx::Node& each : branch.nodes) nodes.push_back(std::move(each));
    for (onnx::Node& each : passes_on) nodes.push_back(std::move(each));
  }

  Edit& edit_;
  onnx::Graph& graph_;
  Scope& scope_;
  std::set<std::string_view> taken_;
};

}  // namespace

size_t inline_ifs(Edit& edit, onnx::Graph& graph, Scope& scope) { return Inliner(edit, graph, scope).run(); }

}  // namespace spinel::tools
