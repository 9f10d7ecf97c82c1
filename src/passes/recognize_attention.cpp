// Finds scaled dot-product attention as exporters write it: softmax(scale * Q K' + mask) V. What only moves
// Q, K and V before (reshapes, transposes, slices of a packed projection) becomes part of the operator; the
// result is brought to the layout that the graph expects by moves that merge_transposes takes out again.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "cpu/attention.hpp"
#include "ops/binary.hpp"
#include "ops/regroup.hpp"
#include "ops/softmax.hpp"
#include "passes/view.hpp"

namespace spinel::passes {
namespace {

using cpu::AttentionAxis;
using cpu::AttentionLayer;
using cpu::AttentionOperand;
using graph::Dim;
using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Shape;
using graph::ValueId;

/// Why a candidate is left as it is.
struct Refusal {
  std::string reason;
};

struct Found {
  AttentionLayer layer;
  ValueId q = no_value, k = no_value, v = no_value, mask = no_value;
  ValueId condition = no_value;  ///< Of a mask by Where: scores stay where it is true.
  bool condition_keeps = true;
  double dropped = 0;  ///< What stands for a score where it is false.
  ValueId y = no_value;
  /// Of each leading axis of y, what it counts: 0 batch, 1 head.
  std::vector<std::vector<int>> leading;
  std::vector<NodeId> replaces;
};

/// Added to a finite score, such a number leaves nothing of it.
bool replaces_score(double value) { return value <= -1e30; }

class Recognizer {
 public:
  explicit Recognizer(const Graph& graph) : m_(graph) {}

  /// Empty if the node is no Softmax between two products. Throws Refusal if it is one that does not fit.
  std::optional<Found> find(NodeId n) {
    const Node& node = m_.node(n);
    const auto* softmax = dynamic_cast<const ops::SoftmaxOp*>(node.op.get());
    if (softmax == nullptr || softmax->attrs().kind != ops::SoftmaxAttrs::Kind::softmax) return std::nullopt;
    const int rank = m_.rank(node.inputs[0]);
    if (rank < 2) return std::nullopt;
    Found found;
    found.replaces = {n};
    const NodeId output = find_output(node.outputs[0], found);
    if (output == no_node) return std::nullopt;
    if (softmax->attrs().axis != -1 && softmax->attrs().axis != rank - 1) return std::nullopt;
    const NodeId scores = find_scores(node.inputs[0], found);
    if (scores == no_node) return std::nullopt;
    take_operands(m_.node(scores), m_.node(output), rank, found);
    return found;
  }

 private:
  /// The product with V, beyond the guard against rows that are masked altogether.
  NodeId find_output(ValueId weights, Found& found) {
    NodeId reader = m_.only_reader(weights);
    if (reader == no_node && m_.uses(weights) == 2) {
      // Where(IsNaN(weights), 0, weights)
      for (NodeId is_nan : m_.readers(weights)) {
        if (m_.node(is_nan).op->name() != "IsNaN") continue;
        const NodeId where = m_.only_reader(m_.node(is_nan).outputs[0]);
        if (where == no_node || m_.node(where).op->name() != "Where") continue;
        const Node& guard = m_.node(where);
        if (guard.inputs[2] != weights || m_.scalar(guard.inputs[1]) != 0.0) continue;
        found.layer.undefined_is_zero = true;
        found.replaces.insert(found.replaces.end(), {is_nan, where});
        weights = guard.outputs[0];
        reader = m_.only_reader(weights);
      }
    }
    const auto is_product = [&](NodeId each) {
      return m_.node(each).op->name() == "MatMul" && m_.node(each).inputs[0] == weights &&
             !m_.value(m_.node(each).inputs[1]).is_constant();
    };
    if (reader == no_node) {
      if (std::ranges::any_of(m_.readers(weights), is_product))
        throw Refusal{"the weights are read elsewhere, too"};
      return no_node;
    }
    if (!is_product(reader)) return no_node;
    found.replaces.push_back(reader);
    found.y = m_.node(reader).outputs[0];
    return reader;
  }

  /// The product of Q and K, through the mask and the scale.
  NodeId find_scores(ValueId id, Found& found) {
    for (;;) {
      const NodeId n = m_.producer(id, {"MatMul", "Add", "Mul", "Div", "Where"});
      if (n == no_node) return no_node;
      const Node& node = m_.node(n);
      const std::string_view op = node.op->name();
      if (op == "MatMul") {
        if (m_.value(node.inputs[0]).is_constant() || m_.value(node.inputs[1]).is_constant()) return no_node;
        if (m_.uses(id) != 1) throw Refusal{"the scores are read elsewhere, too"};
        found.replaces.push_back(n);
        return n;
      }
      if (const auto* binary = dynamic_cast<const ops::Binary*>(node.op.get());
          binary != nullptr && !binary->attrs().legacy.is_numpy())
        return no_node;
      ValueId inner = no_value;
      if (op == "Mul" || op == "Div") {
        const size_t at = op == "Mul" && m_.scalar(node.inputs[0]) ? 0 : 1;
        const auto number = m_.scalar(node.inputs[at]);
        if (!number || *number == 0) return no_node;
        found.layer.scale *= op == "Mul" ? *number : 1 / *number;
        inner = node.inputs[1 - at];
      } else if (op == "Add") {
        const bool first = reaches_product(node.inputs[0]);
        inner = node.inputs[first ? 0 : 1];
        if (!first && !reaches_product(inner)) return no_node;
        take_mask(node.inputs[first ? 1 : 0], found);
      } else {
        const bool keeps = reaches_product(node.inputs[1]);
        inner = node.inputs[keeps ? 1 : 2];
        if (!keeps && !reaches_product(inner)) return no_node;
        const auto number = m_.scalar(node.inputs[keeps ? 2 : 1]);
        if (!number || !replaces_score(*number))
          throw Refusal{"masked scores are replaced by a number that does not drown every other"};
        take_mask(node.inputs[0], found);
        found.condition = found.mask;
        found.mask = no_value;
        found.condition_keeps = keeps;
        found.dropped = *number;
      }
      if (m_.uses(id) != 1) throw Refusal{"the scores are read elsewhere, too"};
      if (!same_type(m_.value(id), m_.value(inner))) throw Refusal{"the mask has more dims than the scores"};
      found.replaces.push_back(n);
      id = inner;
    }
  }

  bool reaches_product(ValueId id) const {
    for (int steps = 0; steps < 4; ++steps) {
      const NodeId n = m_.producer(id, {"MatMul", "Mul", "Div", "Add", "Where"});
      if (n == no_node) return false;
      const Node& node = m_.node(n);
      const std::string_view op = node.op->name();
      if (op == "MatMul")
        return !m_.value(node.inputs[0]).is_constant() && !m_.value(node.inputs[1]).is_constant() &&
               m_.rank(id) >= 2;
      if (op == "Add" || op == "Where") return false;
      id = node.inputs[m_.scalar(node.inputs[0]) ? 1 : 0];
    }
    return false;
  }

  void take_mask(ValueId mask, Found& found) {
    if (found.mask != no_value || found.condition != no_value) throw Refusal{"there is more than one mask"};
    if (found.layer.scale != 1) throw Refusal{"the masked scores are scaled, not the scores"};
    if (m_.rank(mask) < 0) throw Refusal{"the mask's rank is not known"};
    found.mask = mask;
  }

  View operand_view(ValueId id, const char* name) const {
    auto view = view_of(m_, id, {.slices = true, .scaling = true});
    if (!view) throw Refusal{fmt::format("the rank of {} is not known", name)};
    return std::move(*view);
  }

  AttentionAxis attention_axis(const View& view, const Atom& atom, const char* name) const {
    if (is_whole_axis(m_, view, atom)) return {atom.axis, 1, 0};
    if (!atom.size.is_constant()) throw Refusal{fmt::format("an axis of {} is a part of unknown size", name)};
    return {atom.axis, atom.step, atom.size.constant()};
  }

  /// The last two axes are rows and columns, or the other way round.
  AttentionOperand operand(const View& view, bool turned, const char* name) const {
    const size_t rank = view.axes.size();
    AttentionOperand out;
    out.begin = view.begin;
    const auto take = [&](size_t axis) -> AttentionAxis {
      if (view.axes[axis].empty()) return {};
      if (view.axes[axis].size() > 1) throw Refusal{fmt::format("an axis of {} is made of several", name)};
      return attention_axis(view, view.axes[axis][0], name);
    };
    out.row = take(turned ? rank - 1 : rank - 2);
    out.column = take(turned ? rank - 2 : rank - 1);
    std::vector<Atom> leading;
    for (size_t i = 0; i + 2 < rank; ++i)
      leading.insert(leading.end(), view.axes[i].begin(), view.axes[i].end());
    if (leading.size() > 2) throw Refusal{fmt::format("{} has {} leading axes", name, leading.size())};
    if (leading.size() == 2) out.batch = attention_axis(view, leading[0], name);
    if (!leading.empty()) {
      const AttentionAxis last = attention_axis(view, leading.back(), name);
      (leading.size() == 2 || is_head(view, leading.back()) ? out.head : out.batch) = last;
    }
    return out;
  }

  /// Whether the only leading axis counts heads: it lies beside the columns in the same axis of the source.
  bool is_head(const View& view, const Atom& atom) const {
    const int last = static_cast<int>((*m_.value(view.source).type.shape).size()) - 1;
    return atom.axis == last;
  }

  Dim size_of(ValueId source, const AttentionAxis& axis) const {
    if (axis.axis < 0) return Dim(1);
    return axis.size > 0 ? Dim(axis.size) : (*m_.value(source).type.shape)[static_cast<size_t>(axis.axis)];
  }

  void take_operands(const Node& scores, const Node& output, int rank, Found& found) {
    const View q = operand_view(scores.inputs[0], "Q");
    const View k = operand_view(scores.inputs[1], "K");
    const View v = operand_view(output.inputs[1], "V");
    const auto rank_of = [](const View& view) { return static_cast<int>(view.axes.size()); };
    if (rank_of(q) != rank || rank_of(k) != rank || rank_of(v) != rank)
      throw Refusal{"Q, K and V differ in rank"};
    AttentionLayer& layer = found.layer;
    layer.q = operand(q, false, "Q");
    layer.k = operand(k, true, "K");
    layer.v = operand(v, false, "V");
    // A product scales with each of its factors; V scales the result.
    if (v.scale != 1) throw Refusal{"V is scaled"};
    layer.scale *= q.scale * k.scale;
    found.q = q.source;
    found.k = k.source;
    found.v = v.source;
    for (ValueId id : {found.q, found.k, found.v}) {
      const DType dtype = m_.value(id).type.dtype;
      if (dtype != m_.value(found.y).type.dtype || (dtype != DType::float32 && dtype != DType::float16))
        throw Refusal{fmt::format("attention of {} is not supported", dtype_name(dtype))};
    }
    const std::pair<AttentionAxis AttentionOperand::*, const char*> shared[] = {
        {&AttentionOperand::batch, "batches"}, {&AttentionOperand::head, "heads"}};
    for (const auto& [axis, what] : shared) {
      const Dim size = size_of(found.q, layer.q.*axis);
      if (!equal(size, size_of(found.k, layer.k.*axis)) || !equal(size, size_of(found.v, layer.v.*axis)))
        throw Refusal{fmt::format("Q, K and V have different {}", what)};
    }
    if (!equal(size_of(found.q, layer.q.column), size_of(found.k, layer.k.column)) ||
        !equal(size_of(found.k, layer.k.row), size_of(found.v, layer.v.row)))
      throw Refusal{"Q, K and V do not fit each other"};
    if (layer.q.head.axis >= 0 &&
        (!size_of(found.q, layer.q.head).is_constant() || !size_of(found.v, layer.v.column).is_constant()))
      throw Refusal{"the number of heads or of their columns is dynamic"};
    const int last = static_cast<int>((*m_.value(found.q).type.shape).size()) - 1;
    if (layer.q.column.axis != last || layer.q.column.step != 1)
      throw Refusal{"the elements of a row of Q do not lie side by side"};
    place_leading_axes(q, rank, found);
  }

  /// What the leading axes of scores and result count, for the mask and for whoever reads the result.
  void place_leading_axes(const View& q, int rank, Found& found) const {
    AttentionLayer& layer = found.layer;
    int counted = 0;
    const bool head_alone = layer.q.batch.axis < 0;
    for (size_t i = 0; i + 2 < q.axes.size(); ++i) {
      found.leading.emplace_back();
      for (size_t part = 0; part < q.axes[i].size(); ++part, ++counted) {
        const int what = counted + (head_alone ? 1 : 0);
        found.leading.back().push_back(what);
        const int from_end = rank - static_cast<int>(i);
        if (what == 0) layer.mask.batch = from_end;
        if (what == 1 && q.axes[i].size() == 2)
          layer.mask.packed = true;
        else if (what == 1)
          layer.mask.head = from_end;
      }
    }
    const ValueId mask = found.mask != no_value ? found.mask : found.condition;
    if (mask == no_value) return;
    if (m_.rank(mask) > rank) throw Refusal{"the mask has more dims than the scores"};
    if (found.mask != no_value && m_.value(mask).type.dtype != m_.value(found.q).type.dtype)
      throw Refusal{"the mask has another type than Q"};
  }

  Matcher m_;
};

/// A mask to add in place of one that chooses.
ValueId additive_mask(Rewrite& rewrite, const Graph& graph, const Found& found, NodeId n) {
  if (found.condition == no_value) return found.mask;
  const DType dtype = graph.value(found.y).type.dtype;
  const auto number = [&](float value) {
    return rewrite.patch().constant(fmt::format("{}.mask.{}", graph.node(n).name, value),
                                    convert(Tensor::scalar(value), dtype));
  };
  const ValueId keep = number(0);
  const ValueId drop = number(static_cast<float>(found.dropped));
  const graph::ValueType type = graph::ValueType::tensor(dtype, graph.value(found.condition).type.shape);
  return rewrite.new_node(
      n, ".mask", make_table_op("Where", {}, 3), "",
      {found.condition, found.condition_keeps ? keep : drop, found.condition_keeps ? drop : keep}, type, {});
}

void replace(Rewrite& rewrite, const Graph& graph, const Settings& settings, const Found& found, NodeId n) {
  const AttentionLayer& layer = found.layer;
  std::vector<ValueId> inputs{found.q, found.k, found.v};
  if (const ValueId mask = additive_mask(rewrite, graph, found, n); mask != no_value) inputs.push_back(mask);
  const auto size_of = [&](ValueId id, const AttentionAxis& axis) {
    if (axis.axis < 0) return Dim(1);
    return axis.size > 0 ? Dim(axis.size) : (*graph.value(id).type.shape)[static_cast<size_t>(axis.axis)];
  };
  const DType dtype = graph.value(found.y).type.dtype;
  const Dim batch = size_of(found.q, layer.q.batch);
  const Dim rows = size_of(found.q, layer.q.row);
  const Dim heads = size_of(found.q, layer.q.head);
  const Dim columns = size_of(found.v, layer.v.column);
  const auto type = [&](Shape shape) { return graph::ValueType::tensor(dtype, std::move(shape)); };
  ValueId at = rewrite.new_node(n, ".attention", std::make_shared<const cpu::Attention>(*settings.isa, layer),
                                cpu::attention_text(layer), std::move(inputs),
                                type({batch, rows, heads * columns}), found.replaces);
  using Factors = std::vector<std::vector<ops::RegroupFactor>>;
  const auto regroup = [&](const char* suffix, Factors factors, graph::ValueType to) {
    const auto op = std::make_shared<const ops::Regroup>(std::move(factors));
    return rewrite.new_node(n, suffix, op, op->text(), {at}, std::move(to), {});
  };
  if (layer.q.head.axis >= 0) {
    at = regroup(".heads", {{{0}}, {{1}}, {{-1, heads.constant()}}, {{-1, columns.constant()}}},
                 type({batch, rows, heads, columns}));
    at = rewrite.new_node(n, ".turned",
                          make_table_op("Transpose", {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}, 1),
                          "perm=[0, 2, 1, 3]", {at}, type({batch, heads, rows, columns}), {});
  }
  // [batch, heads, rows, columns], or without heads, as the graph expects it.
  const int last = layer.q.head.axis >= 0 ? 3 : 2;
  Factors factors;
  for (const auto& what : found.leading) {
    factors.emplace_back();
    for (int each : what) factors.back().push_back({each});
    if (what.empty()) factors.back().push_back({-1, 1});
  }
  factors.push_back({{last - 1}});
  factors.push_back({{last}});
  const ValueId out = regroup(".out", std::move(factors), graph.value(found.y).type);
  rewrite.replace(found.y, out);
}

}  // namespace

size_t recognize_attention(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += recognize_attention(*subgraph, settings);
  Recognizer recognizer(graph);
  Rewrite rewrite(graph);
  for (NodeId n = 0; n < static_cast<NodeId>(graph.nodes.size()); ++n) {
    const Node& node = graph.node(n);
    try {
      const auto found = recognizer.find(n);
      if (!found) continue;
      note_change(settings, node,
                  fmt::format("attention{}",
                              found->mask == no_value && found->condition == no_value ? "" : " with a mask"));
      replace(rewrite, graph, settings, *found, n);
    } catch (const Refusal& refusal) {
      note_refusal(settings, node, "attention: " + refusal.reason);
    }
  }
  changes += rewrite.apply();
  note_count(settings, graph, "Attention");
  return changes;
}

}  // namespace spinel::passes
