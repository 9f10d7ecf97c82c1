// Which values share a buffer, and from when to when each buffer lives. Sizes do not matter here.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "graph/graph.hpp"

namespace spinel::plan {

/// An input of the graph and the output that a caller may place on its buffer, by position.
struct Alias {
  size_t input;
  size_t output;
};

/// A value that is `pieces` laid end to end along `axis`: Concat's output or Split's input. If the dims
/// before the axis multiply to 1, the pieces are placed inside the whole and nothing is copied.
struct Join {
  graph::ValueId whole;  ///< The value that the node reads or writes, not its root.
  int axis;
  std::vector<graph::ValueId> pieces;  ///< In order.
  std::vector<bool> placeable;         ///< Of each piece: whether its buffer may lie in the whole's.
};

/// The buffers of a graph. A buffer is named by its root, the value that is written to it first; views of it
/// and values that overwrite it in place share the root.
struct Storage {
  std::vector<graph::ValueId> root;  ///< By ValueId.
  /// By root: the node that first writes and the one that last reads the buffer; -1: before all nodes,
  /// node count: after all.
  std::vector<int> first;
  std::vector<int> last;
  /// By root: whether the plan may decide where the buffer lies. False for constants, inputs, strings, what
  /// is not a tensor, and what a sequence or a subgraph may hold on to.
  std::vector<bool> plannable;
  /// By root: the graph output in whose buffer it lies; -1: none.
  std::vector<int> output;
  std::vector<Join> joins;
};

/// Decides what can be decided without sizes: views, reuse in place on a value's last use, results that are
/// computed in the caller's buffer. Never reuses the buffer of a graph input, unless an alias declares it,
/// nor that of a constant or of a result.
Storage analyze_storage(const graph::Graph& graph, std::span<const Alias> aliases);

}  // namespace spinel::plan
