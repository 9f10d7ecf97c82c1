// Types, shapes and known elements of every value.
#pragma once
#include <vector>

#include "graph/graph.hpp"

namespace spinel::graph {

/// Infers every value of a sorted graph from its inputs and constants; results of an earlier call are
/// replaced. Throws Error(bad_model) with the node's name where the model contradicts itself.
void infer(Graph& graph);

}  // namespace spinel::graph
