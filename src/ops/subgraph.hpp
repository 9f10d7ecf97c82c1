// What operators with subgraphs share: joining types of branches and iterations, and stacking results.
#pragma once
#include <cstdint>
#include <vector>

#include "graph/op.hpp"

namespace spinel::ops {

/// Whether two types are stated in the same way; unknown dims count as equal.
bool same_type(const graph::ValueType& a, const graph::ValueType& b);
/// The type of a value that has one of two types: dims and ranks that differ become unknown, and an optional
/// may be filled or not. Throws Error(bad_model), which names `what`, if element types or kinds differ.
graph::ValueType common_type(const graph::ValueType& a, const graph::ValueType& b, const char* what);

/// Copies a tensor into an output; other values, whose elements never lie in planned memory, are shared.
void pass_on(graph::RunContext& context, size_t output, const graph::RuntimeValue& value);

/// Writes slices of equal dims, one after another along a new axis, into an output. Without slices the output
/// has size 0 along that axis and the dims that were inferred. axis counts the output's dims.
/// Throws Error(invalid_argument) if the slices differ in type or dims.
void stack(graph::RunContext& context, size_t output, const std::vector<graph::RuntimeValue>& slices,
           int64_t axis, bool backwards);

/// The first element of a bool tensor. Throws Error(invalid_argument) if it is none or empty.
bool truth_of(const graph::RuntimeValue& value, const char* what);

}  // namespace spinel::ops
