// Shortens chains of Transpose and reshapes: to nothing where they cancel, else to at most one Transpose
// between two reshapes. Dims that are computed for a Reshape are no longer needed.
#include <algorithm>

#include "graph/infer.hpp"
#include "ops/regroup.hpp"
#include "ops/transpose.hpp"
#include "passes/view.hpp"

namespace spinel::passes {

size_t sink_transposes(graph::Graph& graph);
size_t unfold_gemms(graph::Graph& graph);

namespace {

using graph::Graph;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Shape;
using graph::ValueId;
using Factors = std::vector<std::vector<ops::RegroupFactor>>;

bool moves(const Node& node) {
  return dynamic_cast<const ops::Transpose*>(node.op.get()) != nullptr ||
         (node.op->view_of() == 0 && node.op->name() != "Identity");
}

class Merger {
 public:
  explicit Merger(Graph& graph) : graph_(graph), m_(graph), rewrite_(graph) {}

  size_t run() {
    for (NodeId n = 0; n < static_cast<NodeId>(graph_.nodes.size()); ++n)
      if (moves(graph_.node(n)) && ends_chain(n)) shorten(n);
    return rewrite_.apply();
  }

 private:
  /// Whether somebody reads the node's output who does not move it on.
  bool ends_chain(NodeId n) const {
    const ValueId y = graph_.node(n).outputs[0];
    if (y == no_value) return false;
    const auto& readers = m_.readers(y);
    return m_.uses(y) != static_cast<int>(readers.size()) || readers.empty() ||
           !std::ranges::all_of(readers, [&](NodeId each) {
             return moves(graph_.node(each)) && graph_.node(each).inputs[0] == y;
           });
  }

  void shorten(NodeId n) {
    const ValueId y = graph_.node(n).outputs[0];
    const auto view = view_of(m_, y, {});
    if (!view || view->source == y || !m_.value(y).type.is_tensor()) return;
    if (shorten_transposes(n, *view)) return;
    const std::vector<Atom> atoms = view->atoms();
    const Shape& from = *m_.value(view->source).type.shape;
    const Shape& to = *m_.value(y).type.shape;
    const bool saves_shape = computes_shape(n, view->source);
    const int worth = view->nodes + (saves_shape ? 1 : 0);
    if (in_order(*view, atoms)) {
      if (same_shape(from, to)) return replace(n, y, view->source);
      const auto factors = factors_of(*view, view->axes, nullptr);
      if (worth <= 1 || !factors) return;
      rewrite_.node(n, regroup(*factors), regroup(*factors)->text(), {view->source}, y,
                    nodes_of(n, view->source));
      return;
    }
    turn(n, *view, atoms, worth);
  }

  /// Every node of the chain from the source to node n.
  std::vector<NodeId> nodes_of(NodeId n, ValueId source) const {
    std::vector<NodeId> out{n};
    for (ValueId at = graph_.node(n).inputs[0]; at != source; at = graph_.node(out.back()).inputs[0])
      out.push_back(m_.producer(at));
    return out;
  }

  bool computes_shape(NodeId n, ValueId source) const {
    return std::ranges::any_of(nodes_of(n, source), [&](NodeId each) {
      const Node& node = graph_.node(each);
      return node.inputs.size() > 1 && node.inputs[1] != no_value && !m_.value(node.inputs[1]).is_constant();
    });
  }

  /// A chain of nothing but transposes becomes one, or none.
  bool shorten_transposes(NodeId n, const View& view) {
    const std::vector<NodeId> chain = nodes_of(n, view.source);
    const size_t rank = view.axes.size();
    std::vector<size_t> order(rank);
    for (size_t i = 0; i < rank; ++i) order[i] = i;
    for (NodeId each : chain) {
      const auto* transpose = dynamic_cast<const ops::Transpose*>(graph_.node(each).op.get());
      if (transpose == nullptr) return false;
      const auto inner = transpose->order(rank);
      for (size_t& axis : order) axis = inner[axis];
    }
    const ValueId y = graph_.node(n).outputs[0];
    if (std::ranges::is_sorted(order)) {
      replace(n, y, view.source);
    } else if (chain.size() > 1) {
      const std::vector<int64_t> perm(order.begin(), order.end());
      rewrite_.node(n, std::make_shared<const ops::Transpose>(perm), "perm=" + dims_text(perm), {view.source},
                    y, chain);
    }
    return true;
  }

  void replace(NodeId n, ValueId y, ValueId source) {
    // A graph output keeps a node of its own if it would become an input.
    if (graph_.is_output(y) && m_.producer(source) == no_node) return;
    (void)n;
    rewrite_.replace(y, rewrite_.now(source));
  }

  bool in_order(const View& view, const std::vector<Atom>& atoms) const {
    int last = -1;
    for (const Atom& atom : atoms) {
      if (atom.axis <= last || !is_whole_axis(m_, view, atom)) return false;
      last = atom.axis;
    }
    return true;
  }

  static std::shared_ptr<const ops::Regroup> regroup(Factors factors) {
    return std::make_shared<const ops::Regroup>(std::move(factors));
  }

  /// Dims as products of the atoms. `places` gives the axis that an atom became, by atom, if it is not the
  /// source's.
  std::optional<Factors> factors_of(const View& view, const std::vector<std::vector<Atom>>& axes,
                                    const std::vector<Atom>* places) const {
    Factors out;
    for (const auto& axis : axes) {
      out.emplace_back();
      if (axis.empty()) out.back().push_back({-1, 1});
      for (const Atom& atom : axis) {
        if (atom.size.is_constant()) {
          out.back().push_back({-1, atom.size.constant()});
        } else if (!is_whole_axis(m_, view, atom)) {
          return std::nullopt;
        } else if (places == nullptr) {
          out.back().push_back({atom.axis});
        } else {
          const auto at = std::ranges::find_if(
              *places, [&](const Atom& each) { return each.axis == atom.axis && each.step == atom.step; });
          if (at == places->end()) return std::nullopt;
          out.back().push_back({static_cast<int>(at - places->begin())});
        }
      }
    }
    return out;
  }

  /// Split where needed, transposed once, merged where needed.
  void turn(NodeId n, const View& view, const std::vector<Atom>& atoms, int worth) {
    std::vector<Atom> sorted = atoms;
    std::ranges::sort(sorted, [](const Atom& a, const Atom& b) {
      return a.axis != b.axis ? a.axis < b.axis : a.step > b.step;
    });
    std::vector<int64_t> perm;
    for (const Atom& atom : atoms)
      perm.push_back(
          std::ranges::find_if(
              sorted, [&](const Atom& each) { return each.axis == atom.axis && each.step == atom.step; }) -
          sorted.begin());
    const auto single = [](const std::vector<Atom>& list) {
      std::vector<std::vector<Atom>> axes;
      for (const Atom& atom : list) axes.push_back({atom});
      return axes;
    };
    const auto split = factors_of(view, single(sorted), nullptr);
    const auto merged = factors_of(view, view.axes, &atoms);
    if (!split || !merged) return;
    const auto shape_of = [&](const std::vector<Atom>& list) {
      Shape shape;
      for (const Atom& atom : list) shape.push_back(atom.size);
      return shape;
    };
    const ValueId y = graph_.node(n).outputs[0];
    const graph::Value& from = m_.value(view.source);
    const graph::Value& to = m_.value(y);
    const Shape split_shape = shape_of(sorted);
    const Shape turned_shape = shape_of(atoms);
    const bool splits = !same_shape(split_shape, *from.type.shape);
    const bool merges = !same_shape(turned_shape, *to.type.shape);
    if (1 + (splits ? 1 : 0) + (merges ? 1 : 0) >= worth) return;
    const auto type = [&](const Shape& shape) { return graph::ValueType::tensor(from.type.dtype, shape); };
    ValueId at = view.source;
    if (splits) {
      const auto op = regroup(*split);
      at = rewrite_.new_node(n, ".split", op, op->text(), {at}, type(split_shape), {});
    }
    const auto transpose = std::make_shared<const ops::Transpose>(perm);
    const std::string text = "perm=" + dims_text(perm);
    const std::vector<NodeId> chain = nodes_of(n, view.source);
    if (!merges) {
      rewrite_.node(n, transpose, text, {at}, y, chain);
      return;
    }
    at = rewrite_.new_node(n, ".turned", transpose, text, {at}, type(turned_shape), {});
    const auto op = regroup(*merged);
    rewrite_.node(n, op, op->text(), {at}, y, chain);
  }

  Graph& graph_;
  Matcher m_;
  Rewrite rewrite_;
};

}  // namespace

size_t merge_transposes(Graph& graph, const Settings& settings) {
  size_t changes = 0;
  for (Node& node : graph.nodes)
    for (auto& subgraph : node.subgraphs) changes += merge_transposes(*subgraph, settings);
  // What one step makes the next one may shorten further; each step removes nodes, so that few rounds do.
  constexpr int max_rounds = 8;
  for (int round = 0; round < max_rounds; ++round) {
    size_t here = 0;
    for (size_t (*step)(Graph&) :
         {+[](Graph& g) { return Merger(g).run(); }, &unfold_gemms, &sink_transposes}) {
      const size_t count = step(graph);
      if (count > 0) graph::infer(graph);
      here += count;
    }
    changes += here;
    if (here == 0) break;
  }
  return changes;
}

}  // namespace spinel::passes
