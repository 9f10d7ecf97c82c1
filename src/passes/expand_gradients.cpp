// Writes Gradient (ai.onnx.preview.training) as the nodes that compute it: reverse-mode differentiation of
// the part of the graph between the tensors that it names. Where it is given other values than these, that
// part is repeated with them first. What comes out is a graph like any other, so that a Gradient of a
// Gradient is no special case: the inner one is written first.
#include <algorithm>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "ops/gradient.hpp"
#include "passes/gradient.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::NodeId;
using graph::ValueId;
using ops::GradientOp;

size_t at(ValueId id) { return static_cast<size_t>(id); }

const GradientEntry* find_rule(const graph::Node& node) {
  const auto& recipe = node.op->recipe();
  if (recipe == nullptr || !recipe->domain.empty() || !node.subgraphs.empty()) return nullptr;
  for (const auto& rules :
       {elementwise_gradients, product_gradients, reduction_gradients, rearranging_gradients})
    for (const GradientEntry& entry : rules)
      if (entry.op == recipe->op) return &entry;
  return nullptr;
}

bool is_float(const graph::ValueType& type) {
  return type.is_tensor() && (type.dtype == DType::float32 || type.dtype == DType::float64 ||
                              type.dtype == DType::float16 || type.dtype == DType::bfloat16);
}

/// One Gradient node. Its inputs are the values for xs and zs, then the tensors that xs, zs and y name.
class Differentiation {
 public:
  Differentiation(Graph& graph, NodeId id, const Settings& settings)
      : graph_(graph),
        id_(id),
        op_(dynamic_cast<const GradientOp&>(*graph.node(id).op)),
        settings_(settings),
        y_(node().inputs[2 * op_.values()]) {}

  /// Whether the values that are given are other ones than the named; the nodes between are repeated then.
  bool needs_copy() const {
    for (size_t i = 0; i < op_.values(); ++i)
      if (node().inputs[i] != named(i)) return true;
    return false;
  }

  void copy() {
    std::vector<ValueId> now(graph_.values.size());
    for (size_t i = 0; i < now.size(); ++i) now[i] = static_cast<ValueId>(i);
    for (size_t i = 0; i < op_.values(); ++i) now[at(named(i))] = node().inputs[i];
    const std::vector<bool> is_leaf = leaves();
    const auto end = id_;
    for (NodeId n = 0; n < end; ++n) {
      const graph::Node& old = graph_.node(n);
      bool changes = false;
      Graph::for_each_use(old, [&](ValueId id) { changes = changes || now[at(id)] != id; });
      if (!changes) continue;
      if (!old.subgraphs.empty())
        fail(ErrorCode::unsupported, "node '{}' ({}) cannot be repeated on other values than '{}'", old.name,
             old.op->name(), fmt::join(op_.names(), "', '"));
      graph::Node copied = old;
      copied.name = fmt::format("{}.{}", node().name, old.name);
      for (ValueId& id : copied.inputs)
        if (id != no_value) id = now[at(id)];
      for (ValueId& id : copied.outputs) {
        if (id == no_value) continue;
        graph::Value value;
        value.name = fmt::format("{}.{}", node().name, graph_.value(id).name);
        value.type = graph_.value(id).type;
        const ValueId made = graph_.add_value(std::move(value));
        if (!is_leaf[at(id)]) now[at(id)] = made;
        id = made;
      }
      graph_.add_node(std::move(copied));
    }
    graph::Node& gradient = graph_.node(id_);
    for (size_t i = 0; i < op_.values(); ++i) gradient.inputs[op_.values() + i] = gradient.inputs[i];
    gradient.inputs.back() = now[at(y_)];
  }

  void expand() {
    if (!is_float(graph_.value(y_).type))
      fail(ErrorCode::bad_model, "y, '{}', is {}, which has no derivative", op_.names().back(),
           graph_.value(y_).type.text());
    Rewrite rewrite(graph_);
    Expansion out(graph_, rewrite, id_, settings_);
    const std::vector<bool> is_leaf = leaves();
    const std::vector<bool> active = find_active(is_leaf);
    std::vector<ValueId> gradients(graph_.values.size(), no_value);
    const auto add = [&](ValueId value, ValueId gradient) {
      ValueId& sum = gradients[at(value)];
      sum = sum == no_value ? gradient : out.add("Add", {sum, gradient}, {}, DType::undefined);
    };
    require_own_variables(is_leaf);
    if (active[at(y_)]) add(y_, filled(out, 1, y_));
    for (NodeId n = static_cast<NodeId>(graph_.nodes.size()) - 1; n >= 0; --n) {
      const graph::Node& each = graph_.node(n);
      if (!reaches(each, gradients, active, is_leaf)) continue;
      const GradientEntry* entry = find_rule(each);
      if (entry == nullptr)
        fail(ErrorCode::unsupported, "node '{}' between '{}' and '{}': {} has no derivative in this version",
             each.name, fmt::join(op_.names().begin(), op_.names().end() - 1, "', '"), op_.names().back(),
             each.op->name());
      GradientRule rule(graph_, out, n, gradients, active);
      try {
        entry->rule(rule);
      } catch (const Error& error) {
        throw Error(error.code(), fmt::format("node '{}': {}", each.name, error.what()), error.node());
      }
      for (size_t i = 0; i < each.inputs.size(); ++i)
        if (rule.given()[i] != no_value) add(each.inputs[i], rule.given()[i]);
    }
    for (size_t i = 0; i < node().outputs.size(); ++i) {
      if (node().outputs[i] == no_value) continue;
      const ValueId found = gradients[at(named(i))];
      out.replace(i, found == no_value ? filled(out, 0, named(i)) : found);
    }
    note_change(settings_, node(), fmt::format("the derivative of '{}'", op_.names().back()));
    rewrite.apply();
  }

 private:
  const graph::Node& node() const { return graph_.node(id_); }
  ValueId named(size_t index) const { return node().inputs[op_.values() + index]; }

  /// The independent variables: what makes them is not looked at.
  std::vector<bool> leaves() const {
    std::vector<bool> is_leaf(graph_.values.size());
    for (size_t i = 0; i < op_.values(); ++i) is_leaf[at(named(i))] = true;
    return is_leaf;
  }

  /// Float values that depend on xs, and these themselves.
  std::vector<bool> find_active(const std::vector<bool>& is_leaf) const {
    std::vector<bool> active(graph_.values.size());
    for (size_t i = 0; i < op_.outputs(); ++i) {
      const auto& type = graph_.value(named(i)).type;
      if (!is_float(type))
        fail(ErrorCode::bad_model, "'{}' of xs is {}, by which nothing has a derivative", op_.names()[i],
             type.text());
      active[at(named(i))] = true;
    }
    for (const graph::Node& each : graph_.nodes) {
      bool depends = false;
      Graph::for_each_use(each, [&](ValueId id) { depends = depends || active[at(id)]; });
      if (!depends) continue;
      for (const ValueId id : each.outputs)
        if (id != no_value && !is_leaf[at(id)])
          active[at(id)] = is_float(graph_.value(id).type) || !graph_.value(id).type.is_tensor();
    }
    return active;
  }

  /// In a subgraph nothing tells how values of the graph around it depend on xs: they must be among xs and
  /// zs.
  void require_own_variables(const std::vector<bool>& is_leaf) const {
    std::vector<bool> needed(graph_.values.size());
    needed[at(y_)] = true;
    for (auto n = static_cast<NodeId>(graph_.nodes.size()) - 1; n >= 0; --n)
      if (std::ranges::any_of(graph_.node(n).outputs, [&](ValueId id) {
            return id != no_value && needed[at(id)] && !is_leaf[at(id)];
          }))
        Graph::for_each_use(graph_.node(n), [&](ValueId id) { needed[at(id)] = true; });
    for (const graph::Capture& capture : graph_.captures) {
      const graph::Value& value = graph_.value(capture.inner);
      if (needed[at(capture.inner)] && !is_leaf[at(capture.inner)] && !value.is_constant())
        fail(ErrorCode::unsupported,
             "'{}' depends on '{}' of the graph around this one, which is neither in xs nor in zs",
             op_.names().back(), value.name);
    }
  }

  /// Whether a gradient flows through the node to xs.
  static bool reaches(const graph::Node& node, const std::vector<ValueId>& gradients,
                      const std::vector<bool>& active, const std::vector<bool>& is_leaf) {
    const bool flows = std::ranges::any_of(node.outputs, [&](ValueId id) {
      return id != no_value && !is_leaf[at(id)] && gradients[at(id)] != no_value;
    });
    bool wanted = false;
    Graph::for_each_use(node, [&](ValueId id) { wanted = wanted || active[at(id)]; });
    return flows && wanted;
  }

  ValueId filled(Expansion& out, double value, ValueId like) const {
    const DType dtype = graph_.value(like).type.dtype;
    const ValueId dims = out.add("Shape", {like}, {}, DType::int64);
    return out.add("Expand", {out.constant(convert(Tensor::scalar(value), dtype)), dims}, {}, dtype);
  }

  Graph& graph_;
  NodeId id_;
  const GradientOp& op_;
  const Settings& settings_;
  ValueId y_;
};

/// The first one, or the one that `op` is.
NodeId find_gradient(const Graph& graph, const graph::OpPtr& op = nullptr) {
  const auto found = std::ranges::find_if(graph.nodes, [&](const graph::Node& node) {
    return op != nullptr ? node.op == op : dynamic_cast<const GradientOp*>(node.op.get()) != nullptr;
  });
  return found == graph.nodes.end() ? no_node : static_cast<NodeId>(found - graph.nodes.begin());
}

/// With subgraphs, in which a Gradient is on its own.
size_t expand_in(Graph& graph, const Settings& settings, FunctionRef<void()> infer) {
  size_t changes = 0;
  for (graph::Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += expand_in(*subgraph, settings, infer);
  for (NodeId n; (n = find_gradient(graph)) != no_node; ++changes) {
    const std::string name = graph.node(n).name;
    try {
      const auto op = graph.node(n).op;
      if (Differentiation first(graph, n, settings); first.needs_copy()) {
        first.copy();
        graph::sort_topologically(graph);
        infer();
      }
      Differentiation(graph, find_gradient(graph, op), settings).expand();
    } catch (const Error& error) {
      throw Error(error.code(), fmt::format("Gradient '{}': {}", name, error.what()), name);
    }
    infer();
  }
  return changes;
}

}  // namespace

size_t expand_gradients(Graph& graph, const Settings& settings) {
  return expand_in(graph, settings, [&] { graph::infer(graph); });
}

}  // namespace spinel::passes
