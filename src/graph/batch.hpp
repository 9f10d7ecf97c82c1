// The batch analysis: which axis of each input and output is the batch, and whether its rows are independent.
#pragma once
#include <string>
#include <vector>

#include "graph/graph.hpp"

namespace spinel::graph {

struct BatchAnalysis {
  bool proven = false;           ///< Every output row depends on its own row of the batched inputs alone.
  Dim batch_dim;                 ///< The symbol, or the constant that the model is made for.
  std::vector<int> input_axes;   ///< One a graph input; -1: shared by all parts.
  std::vector<int> output_axes;  ///< One a graph output; -1: the same for every part.
  std::string blocking_node;     ///< If not proven: the first node that mixes rows.
  std::string reason;
};

/// Tries axis 0 of the inputs first, then axis 1, and returns the first proof; else the first failure.
/// The graph must be sorted and inferred.
BatchAnalysis analyze_batch(const Graph& graph);

}  // namespace spinel::graph
