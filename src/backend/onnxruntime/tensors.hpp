// Values on their way into and out of ONNX Runtime.
#pragma once
#include <vector>

#include <spinel/engine.hpp>

#include "backend/onnxruntime/environment.hpp"

namespace spinel::backend::ort {

/// ONNX Runtime's number of an element type (0 for one that it does not know), and the other way round
/// (undefined for an unknown one).
int element_type_number(DType dtype);
DType dtype_of_number(int element_type);

/// A value over the tensor's own memory, which must outlive it; strings are copied.
Handle<Value> wrap(const Api& api, const MemoryInfo* memory, const Tensor& tensor);
/// The same of an input of any kind. What it is made of goes to `held`, which must outlive it; the last there
/// is the value. Throws Error(unsupported) for what the C functions cannot make: sequences of nothing or of
/// sequences, and empty optionals. `name` is for messages.
void wrap(const Api& api, const MemoryInfo* memory, const spinel::Value& input, const std::string& name,
          std::vector<Handle<Value>>& held);
/// An owned copy of a value's contents. `name` is for messages.
Tensor to_tensor(const Api& api, Value* value, const std::string& name);
/// The same of an output of any kind.
spinel::Value to_value(const Api& api, Value* value, ValueKind declared, const std::string& name);

}  // namespace spinel::backend::ort
