// Errors that say at which node they happened.
#pragma once
#include "graph/graph.hpp"

namespace spinel::graph {

/// The same error with the node's name, operator and input types in front.
Error at_node(const Error& error, const Graph& graph, const Node& node);
/// The same with the values that the inputs have while running.
Error at_node(const Error& error, const Node& node, const std::vector<const RuntimeValue*>& inputs);

}  // namespace spinel::graph
