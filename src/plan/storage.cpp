#include "plan/storage.hpp"

#include <algorithm>

namespace spinel::plan {
namespace {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::Value;
using graph::ValueId;

bool same_type(const Value& a, const Value& b) {
  if (!a.type.shape || !b.type.shape || a.type.dtype != b.type.dtype) return false;
  return std::ranges::equal(*a.type.shape, *b.type.shape,
                            [](const graph::Dim& x, const graph::Dim& y) { return equal(x, y); });
}

class Analysis {
 public:
  explicit Analysis(const Graph& graph) : graph_(graph), end_(static_cast<int>(graph.nodes.size())) {
    const size_t count = graph.values.size();
    s_.root.resize(count);
    for (size_t i = 0; i < count; ++i) s_.root[i] = static_cast<ValueId>(i);
    s_.first.assign(count, -1);
    s_.last.assign(count, -1);
    s_.plannable.assign(count, false);
    s_.output.assign(count, -1);
  }

  Storage run(std::span<const Alias> aliases) {
    find_views();
    overwrite_in_place();
    for (size_t k = 0; k < graph_.outputs.size(); ++k) {
      const ValueId root = root_of(graph_.outputs[k]);
      if (plannable(root) && output(root) < 0 && alias_is_safe(k, root, aliases))
        s_.output[index(root)] = static_cast<int>(k);
    }
    for (const Node& node : graph_.nodes) find_join(node, aliases);
    return std::move(s_);
  }

 private:
  static size_t index(ValueId id) { return static_cast<size_t>(id); }
  ValueId& root_of(ValueId id) { return s_.root[index(id)]; }
  int& first(ValueId root) { return s_.first[index(root)]; }
  int& last(ValueId root) { return s_.last[index(root)]; }
  int output(ValueId root) const { return s_.output[index(root)]; }
  bool plannable(ValueId root) const { return s_.plannable[index(root)]; }
  int number(const Node& node) const { return static_cast<int>(&node - graph_.nodes.data()); }

  bool is_plain(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.producer != no_node && !value.is_constant() && value.type.is_tensor() &&
           value.type.dtype != DType::string && graph_.node(value.producer).subgraphs.empty();
  }

  void find_views() {
    std::vector<bool> escapes(graph_.values.size(), false);
    for (const Node& node : graph_.nodes) {
      bool holds_inputs = !node.subgraphs.empty();
      for (ValueId id : node.outputs) holds_inputs |= id != no_value && !graph_.value(id).type.is_tensor();
      Graph::for_each_use(node, [&](ValueId id) {
        last(root_of(id)) = number(node);
        if (holds_inputs) escapes[index(root_of(id))] = true;
      });
      for (ValueId id : node.outputs)
        if (id != no_value) first(id) = last(id) = number(node);
      const int viewed = node.op->view_of();
      if (viewed < 0 || node.outputs[0] == no_value) continue;
      const ValueId from = node.inputs[static_cast<size_t>(viewed)];
      if (graph_.value(from).type.is_tensor()) root_of(node.outputs[0]) = root_of(from);
    }
    for (ValueId id : graph_.outputs) last(root_of(id)) = end_;
    for (size_t i = 0; i < graph_.values.size(); ++i) {
      const auto id = static_cast<ValueId>(i);
      s_.plannable[i] = root_of(id) == id && is_plain(id) && !escapes[i];
    }
  }

  /// Whether output 0 may take over the buffer of input i, whose root nobody reads later.
  bool may_take(const Node& node, size_t i) {
    const ValueId input = node.inputs[i];
    if (input == no_value || !node.op->may_overwrite(i)) return false;
    if (!same_type(graph_.value(input), graph_.value(node.outputs[0]))) return false;
    if (last(root_of(input)) != number(node)) return false;
    for (size_t other = 0; other < node.inputs.size(); ++other)
      if (other != i && node.inputs[other] != no_value && root_of(node.inputs[other]) == root_of(input))
        return false;
    return true;
  }

  void overwrite_in_place() {
    // Roots form a chain: the roots of views follow that of the value that they look at.
    for (const Node& node : graph_.nodes) {
      for (ValueId id : node.outputs)
        if (id != no_value) root_of(id) = root_of(root_of(id));
      const ValueId result = node.outputs.empty() ? no_value : node.outputs[0];
      if (result == no_value || root_of(result) != result || !plannable(result)) continue;
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        if (!may_take(node, i)) continue;
        const ValueId root = root_of(node.inputs[i]);
        if (!plannable(root)) continue;
        last(root) = last(result);
        s_.plannable[index(result)] = false;
        root_of(result) = root;
        break;
      }
    }
  }

  /// Whether output k may be computed in a buffer that may be an input's: that input must have been read
  /// before.
  bool alias_is_safe(size_t k, ValueId root, std::span<const Alias> aliases) {
    return std::ranges::all_of(aliases, [&](const Alias& alias) {
      if (alias.output != k) return true;
      const ValueId input = graph_.inputs[alias.input];
      if (last(input) < first(root)) return true;
      const Node& writer = graph_.nodes[static_cast<size_t>(first(root))];
      if (last(input) > first(root) || writer.outputs[0] != root) return false;
      for (size_t i = 0; i < writer.inputs.size(); ++i)
        if (writer.inputs[i] == input) return may_take(writer, i);
      return false;
    });
  }

  void find_join(const Node& node, std::span<const Alias> aliases) {
    const auto joins = node.op->joins_along();
    const auto splits = node.op->splits_along();
    if (!joins && !splits) return;
    const ValueId whole = joins ? node.outputs[0] : node.inputs[0];
    std::vector<ValueId> pieces = joins ? node.inputs : node.outputs;
    if (whole == no_value || std::ranges::find(pieces, no_value) != pieces.end()) return;
    const Value& value = graph_.value(whole);
    const ValueId root = root_of(whole);
    if (!plannable(root) || !value.type.shape || dtype_bits(value.type.dtype) % 8 != 0) return;
    // What is overwritten in a piece must not be read as part of the whole.
    if (!joins && last(root) != number(node)) return;
    // Pieces would be written earlier than alias_is_safe() has seen.
    for (const Alias& alias : aliases)
      if (static_cast<int>(alias.output) == output(root)) return;
    const int64_t axis = joins ? *joins : *splits;
    Join join{whole,
              static_cast<int>(axis < 0 ? axis + static_cast<int64_t>(value.type.shape->size()) : axis),
              std::move(pieces),
              {}};
    for (ValueId piece : join.pieces) {
      const ValueId own = root_of(piece);
      bool placeable = plannable(own) && output(own) < 0 && own != root &&
                       graph_.value(piece).type.dtype == value.type.dtype && !taken(own);
      if (joins) placeable &= last(own) == number(node);
      join.placeable.push_back(placeable);
      if (placeable) taken_.push_back(own);
    }
    if (std::ranges::find(join.placeable, true) != join.placeable.end()) s_.joins.push_back(std::move(join));
  }
  bool taken(ValueId root) const { return std::ranges::find(taken_, root) != taken_.end(); }

  const Graph& graph_;
  const int end_;
  Storage s_;
  std::vector<ValueId> taken_;  ///< Roots that lie in another.
};

}  // namespace

Storage analyze_storage(const Graph& graph, std::span<const Alias> aliases) {
  return Analysis(graph).run(aliases);
}

}  // namespace spinel::plan
