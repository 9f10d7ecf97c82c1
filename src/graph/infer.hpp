// Types, shapes and known elements of every value.
#pragma once
#include <vector>

#include "base/function_ref.hpp"
#include "graph/graph.hpp"

namespace spinel::graph {

/// Infers every value of a sorted graph from its inputs and constants; results of an earlier call are
/// replaced. Throws Error(bad_model) with the node's name where the model contradicts itself.
void infer(Graph& graph);
/// The same, with `check` called for each node before its operator is asked, when its inputs are known. What
/// it throws gets the node's name.
void infer(Graph& graph, FunctionRef<void(const Node& node, const InferContext& context)> check);

}  // namespace spinel::graph
