// Where the elements of a value lie in the tensor that it was reshaped, transposed, sliced or scaled from.
#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "passes/match.hpp"

namespace spinel::passes {

/// A part of an axis of the source: indices 0 ... size - 1, `step` elements of the axis apart.
struct Atom {
  int axis = 0;
  int64_t step = 1;
  graph::Dim size;
};

/// A value seen through a chain of nodes that only move elements, or scale them all alike.
struct View {
  graph::ValueId source = graph::no_value;
  /// One an axis of the value: the atoms whose product it is, outermost first. Axes of size 1 have none.
  std::vector<std::vector<Atom>> axes;
  /// Axis of the source and element where the view begins, if not at 0.
  std::vector<std::pair<int, int64_t>> begin;
  double scale = 1;
  int nodes = 0;            ///< Length of the chain.
  bool transposes = false;  ///< Whether a Transpose is in it.

  /// Every atom in the value's order, neighbours that continue one another merged.
  std::vector<Atom> atoms() const;
};

/// What may be looked through.
struct ViewRules {
  bool slices = false;   ///< Slice, Split and Gather of one element, besides reshapes and transposes.
  bool scaling = false;  ///< Products with and quotients by a number.
};

/// The view of a value of known rank as far back as it can be followed; at least of the value itself.
/// Empty if the rank is not known.
std::optional<View> view_of(const Matcher& m, graph::ValueId id, const ViewRules& rules);

/// Whether the atom is the source's axis as it is.
bool is_whole_axis(const Matcher& m, const View& view, const Atom& atom);

}  // namespace spinel::passes
