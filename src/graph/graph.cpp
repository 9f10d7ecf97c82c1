#include "graph/graph.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::graph {

void Op::batch(BatchContext& context) const { context.block("the operator has no batch rule"); }

std::string ValueType::text() const {
  switch (kind) {
    case Kind::sequence:
      return "sequence(" + (element ? element->text() : std::string("?")) + ")";
    case Kind::optional:
      return "optional(" + (element ? element->text() : std::string("?")) + ")";
    case Kind::tensor:
      break;
  }
  return std::string(dtype_name(dtype)) + (shape ? shape_text(*shape) : "[...]");
}

ValueId Graph::add_value(Value added) {
  values.push_back(std::move(added));
  return static_cast<ValueId>(values.size() - 1);
}

ValueId Graph::add_constant(std::string constant_name, Tensor tensor) {
  Value added;
  added.name = std::move(constant_name);
  added.type = ValueType::tensor(tensor.dtype(), to_shape(tensor.dims()));
  added.constant = std::move(tensor);
  return add_value(std::move(added));
}

NodeId Graph::add_node(Node added) {
  const auto id = static_cast<NodeId>(nodes.size());
  for (ValueId output : added.outputs)
    if (output != no_value) value(output).producer = id;
  nodes.push_back(std::move(added));
  return id;
}

ValueId Graph::find_value(std::string_view wanted) const {
  const auto found = std::ranges::find(values, wanted, &Value::name);
  return found == values.end() ? no_value : static_cast<ValueId>(found - values.begin());
}

std::vector<int> Graph::use_counts() const {
  std::vector<int> counts(values.size(), 0);
  for (const Node& each : nodes) for_each_use(each, [&](ValueId id) { ++counts[static_cast<size_t>(id)]; });
  for (ValueId id : outputs) ++counts[static_cast<size_t>(id)];
  return counts;
}

bool Graph::is_output(ValueId id) const { return std::ranges::find(outputs, id) != outputs.end(); }

namespace {

/// Renumbers nodes to the given order of old ids; nodes that are not listed disappear.
void reorder(Graph& graph, const std::vector<NodeId>& order) {
  std::vector<Node> sorted;
  sorted.reserve(order.size());
  for (Value& each : graph.values) each.producer = no_node;
  for (NodeId id : order) {
    const auto position = static_cast<NodeId>(sorted.size());
    sorted.push_back(std::move(graph.node(id)));
    for (ValueId output : sorted.back().outputs)
      if (output != no_value) graph.value(output).producer = position;
  }
  graph.nodes = std::move(sorted);
}

}  // namespace

void sort_topologically(Graph& graph) {
  for (Node& each : graph.nodes)
    for (auto& subgraph : each.subgraphs) sort_topologically(*subgraph);
  // Depth-first from each node in file order, with an explicit stack: models may be a million nodes deep.
  enum class Mark : uint8_t { none, open, done };
  std::vector<Mark> marks(graph.nodes.size(), Mark::none);
  std::vector<NodeId> order;
  order.reserve(graph.nodes.size());
  struct Frame {
    NodeId node;
    std::vector<NodeId> producers;
    size_t next = 0;
  };
  std::vector<Frame> stack;
  auto open = [&](NodeId id) {
    Frame frame{id, {}, 0};
    Graph::for_each_use(graph.node(id), [&](ValueId input) {
      const NodeId producer = graph.value(input).producer;
      if (producer != no_node) frame.producers.push_back(producer);
    });
    marks[static_cast<size_t>(id)] = Mark::open;
    stack.push_back(std::move(frame));
  };
  for (NodeId root = 0; root < static_cast<NodeId>(graph.nodes.size()); ++root) {
    if (marks[static_cast<size_t>(root)] != Mark::none) continue;
    open(root);
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.producers.size()) {
        marks[static_cast<size_t>(top.node)] = Mark::done;
        order.push_back(top.node);
        stack.pop_back();
        continue;
      }
      const NodeId producer = top.producers[top.next++];
      const Mark mark = marks[static_cast<size_t>(producer)];
      if (mark == Mark::open)
        fail(ErrorCode::bad_model, "the graph has a cycle through node '{}'; ONNX graphs must be acyclic",
             graph.node(producer).name);
      if (mark == Mark::none) open(producer);
    }
  }
  reorder(graph, order);
}

size_t remove_dead(Graph& graph) {
  size_t removed = 0;
  for (Node& each : graph.nodes)
    for (auto& subgraph : each.subgraphs) {
      removed += remove_dead(*subgraph);
      std::vector<bool> read(subgraph->values.size(), false);
      for (const Node& inner : subgraph->nodes)
        Graph::for_each_use(inner, [&](ValueId id) { read[static_cast<size_t>(id)] = true; });
      for (ValueId id : subgraph->outputs) read[static_cast<size_t>(id)] = true;
      std::erase_if(subgraph->captures,
                    [&](const Capture& c) { return !read[static_cast<size_t>(c.inner)]; });
    }

  std::vector<bool> live(graph.values.size(), false);
  std::vector<NodeId> kept;
  for (ValueId id : graph.outputs) live[static_cast<size_t>(id)] = true;
  for (auto id = static_cast<NodeId>(graph.nodes.size()) - 1; id >= 0; --id) {
    Node& each = graph.node(id);
    bool wanted = false;
    for (ValueId output : each.outputs) wanted |= output != no_value && live[static_cast<size_t>(output)];
    if (!wanted) {
      ++removed;
      continue;
    }
    kept.push_back(id);
    Graph::for_each_use(each, [&](ValueId input) { live[static_cast<size_t>(input)] = true; });
  }
  std::ranges::reverse(kept);
  for (ValueId id : graph.inputs) live[static_cast<size_t>(id)] = true;
  for (const Capture& capture : graph.captures) live[static_cast<size_t>(capture.inner)] = true;
  reorder(graph, kept);

  std::vector<ValueId> renumbered(graph.values.size(), no_value);
  std::vector<Value> values;
  for (size_t i = 0; i < graph.values.size(); ++i) {
    if (!live[i]) continue;
    renumbered[i] = static_cast<ValueId>(values.size());
    values.push_back(std::move(graph.values[i]));
  }
  graph.values = std::move(values);
  auto renumber = [&](ValueId& id) {
    if (id != no_value) id = renumbered[static_cast<size_t>(id)];
  };
  for (Node& each : graph.nodes) {
    std::ranges::for_each(each.inputs, renumber);
    std::ranges::for_each(each.outputs, renumber);
    for (auto& subgraph : each.subgraphs)
      for (Capture& capture : subgraph->captures) renumber(capture.outer);
  }
  std::ranges::for_each(graph.inputs, renumber);
  std::ranges::for_each(graph.outputs, renumber);
  for (Capture& capture : graph.captures) renumber(capture.inner);
  return removed;
}

void verify(const Graph& graph, std::string_view after) {
  auto broken = [&](const std::string& what) {
    fail(ErrorCode::internal, "graph '{}' is broken after {}: {}; please report this", graph.name, after,
         what);
  };
  const auto value_count = static_cast<ValueId>(graph.values.size());
  auto check_id = [&](ValueId id, const std::string& where) {
    if (id < 0 || id >= value_count)
      broken(fmt::format("{} refers to value {} of {}", where, id, value_count));
  };
  if (graph.outputs.size() != graph.output_names.size()) broken("outputs and their names differ in number");
  std::vector<bool> defined(graph.values.size(), false);
  for (ValueId id = 0; id < value_count; ++id)
    defined[static_cast<size_t>(id)] = graph.value(id).is_constant();
  for (ValueId id : graph.inputs) check_id(id, "an input"), defined[static_cast<size_t>(id)] = true;
  for (const Capture& capture : graph.captures)
    check_id(capture.inner, "a capture"), defined[static_cast<size_t>(capture.inner)] = true;
  for (size_t n = 0; n < graph.nodes.size(); ++n) {
    const Node& each = graph.nodes[n];
    if (!each.op) broken("node '" + each.name + "' has no operator");
    Graph::for_each_use(each, [&](ValueId id) {
      check_id(id, "node '" + each.name + "'");
      if (!defined[static_cast<size_t>(id)])
        broken(fmt::format("node '{}' reads '{}' before it is computed", each.name, graph.value(id).name));
    });
    for (ValueId id : each.outputs) {
      if (id == no_value) continue;
      check_id(id, "node '" + each.name + "'");
      if (defined[static_cast<size_t>(id)])
        broken(fmt::format("node '{}' computes '{}' a second time", each.name, graph.value(id).name));
      if (graph.value(id).producer != static_cast<NodeId>(n))
        broken(fmt::format("'{}' does not know its producer '{}'", graph.value(id).name, each.name));
      defined[static_cast<size_t>(id)] = true;
    }
    for (const auto& subgraph : each.subgraphs) verify(*subgraph, after);
  }
  for (ValueId id : graph.outputs) {
    check_id(id, "an output");
    if (!defined[static_cast<size_t>(id)])
      fail(ErrorCode::bad_model, "graph output '{}' is computed by no node", graph.value(id).name);
  }
}

namespace {

void print(const Graph& graph, const std::string& indent, std::string& out) {
  for (size_t i = 0; i < graph.inputs.size(); ++i) {
    const Value& input = graph.value(graph.inputs[i]);
    out += fmt::format("{}input  %{} : {}\n", indent, input.name, input.type.text());
  }
  for (const Value& each : graph.values)
    if (each.is_constant())
      out += fmt::format("{}const  %{} : {}\n", indent, each.name, describe(each.constant));
  for (const Node& each : graph.nodes) {
    std::string outputs;
    for (ValueId id : each.outputs)
      outputs +=
          (outputs.empty() ? "" : ", ") + (id == no_value ? std::string("_") : "%" + graph.value(id).name);
    std::string inputs;
    for (ValueId id : each.inputs)
      inputs +=
          (inputs.empty() ? "" : ", ") + (id == no_value ? std::string("_") : "%" + graph.value(id).name);
    std::string types;
    for (ValueId id : each.outputs)
      if (id != no_value) types += (types.empty() ? "" : ", ") + graph.value(id).type.text();
    out += fmt::format("{}{} = {}({}){} : {}  # {}\n", indent, outputs, each.op->name(), inputs,
                       each.attributes.empty() ? "" : " {" + each.attributes + "}", types, each.name);
    for (size_t i = 0; i < each.subgraphs.size(); ++i) {
      out += fmt::format("{}  subgraph {} '{}':\n", indent, i, each.subgraphs[i]->name);
      print(*each.subgraphs[i], indent + "    ", out);
    }
  }
  for (size_t i = 0; i < graph.outputs.size(); ++i)
    out += fmt::format("{}output %{} : {}\n", indent, graph.output_names[i],
                       graph.value(graph.outputs[i]).type.text());
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string out;
  print(graph, "", out);
  return out;
}

}  // namespace spinel::graph
