#include "graph/patch.hpp"

#include <algorithm>

#include "graph/origin.hpp"

namespace spinel::graph {

ValueId Patch::value(std::string name, ValueType type, std::string origin) {
  Value added;
  added.name = std::move(name);
  added.type = std::move(type);
  added.origin = std::move(origin);
  values_.push_back(std::move(added));
  return static_cast<ValueId>(graph_.values.size() + values_.size() - 1);
}

ValueId Patch::constant(std::string name, Tensor tensor, std::string origin) {
  const ValueId id =
      value(std::move(name), ValueType::tensor(tensor.dtype(), to_shape(tensor.dims())), std::move(origin));
  values_.back().constant = std::move(tensor);
  return id;
}

void Patch::node(std::string name, OpPtr op, std::string attributes, std::vector<ValueId> inputs,
                 std::vector<ValueId> outputs, const std::vector<NodeId>& replaces) {
  Node added;
  added.name = std::move(name);
  added.op = std::move(op);
  added.attributes = std::move(attributes);
  added.inputs = std::move(inputs);
  added.outputs = std::move(outputs);
  for (NodeId id : replaces)
    for (const std::string& source : graph_.node(id).sources)
      if (std::ranges::find(added.sources, source) == added.sources.end()) added.sources.push_back(source);
  nodes_.push_back(std::move(added));
}

void Patch::replace(ValueId old_value, ValueId new_value) { replacements_.push_back({old_value, new_value}); }

void Patch::apply(Graph& graph) && {
  for (Value& each : values_) graph.add_value(std::move(each));
  // Old readers are redirected before the new nodes come in: a new node may read the value that it replaces.
  for (const auto& [old_value, new_value] : replacements_) {
    for (Node& each : graph.nodes) {
      std::ranges::replace(each.inputs, old_value, new_value);
      for (auto& subgraph : each.subgraphs)
        for (Capture& capture : subgraph->captures)
          if (capture.outer == old_value) capture.outer = new_value;
    }
    std::ranges::replace(graph.outputs, old_value, new_value);
    Value& replaced_by = graph.value(new_value);
    if (replaced_by.origin.empty()) {
      const Value& old = graph.value(old_value);
      inherit_origin(replaced_by, old);
    }
  }
  const bool reorder = !nodes_.empty();
  for (Node& each : nodes_) graph.add_node(std::move(each));
  if (reorder) sort_topologically(graph);
}

}  // namespace spinel::graph
