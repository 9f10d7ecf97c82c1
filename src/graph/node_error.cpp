#include "graph/node_error.hpp"

#include "base/text.hpp"

namespace spinel::graph {
namespace {

Error located(const Error& error, const Node& node, const std::string& inputs) {
  return {error.code(),
          fmt::format("node '{}' ({}): {} (inputs: {})", node.name, node.op->name(), error.what(), inputs),
          node.name};
}

}  // namespace

Error at_node(const Error& error, const Graph& graph, const Node& node) {
  std::string inputs;
  for (ValueId id : node.inputs)
    inputs +=
        (inputs.empty() ? "" : ", ") + (id == no_value ? std::string("none") : graph.value(id).type.text());
  return located(error, node, inputs);
}

Error at_node(const Error& error, const Node& node, const std::vector<const RuntimeValue*>& inputs) {
  std::string text;
  for (const RuntimeValue* value : inputs) {
    text += text.empty() ? "" : ", ";
    text += value->is_tensor() ? describe(value->tensor()) : value->is_sequence() ? "sequence" : "none";
  }
  return located(error, node, text);
}

}  // namespace spinel::graph
