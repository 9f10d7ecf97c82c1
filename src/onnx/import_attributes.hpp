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

/// The dim that a value's type declares for the axis behind `before` under the name `param`, which may be
/// empty. A dim without a name becomes the symbol "<value>.<axis>". A name that the value has borne on an
/// axis before becomes
/// "<param>.<axis>": models whose exporter called every axis the same would take square inputs alone
/// otherwise.
graph::Dim declared_dim(std::string_view value, std::string_view param, const graph::Shape& before);

/// The type, its dims without a number by declared_dim(). Throws Error(bad_model or unsupported).
graph::ValueType import_type(const Type& type, std::string_view name);

}  // namespace spinel::onnx
