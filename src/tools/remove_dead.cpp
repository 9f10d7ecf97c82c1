// Nodes and initializers that no output needs, and the order of nodes.
#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/text.hpp"
#include "tools/edit.hpp"

namespace spinel::tools {
namespace {

using Names = std::unordered_set<std::string_view>;

void add_uses(const onnx::Node& node, Names& used) {
  used.insert(node.inputs.begin(), node.inputs.end());
  onnx::for_each_subgraph(node, [&](const onnx::Graph& inner) {
    for (const auto& [name, count] : use_counts(inner)) used.insert(name);
  });
}

}  // namespace

size_t remove_dead(Edit&, onnx::Graph& graph, Scope&) {
  Names used;
  for (const onnx::ValueInfo& info : graph.outputs) used.insert(info.name);
  std::vector<bool> dead(graph.nodes.size(), false);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const onnx::Node& node = graph.nodes[i];
    dead[i] = std::ranges::none_of(node.outputs, [&](std::string_view name) { return used.contains(name); });
    if (!dead[i]) add_uses(node, used);
  }
  size_t index = 0;
  size_t changes = std::erase_if(graph.nodes, [&](const onnx::Node&) { return dead[index++]; });
  // An initializer that is also an input is its default.
  for (const onnx::ValueInfo& info : graph.inputs) used.insert(info.name);
  for (const onnx::QuantizationAnnotation& annotation : graph.quantization_annotations)
    for (const onnx::StringPair& pair : annotation.quant_parameter_tensor_names) used.insert(pair.value);
  changes +=
      std::erase_if(graph.initializers, [&](const onnx::Tensor& each) { return !used.contains(each.name); });
  changes += std::erase_if(graph.sparse_initializers,
                           [&](const onnx::SparseTensor& each) { return !used.contains(each.values.name); });
  return changes;
}

void sort_nodes(onnx::Graph& graph) {
  std::unordered_map<std::string_view, size_t> makers;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    onnx::for_each_subgraph(graph.nodes[i], [](onnx::Graph& inner) { sort_nodes(inner); });
    for (const std::string_view name : graph.nodes[i].outputs) makers[name] = i;
  }
  std::vector<size_t> missing(graph.nodes.size(), 0);
  std::vector<std::vector<size_t>> readers(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Names used;
    add_uses(graph.nodes[i], used);
    for (const std::string_view name : used) {
      const auto maker = name.empty() ? makers.end() : makers.find(name);
      if (maker == makers.end() || maker->second == i) continue;
      readers[maker->second].push_back(i);
      ++missing[i];
    }
  }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < missing.size(); ++i)
    if (missing[i] == 0) ready.push(i);
  std::vector<onnx::Node> sorted;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    sorted.push_back(std::move(graph.nodes[i]));
    for (const size_t reader : readers[i])
      if (--missing[reader] == 0) ready.push(reader);
  }
  if (sorted.size() != graph.nodes.size()) {
    const auto stuck = std::ranges::find_if(missing, [](size_t count) { return count != 0; });
    const onnx::Node& node = graph.nodes[static_cast<size_t>(stuck - missing.begin())];
    fail(ErrorCode::bad_model, "node '{}' ({}) is on a cycle", node.name, node.op_type);
  }
  graph.nodes = std::move(sorted);
}

}  // namespace spinel::tools
