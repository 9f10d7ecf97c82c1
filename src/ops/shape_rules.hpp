// Shape and batch rules that many operators share.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <vector>

#include "graph/op.hpp"

namespace spinel::ops {

using graph::BatchContext;
using graph::BatchState;
using graph::Dim;
using graph::InferContext;
using graph::RunContext;
using graph::Shape;

/// `axis` of ONNX, which counts from the end when negative. Throws Error(bad_model) if it is outside [-rank,
/// rank).
int normalize_axis(int64_t axis, int rank);

/// Numpy broadcasting of dims. Throws Error(invalid_argument) if they do not match.
Dims broadcast_dims(const Dims& a, const Dims& b);
/// The same for symbolic shapes; a dim that cannot be told is unknown. Throws Error(bad_model) on a certain
/// mismatch.
Shape broadcast_shapes(const Shape& a, const Shape& b);
/// Element strides of `dims` seen as the broadcast shape `to`: 0 along broadcast axes; size is to.size().
std::vector<int64_t> broadcast_strides(const Dims& dims, const Dims& to);

/// Inference of an operator whose output 0 has the broadcast shape of all its inputs. dtype undefined: that
/// of input 0.
void infer_broadcast(InferContext& context, DType dtype = DType::undefined);
/// Inference of an operator whose output 0 has input 0's type and shape.
void infer_same(InferContext& context);

/// Batch rule of elementwise operators with broadcasting: batched axes must meet on the same output axis.
void batch_elementwise(BatchContext& context);
/// Batch rule of operators that keep input 0's axes and mix only along `mixed` (normalised axes); other
/// inputs must be shared. `what` names the axis in the reason for blocking, e.g. "softmax over axis".
void batch_keep_axis(BatchContext& context, std::initializer_list<int> mixed, const char* what);
void batch_keep_axis(BatchContext& context, const std::vector<int>& mixed, const char* what);
/// Blocks and returns false unless every input from `first` on is shared.
bool require_shared_inputs(BatchContext& context, size_t first);

/// Throws Error(bad_model) unless the first `count` inputs are given and are tensors.
void require_tensors(const InferContext& context, size_t count);
/// The same, and every other input that is given must be a tensor, too.
void require_only_tensors(const InferContext& context, size_t count);
/// The elements of an int64 or int32 tensor as int64.
std::vector<int64_t> to_int64s(const Tensor& tensor);
/// A float32 copy of a float16, bfloat16 or float64 tensor; a float32 tensor itself.
Tensor to_float32(const Tensor& tensor);
/// Throws Error(unsupported) unless the tensor's dtype is in the list.
void require_dtype(const Tensor& tensor, std::initializer_list<DType> allowed, const char* what);

}  // namespace spinel::ops
