// What a model takes, and whether values fit it.
#pragma once
#include <spinel/engine.hpp>

#include "backend/backend.hpp"

namespace spinel::api {

/// Whether every input and output is a tensor.
bool has_tensors_alone(const backend::Model& model);
/// Throws Error(unsupported) that names the first input or output that is no tensor.
void require_tensors_alone(const backend::Model& model);

/// The value with every tensor in it that is a view of somebody else's memory copied.
Value owned(Value value);

/// Throws Error unless the input is a tensor of that dtype and rank.
void check_dtype_and_rank(const TensorInfo& info, const Tensor& input);
/// Throws Error unless the value is a tensor or a sequence where the model takes one.
void check_kind(const TensorInfo& info, const Value& input);
/// Throws Error unless the value is of the kind, and every tensor in it of the dtype, rank and fixed dims,
/// that the model takes.
void check_value(const TensorInfo& info, const Value& input);

}  // namespace spinel::api
