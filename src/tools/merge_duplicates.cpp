// Computes and stores equal things once.
#include <algorithm>
#include <map>
#include <tuple>

#include "onnx/encode.hpp"
#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

/// Initializers with equal types, dims and bytes. Tensors that hold no raw_data are compared by nothing and
/// stay.
size_t merge_initializers(onnx::Graph& graph, Renames& renames) {
  std::map<std::tuple<int32_t, std::vector<int64_t>, std::string_view>, std::string_view> seen;
  size_t changes = 0;
  for (const onnx::Tensor& tensor : graph.initializers) {
    if (!tensor.raw_data || is_output(graph, tensor.name)) continue;
    if (std::ranges::find(graph.inputs, tensor.name, &onnx::ValueInfo::name) != graph.inputs.end()) continue;
    const std::string_view bytes(reinterpret_cast<const char*>(tensor.raw_data->data()),
                                 tensor.raw_data->size());
    const auto [first, inserted] = seen.try_emplace({tensor.data_type, tensor.dims, bytes}, tensor.name);
    if (inserted) continue;
    renames.add(tensor.name, first->second);
    ++changes;
  }
  return changes;
}

bool may_merge(const onnx::Node& node, const Analysis& analysis) {
  const graph::Op* op = analysis.op(node);
  if (node.outputs.empty() || op == nullptr || !op->deterministic()) return false;
  bool has_subgraph = false;
  onnx::for_each_subgraph(node, [&](const onnx::Graph&) { has_subgraph = true; });
  return !has_subgraph;
}

/// Operator, attributes and inputs as bytes.
std::string key_of(onnx::Node& node) {
  const std::string_view name = std::exchange(node.name, {});
  const std::string_view doc = std::exchange(node.doc_string, {});
  const std::vector<std::string_view> outputs = std::exchange(node.outputs, {});
  const onnx::OtherFields others = std::exchange(node.others, {});
  std::string key = onnx::encode(node).text();
  node.name = name;
  node.doc_string = doc;
  node.outputs = outputs;
  node.others = others;
  return key;
}

}  // namespace

size_t merge_duplicates(Edit& edit, onnx::Graph& graph, Scope&) {
  Renames equal;
  size_t changes = merge_initializers(graph, equal);
  equal.apply(graph);
  // In order: once two nodes are merged their readers have equal inputs, too.
  std::map<std::string, const onnx::Node*> seen;
  for (onnx::Node& node : graph.nodes) {
    if (!may_merge(node, edit.analysis)) continue;
    for (std::string_view& name : node.inputs) name = equal.now(name);
    const auto [first, inserted] = seen.try_emplace(key_of(node), &node);
    if (inserted) continue;
    const onnx::Node& kept = *first->second;
    bool covers = node.outputs.size() <= kept.outputs.size();
    for (size_t i = 0; covers && i < node.outputs.size(); ++i)
      covers = node.outputs[i].empty() || (!kept.outputs[i].empty() && !is_output(graph, node.outputs[i]));
    if (!covers) continue;
    for (size_t i = 0; i < node.outputs.size(); ++i)
      if (!node.outputs[i].empty()) equal.add(node.outputs[i], kept.outputs[i]);
    drop(node);
    ++changes;
  }
  equal.apply(graph);
  return changes;
}

}  // namespace spinel::tools
