// Finds layer normalisation written out: (x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon) * scale + bias
// over the last axes.
#include <algorithm>

#include "base/text.hpp"
#include "ops/reduce.hpp"
#include "passes/match.hpp"

namespace spinel::passes {
namespace {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Shape;
using graph::ValueId;

struct Found {
  ValueId x = no_value;
  ValueId y = no_value;
  ValueId scale = no_value;  ///< None: ones.
  ValueId bias = no_value;
  int axis = 0;  ///< The first that is normalised.
  double epsilon = 0;
  std::vector<NodeId> replaces;
};

class Recognizer {
 public:
  Recognizer(const Graph& graph, const Settings& settings) : m_(graph), settings_(settings) {}

  /// The layer norm whose quotient is made by node `n`.
  std::optional<Found> find(NodeId n) {
    const Node& node = m_.node(n);
    const std::string_view op = node.op->name();
    if (op != "Div" && op != "Mul") return std::nullopt;
    for (size_t i = 0; i < (op == "Mul" ? 2U : 1U); ++i)
      if (auto found = find(n, node.inputs[i], node.inputs[1 - i], op == "Div")) return found;
    return std::nullopt;
  }

 private:
  std::optional<Found> find(NodeId n, ValueId centred, ValueId deviation, bool divides) {
    Found found;
    found.replaces = {n};
    const auto variance = variance_of(deviation, divides, found);
    if (!variance) return std::nullopt;
    const NodeId mean_square = mean_node(*variance);
    if (mean_square == no_node) return std::nullopt;
    found.replaces.push_back(mean_square);
    const ValueId squared = squared_value(m_.node(mean_square).inputs[0], found);
    if (squared == no_value) return std::nullopt;
    const NodeId difference = m_.producer(centred, {"Sub"});
    if (difference == no_node || through_casts(squared) != through_casts(centred)) return std::nullopt;
    // From here on it is a layer norm, whether it can be replaced or not.
    const Node& node = m_.node(n);
    found.x = m_.node(difference).inputs[0];
    const NodeId mean = mean_node(m_.node(difference).inputs[1]);
    if (mean == no_node || through_casts(m_.node(mean).inputs[0]) != through_casts(found.x))
      return std::nullopt;
    found.replaces.insert(found.replaces.end(), {difference, mean});
    const auto axes = mean_axes(mean);
    const auto square_axes = mean_axes(mean_square);
    const int rank = m_.rank(found.x);
    if (!axes || !square_axes || *axes != *square_axes || rank < 0) return std::nullopt;
    found.axis = rank - static_cast<int>(axes->size());
    for (size_t i = 0; i < axes->size(); ++i)
      if ((*axes)[i] != found.axis + static_cast<int>(i)) {
        note_refusal(
            settings_, node,
            fmt::format("layer norm: it normalises axis {}, which is not among the last", (*axes)[i]));
        return std::nullopt;
      }
    found.y = node.outputs[0];
    if (!same_type(m_.value(found.y), m_.value(found.x))) return std::nullopt;
    // What reads the steps between must go, too; else everything is computed twice.
    for (NodeId each : found.replaces) {
      if (each == n) continue;
      for (NodeId reader : m_.readers(m_.node(each).outputs[0]))
        if (std::ranges::find(found.replaces, reader) == found.replaces.end() && !is_cast(reader)) {
          note_refusal(settings_, node,
                       fmt::format("layer norm: '{}' reads a value inside it", m_.node(reader).name));
          return std::nullopt;
        }
    }
    take_scale_and_bias(found);
    if (found.scale == no_value && !constant_dims(inner_shape(found))) {
      note_refusal(settings_, node,
                   "layer norm: it has no constant scale and the normalised axes are dynamic");
      return std::nullopt;
    }
    return found;
  }

  bool is_cast(NodeId n) const { return m_.node(n).op->name() == "Cast"; }
  ValueId through_casts(ValueId id) const {
    for (NodeId n = m_.producer(id, {"Cast"}); n != no_node; n = m_.producer(id, {"Cast"}))
      id = m_.node(n).inputs[0];
    return id;
  }

  /// `deviation` is sqrt(variance + epsilon), or its reciprocal where it is multiplied by.
  std::optional<ValueId> variance_of(ValueId deviation, bool divides, Found& found) const {
    if (!divides) {
      if (const NodeId n = m_.producer(deviation, {"Reciprocal"}); n != no_node) {
        found.replaces.push_back(n);
        deviation = m_.node(n).inputs[0];
        divides = true;
      } else if (const NodeId one = m_.producer(deviation, {"Div"});
                 one != no_node && m_.scalar(m_.node(one).inputs[0]) == 1.0) {
        found.replaces.push_back(one);
        deviation = m_.node(one).inputs[1];
        divides = true;
      }
    }
    const NodeId root = m_.producer(deviation, {"Sqrt", "Pow"});
    if (root == no_node) return std::nullopt;
    const bool is_sqrt = m_.node(root).op->name() == "Sqrt";
    if (is_sqrt ? !divides : m_.scalar(m_.node(root).inputs[1]) != (divides ? 0.5 : -0.5))
      return std::nullopt;
    const NodeId add = m_.producer(m_.node(root).inputs[0], {"Add"});
    if (add == no_node) return std::nullopt;
    found.replaces.insert(found.replaces.end(), {root, add});
    for (size_t i = 0; i < 2; ++i)
      if (const auto epsilon = m_.scalar(m_.node(add).inputs[1 - i]); epsilon && *epsilon >= 0) {
        found.epsilon = *epsilon;
        return m_.node(add).inputs[i];
      }
    return std::nullopt;
  }

  NodeId mean_node(ValueId id) const {
    const NodeId n = m_.producer(id, {"ReduceMean"});
    if (n == no_node) return no_node;
    const auto* reduce = dynamic_cast<const ops::ReduceOp*>(m_.node(n).op.get());
    return reduce != nullptr && reduce->attrs().keep_dims ? n : no_node;
  }

  /// Sorted and counted from the front.
  std::optional<std::vector<int>> mean_axes(NodeId n) const {
    const Node& node = m_.node(n);
    const auto& attrs = dynamic_cast<const ops::ReduceOp&>(*node.op).attrs();
    std::optional<std::vector<int64_t>> axes = attrs.axes;
    if (!axes && m_.has_input(node, 1)) axes = m_.ints(node.inputs[1]);
    const int rank = m_.rank(node.inputs[0]);
    if (!axes || axes->empty() || rank < 0) return std::nullopt;
    std::vector<int> out;
    for (int64_t axis : *axes) out.push_back(static_cast<int>(axis < 0 ? axis + rank : axis));
    std::ranges::sort(out);
    return out;
  }

  ValueId squared_value(ValueId id, Found& found) const {
    const NodeId n = m_.producer(id, {"Pow", "Mul"});
    if (n == no_node) return no_value;
    const Node& node = m_.node(n);
    const bool squares = node.op->name() == "Pow" ? is_two(node.inputs[1]) : node.inputs[0] == node.inputs[1];
    if (!squares) return no_value;
    found.replaces.push_back(n);
    // A second difference that equals the first, as old exporters write it.
    const ValueId inner = through_casts(node.inputs[0]);
    const NodeId difference = m_.producer(inner, {"Sub"});
    if (difference != no_node) found.replaces.push_back(difference);
    return node.inputs[0];
  }
  bool is_two(ValueId id) const {
    if (const auto number = m_.scalar(id)) return *number == 2;
    const auto whole = m_.ints(id);
    return whole && whole->size() == 1 && (*whole)[0] == 2;
  }

  Shape inner_shape(const Found& found) const {
    const Shape& shape = *m_.value(found.x).type.shape;
    return {shape.begin() + found.axis, shape.end()};
  }

  /// A constant that has the normalised axes' dims, leading ones apart.
  bool is_parameter(ValueId id, const Found& found) const {
    const graph::Value& value = m_.value(id);
    if (!value.is_constant() || value.constant.dtype() != m_.value(found.x).type.dtype) return false;
    return same_shape(graph::to_shape(value.constant.dims()), inner_shape(found));
  }

  void take_scale_and_bias(Found& found) const {
    for (const char* op : {"Mul", "Add"}) {
      const NodeId n = m_.only_reader(found.y);
      if (n == no_node || m_.node(n).op->name() != op) continue;
      const Node& node = m_.node(n);
      const ValueId other = node.inputs[node.inputs[0] == found.y ? 1 : 0];
      if (!is_parameter(other, found)) return;
      (node.op->name() == "Mul" ? found.scale : found.bias) = other;
      found.y = node.outputs[0];
      found.replaces.push_back(n);
    }
  }

  Matcher m_;
  const Settings& settings_;
};

ValueId ones(Rewrite& rewrite, const Graph& graph, const Found& found) {
  const graph::Value& x = graph.value(found.x);
  Dims dims;
  for (size_t i = static_cast<size_t>(found.axis); i < x.type.shape->size(); ++i)
    dims.push_back((*x.type.shape)[i].constant());
  Tensor scale(DType::float32, dims);
  std::ranges::fill(scale.data<float>(), 1.0F);
  return rewrite.patch().constant(x.name + ".ones", convert(scale, x.type.dtype));
}

}  // namespace

size_t recognize_layer_norm(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += recognize_layer_norm(*subgraph, settings);
  Recognizer recognizer(graph, settings);
  Rewrite rewrite(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const auto found = recognizer.find(n);
    if (!found) continue;
    note_change(settings, graph.node(n), "layer norm");
    const auto epsilon = static_cast<float>(found->epsilon);
    const ValueId scale = found->scale != no_value ? found->scale : ones(rewrite, graph, *found);
    std::vector<ValueId> inputs{found->x, scale};
    if (found->bias != no_value) inputs.push_back(found->bias);
    const size_t input_count = inputs.size();
    rewrite.node(
        n,
        make_table_op("LayerNormalization",
                      {{"axis", static_cast<int64_t>(found->axis)}, {"epsilon", epsilon}}, input_count),
        fmt::format("axis={}, epsilon={}", found->axis, epsilon), std::move(inputs), found->y,
        found->replaces);
  }
  changes += rewrite.apply();
  note_count(settings, graph, "LayerNormalization");
  return changes;
}

}  // namespace spinel::passes
