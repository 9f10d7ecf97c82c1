// Tensors on their way into and out of ONNX Runtime.
#pragma once
#include <spinel/tensor.hpp>

#include "backend/onnxruntime/environment.hpp"

namespace spinel::backend::ort {

/// ONNX Runtime's number of an element type (0 for one that it does not know), and the other way round
/// (undefined for an unknown one).
int element_type_number(DType dtype);
DType dtype_of_number(int element_type);

/// A value over the tensor's own memory, which must outlive it; strings are copied.
Handle<Value> wrap(const Api& api, const MemoryInfo* memory, const Tensor& tensor);
/// An owned copy of a value's contents. `name` is for messages.
Tensor to_tensor(const Api& api, Value* value, const std::string& name);

}  // namespace spinel::backend::ort
