// Attributes and types of the wire format as the operators take them.
#pragma once
#include <map>
#include <string>

#include "graph/value_type.hpp"
#include "onnx/model.hpp"
#include "onnx/tensor_data.hpp"
#include "ops/op_args.hpp"

namespace spinel::onnx {

/// The attribute's value under its declared type; for files that declare none, of the field that is filled.
/// Throws Error(bad_model) naming the attribute.
ops::Attribute import_attribute(const Attribute& attribute, const TensorSource& source);

/// The type. Dims without a name become the symbol "<name>.<axis>". Throws Error(bad_model or unsupported).
graph::ValueType import_type(const Type& type, std::string_view name);

}  // namespace spinel::onnx
