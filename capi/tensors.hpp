// Conversion between spinel_tensor and Tensor.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include <spinel/tensor.hpp>

#include "structs.hpp"

namespace spinel::capi {

/// Dims of the caller's. Throws Misuse if dims is NULL though rank is not 0, or rank is absurd.
Dims read_dims(const int64_t* dims, size_t rank, const std::string& what);
std::vector<Dims> read_shapes(const spinel_shape* shapes, size_t count, const char* name);

/// A view of the caller's data (strings are copied). Throws Misuse or Error that says what does not fit.
Tensor read_input(const spinel_tensor& tensor, const std::string& what);
std::vector<Tensor> read_inputs(const spinel_tensor* tensors, size_t count);

/// Views of the caller's output buffers; an undefined tensor where the library is to allocate.
std::optional<Tensor> read_output(const spinel_tensor& tensor, const std::string& what);
std::vector<Tensor> read_outputs(const StructArray<spinel_tensor>& tensors);

/// The C view of a tensor that is not of strings, without an owner: pointers into `tensor`.
spinel_tensor borrowed_view(Tensor& tensor);

/// What a tensor that the library allocated holds. tensor.owner is not NULL.
const Tensor& owned_tensor(const spinel_tensor& tensor);

/// Hands results to the caller, all of them or, if it throws, none: tensors whose data is NULL are filled in.
void deliver(const StructArray<spinel_tensor>& targets, std::span<const Tensor> results);

}  // namespace spinel::capi
