#include "onnx/operator_counts.hpp"

#include "onnx/editable_model.hpp"

namespace spinel::onnx {
namespace {

void count(const std::vector<Node>& nodes, std::map<std::string, int64_t>& counts) {
  for (const Node& node : nodes) {
    const std::string_view domain = plain_domain(node.domain);
    std::string name(domain);
    if (!domain.empty()) name += "::";
    ++counts[name.append(node.op_type)];
    for_each_subgraph(node, [&](const Graph& inner) { count(inner.nodes, counts); });
  }
}

}  // namespace

std::map<std::string, int64_t> operator_counts(const Model& model) {
  std::map<std::string, int64_t> counts;
  count(model.graph.nodes, counts);
  for (const Function& function : model.functions) count(function.nodes, counts);
  return counts;
}

}  // namespace spinel::onnx
