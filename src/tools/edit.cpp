#include "tools/edit.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "graph/infer.hpp"

namespace spinel::tools {

std::string_view Renames::now(std::string_view name) const {
  for (auto found = names_.find(name); found != names_.end(); found = names_.find(name)) name = found->second;
  return name;
}

void Renames::apply(onnx::Graph& graph) const {
  if (names_.empty()) return;
  apply_inputs(graph);
  for (onnx::Node& node : graph.nodes)
    for (std::string_view& name : node.outputs) name = now(name);
}

/// Within a subgraph a name of its own hides the enclosing graph's.
void Renames::apply_inputs(onnx::Graph& graph) const {
  for (onnx::Node& node : graph.nodes) {
    for (std::string_view& name : node.inputs) name = now(name);
    onnx::for_each_subgraph(node, [&](onnx::Graph& inner) {
      Renames visible = *this;
      for (const onnx::Tensor& tensor : inner.initializers) visible.names_.erase(tensor.name);
      for (const onnx::ValueInfo& info : inner.inputs) visible.names_.erase(info.name);
      for (const onnx::Node& each : inner.nodes)
        for (const std::string_view name : each.outputs) visible.names_.erase(name);
      visible.apply_inputs(inner);
      for (onnx::ValueInfo& info : inner.outputs) info.name = visible.now(info.name);
    });
  }
}

namespace {

void count_uses(const onnx::Graph& graph, std::unordered_map<std::string_view, int>& counts) {
  for (const onnx::Node& node : graph.nodes) {
    for (const std::string_view name : node.inputs) ++counts[name];
    onnx::for_each_subgraph(node, [&](const onnx::Graph& inner) { count_uses(inner, counts); });
  }
  for (const onnx::ValueInfo& info : graph.outputs) ++counts[info.name];
}

}  // namespace

std::unordered_map<std::string_view, int> use_counts(const onnx::Graph& graph) {
  std::unordered_map<std::string_view, int> counts;
  count_uses(graph, counts);
  return counts;
}

bool is_output(const onnx::Graph& graph, std::string_view name) {
  return std::ranges::any_of(graph.outputs, [&](const onnx::ValueInfo& info) { return info.name == name; });
}

std::unordered_map<std::string_view, onnx::Node*> producers(onnx::Graph& graph) {
  std::unordered_map<std::string_view, onnx::Node*> out;
  for (onnx::Node& node : graph.nodes)
    for (const std::string_view name : node.outputs)
      if (!name.empty()) out[name] = &node;
  return out;
}

const Fact* input_fact(const onnx::Node& node, size_t index, const Scope& scope) {
  return index < node.inputs.size() && !node.inputs[index].empty() ? scope.find(node.inputs[index]) : nullptr;
}

std::optional<std::vector<int64_t>> constant_ints(const Fact* fact, const Analysis& analysis) {
  if (fact == nullptr || !fact->is_constant()) return std::nullopt;
  const auto elements = graph::known_ints(analysis.value(*fact));
  if (!elements) return std::nullopt;
  std::vector<int64_t> out;
  for (const graph::Dim& each : *elements) out.push_back(each.constant());
  return out;
}

std::string_view add_initializer(Edit& edit, onnx::Graph& graph, const std::string& name,
                                 const Tensor& value) {
  const std::string_view unused = edit.model.unused_name(name);
  graph.initializers.push_back(edit.model.message(unused, value));
  return unused;
}

void refuse_gradients(const std::map<std::string, int64_t>& operators) {
  if (operators.contains("ai.onnx.preview.training::Gradient"))
    fail(ErrorCode::unsupported,
         "the model has a Gradient, which names tensors of the graph; changing the graph would leave it "
         "without "
         "them");
}

}  // namespace spinel::tools
