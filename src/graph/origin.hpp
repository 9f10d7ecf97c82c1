// Which ONNX value a value of a rewritten graph stands for, and turning its elements into that value's order.
#pragma once
#include <span>

#include "graph/graph.hpp"

namespace spinel::graph {

/// `to` equals `from` up to the order of its axes: axis i of `to` is axis axes[i] of `from`, or one that
/// `from` lacks where axes[i] is -1. Empty `axes`: they are the same.
void inherit_origin(Value& to, const Value& from, std::span<const int> axes = {});
void inherit_origin(Value& to, const Value& from, std::initializer_list<int> axes);
void clear_origin(Value& value);

/// Whether tensors of the value's rank can be turned into those of its origin: it has one, and every axis of
/// it once. `rank` is the value's.
bool has_readable_origin(const Value& value, size_t rank);

/// Dims of the origin for dims of the value. has_readable_origin() must hold.
Dims origin_dims(const Value& value, std::span<const int64_t> dims);

/// The elements in the origin's dims and order: the tensor itself where the order is the same, else a copy.
/// has_readable_origin() must hold. Throws Error(unsupported) for packed elements of another order.
Tensor to_origin(const Value& value, const Tensor& tensor);

/// The other way: writes a tensor of the origin's dims, and of `out`'s dtype, into `out`.
void from_origin(const Value& value, const Tensor& tensor, Tensor& out);

}  // namespace spinel::graph
