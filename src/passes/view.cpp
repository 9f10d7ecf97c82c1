#include "passes/view.hpp"

#include <algorithm>

#include "ops/binary.hpp"
#include "ops/transpose.hpp"

namespace spinel::passes {
namespace {

using graph::Dim;
using graph::no_node;
using graph::no_value;
using graph::Node;
using graph::NodeId;
using graph::Shape;
using graph::ValueId;

/// Chains of a real model are short.
constexpr int max_chain = 16;

View identity(const Matcher& m, ValueId id) {
  View view;
  view.source = id;
  const Shape& shape = *m.value(id).type.shape;
  for (size_t i = 0; i < shape.size(); ++i) {
    view.axes.emplace_back();
    if (!shape[i].is_constant(1)) view.axes.back().push_back({static_cast<int>(i), 1, shape[i]});
  }
  return view;
}

/// b / a if that is a whole constant, whatever the symbols are.
std::optional<int64_t> constant_quotient(const Dim& b, const Dim& a) {
  if (a.is_unknown() || b.is_unknown()) return std::nullopt;
  graph::Bindings some;
  std::vector<std::string> symbols;
  a.collect_symbols(symbols);
  b.collect_symbols(symbols);
  for (const std::string& symbol : symbols) some[symbol] = 7;
  const auto x = a.evaluate(some);
  const auto y = b.evaluate(some);
  if (!x || !y || *x <= 0 || *y % *x != 0) return std::nullopt;
  return equal(a * Dim(*y / *x), b) ? std::optional(*y / *x) : std::nullopt;
}

/// The same elements in the same order under another shape: atoms are shared out, and split where they must
/// be.
bool regroup(View& view, const Shape& shape) {
  std::vector<Atom> atoms;
  for (const auto& axis : view.axes) atoms.insert(atoms.end(), axis.begin(), axis.end());
  std::vector<std::vector<Atom>> axes;
  size_t next = 0;
  for (const Dim& dim : shape) {
    axes.emplace_back();
    if (dim.is_constant(1)) continue;
    Dim sum(1);
    while (!equal(sum, dim)) {
      if (next == atoms.size()) return false;
      Atom& atom = atoms[next];
      if (const Dim with = sum * atom.size; !equal(with, dim)) {
        const auto part = constant_quotient(dim, sum);
        if (part && *part > 1 && atom.size.is_constant() && atom.size.constant() > *part &&
            atom.size.constant() % *part == 0) {
          const int64_t rest = atom.size.constant() / *part;
          axes.back().push_back({atom.axis, atom.step * rest, Dim(*part)});
          atom.size = Dim(rest);
          break;
        }
      }
      sum = sum * atom.size;
      axes.back().push_back(atom);
      ++next;
    }
  }
  if (next != atoms.size()) return false;
  view.axes = std::move(axes);
  return true;
}

/// Keeps indices start ... of an axis that is one atom.
bool cut(const Matcher& m, View& view, size_t axis, int64_t start, const Dim& length) {
  if (view.axes[axis].size() != 1) {
    // An axis of size 1 stays as it is.
    return view.axes[axis].empty() && start == 0 && length.is_constant(1);
  }
  Atom& atom = view.axes[axis][0];
  if (start != 0) {
    if (!m.value(view.source).type.shape) return false;
    view.begin.emplace_back(atom.axis, start * atom.step);
  }
  atom.size = length;
  if (length.is_constant(1)) view.axes[axis].clear();
  return true;
}

std::optional<int64_t> axis_of(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank) return std::nullopt;
  return axis < 0 ? axis + rank : axis;
}

bool apply_slice(const Matcher& m, const Node& node, const Shape& from, const Shape& to, View& view) {
  if (node.inputs.size() < 3) return false;
  const auto starts = m.ints(node.inputs[1]);
  if (!starts) return false;
  if (m.has_input(node, 4)) {
    const auto steps = m.ints(node.inputs[4]);
    if (!steps || std::ranges::count(*steps, 1) != std::ssize(*steps)) return false;
  }
  std::vector<int64_t> axes;
  if (m.has_input(node, 3)) {
    const auto given = m.ints(node.inputs[3]);
    if (!given) return false;
    axes = *given;
  } else {
    for (size_t i = 0; i < starts->size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  if (axes.size() != starts->size()) return false;
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = axis_of(axes[i], static_cast<int>(from.size()));
    if (!axis) return false;
    const auto at = static_cast<size_t>(*axis);
    if (equal(from[at], to[at])) continue;
    int64_t start = (*starts)[i];
    if (start < 0) {
      if (!from[at].is_constant()) return false;
      start += from[at].constant();
    }
    if (start < 0 || to[at].is_unknown() || !to[at].is_constant() || !from[at].is_constant() ||
        start + to[at].constant() > from[at].constant())
      return false;
    if (!cut(m, view, at, start, to[at])) return false;
  }
  return true;
}

bool apply_split(const Matcher& m, const Node& node, ValueId output, View& view) {
  const auto axis = axis_of(int_attribute(node, "axis", 0), m.rank(node.inputs[0]));
  if (!axis) return false;
  const auto at = static_cast<size_t>(*axis);
  int64_t start = 0;
  for (ValueId id : node.outputs) {
    if (id == no_value || !m.value(id).type.shape) return false;
    const Dim& length = (*m.value(id).type.shape)[at];
    if (!length.is_constant()) return false;
    if (id == output) return cut(m, view, at, start, length);
    start += length.constant();
  }
  return false;
}

bool apply_gather(const Matcher& m, const Node& node, const Shape& from, View& view) {
  const auto index = m.ints(node.inputs[1]);
  const auto axis = axis_of(int_attribute(node, "axis", 0), static_cast<int>(from.size()));
  if (!index || index->size() != 1 || m.rank(node.inputs[1]) != 0 || !axis) return false;
  const auto at = static_cast<size_t>(*axis);
  if (!from[at].is_constant()) return false;
  const int64_t start = (*index)[0] < 0 ? (*index)[0] + from[at].constant() : (*index)[0];
  if (start < 0 || start >= from[at].constant() || !cut(m, view, at, start, Dim(1))) return false;
  view.axes.erase(view.axes.begin() + *axis);
  return true;
}

/// The input that a node only moves or scales, or no_value.
ValueId moved_input(const Matcher& m, const Node& node, const ViewRules& rules) {
  const std::string_view op = node.op->name();
  if (op == "Transpose" || node.op->view_of() == 0) return node.inputs[0];
  if (rules.slices && (op == "Slice" || op == "Split" || op == "Gather")) return node.inputs[0];
  if (rules.scaling && (op == "Mul" || op == "Div")) {
    const auto* binary = dynamic_cast<const ops::Binary*>(node.op.get());
    if (binary == nullptr || !binary->attrs().legacy.is_numpy()) return no_value;
    if (m.scalar(node.inputs[1])) return node.inputs[0];
    if (op == "Mul" && m.scalar(node.inputs[0])) return node.inputs[1];
  }
  return no_value;
}

/// Makes the view of the node's input that of its output.
bool apply(const Matcher& m, const Node& node, ValueId input, ValueId output, View& view) {
  const Shape& from = *m.value(input).type.shape;
  const Shape& to = *m.value(output).type.shape;
  const std::string_view op = node.op->name();
  ++view.nodes;
  if (const auto* transpose = dynamic_cast<const ops::Transpose*>(node.op.get())) {
    std::vector<std::vector<Atom>> axes;
    for (const size_t axis : transpose->order(from.size())) axes.push_back(view.axes[axis]);
    view.axes = std::move(axes);
    view.transposes = true;
    return true;
  }
  if (node.op->view_of() == 0) return regroup(view, to);
  if (op == "Slice") return apply_slice(m, node, from, to, view);
  if (op == "Split") return apply_split(m, node, output, view);
  if (op == "Gather") return apply_gather(m, node, from, view);
  if (!same_shape(from, to)) return false;
  const auto number = m.scalar(node.inputs[node.inputs[0] == input ? 1 : 0]);
  if (!number || (op == "Div" && *number == 0)) return false;
  view.scale *= op == "Div" ? 1 / *number : *number;
  return true;
}

View follow(const Matcher& m, ValueId id, const ViewRules& rules, int depth) {
  const NodeId n = m.producer(id);
  if (n == no_node || depth > max_chain) return identity(m, id);
  const Node& node = m.node(n);
  const ValueId input = moved_input(m, node, rules);
  if (input == no_value || m.rank(input) < 0 || m.value(input).is_constant()) return identity(m, id);
  View view = follow(m, input, rules, depth + 1);
  if (apply(m, node, input, id, view)) return view;
  if (view.source != input) {
    view = identity(m, input);
    if (apply(m, node, input, id, view)) return view;
  }
  return identity(m, id);
}

}  // namespace

std::vector<Atom> View::atoms() const {
  std::vector<Atom> out;
  for (const auto& axis : axes)
    for (const Atom& atom : axis) {
      if (!out.empty() && out.back().axis == atom.axis && atom.size.is_constant() &&
          out.back().step == atom.step * atom.size.constant()) {
        out.back().step = atom.step;
        out.back().size = out.back().size * atom.size;
      } else {
        out.push_back(atom);
      }
    }
  return out;
}

std::optional<View> view_of(const Matcher& m, ValueId id, const ViewRules& rules) {
  if (id == no_value || m.rank(id) < 0) return std::nullopt;
  return follow(m, id, rules, 0);
}

bool is_whole_axis(const Matcher& m, const View& view, const Atom& atom) {
  return atom.step == 1 &&
         equal(atom.size, (*m.value(view.source).type.shape)[static_cast<size_t>(atom.axis)]);
}

}  // namespace spinel::passes
