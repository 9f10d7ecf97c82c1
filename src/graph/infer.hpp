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

/// The elements of an int64 or int32 constant of at most one axis, as inference passes them on; empty for
/// what is data rather than a shape.
std::optional<std::vector<Dim>> known_ints(const Tensor& constant);
/// The value of that type and these elements, if every one of them and the dims are numbers; else undefined.
Tensor known_tensor(const ValueType& type, const std::optional<std::vector<Dim>>& ints);

}  // namespace spinel::graph
