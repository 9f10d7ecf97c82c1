// Attributes and types of the wire format as the operators take them.
#pragma once
#include <map>
#include <string>

#include "base/function_ref.hpp"
#include "graph/value_type.hpp"
#include "onnx/model.hpp"
#include "onnx/tensor_data.hpp"
#include "ops/op_args.hpp"

namespace spinel::onnx {

/// The attribute's value under its declared type; for files that declare none, of the field that is filled.
/// Throws Error(bad_model) naming the attribute.
ops::Attribute import_attribute(const Attribute& attribute, const TensorSource& source);

/// What the node's operator is made from. `name` is the node's, from which an operator that draws random
/// numbers without a seed gets one. `resolve` gives the attribute that a reference inside of a function
/// stands for, or nullptr where the call leaves it out. Throws Error(bad_model).
ops::OpArgs import_arguments(const Node& node, int version, std::string_view name, const TensorSource& source,
                             FunctionRef<const Attribute*(const Attribute& attribute)> resolve);

/// The dim that a value's type declares for the axis behind `before` under the name `param`, which may be
/// empty. A dim without a name becomes the symbol "<value>.<axis>". A name that the value has borne on an
/// axis before becomes
/// "<param>.<axis>": models whose exporter called every axis the same would take square inputs alone
/// otherwise.
graph::Dim declared_dim(std::string_view value, std::string_view param, const graph::Shape& before);

/// The type, its dims without a number by declared_dim(). Throws Error(bad_model or unsupported).
graph::ValueType import_type(const Type& type, std::string_view name);

}  // namespace spinel::onnx
