#include "onnx/import_attributes.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/random.hpp"

namespace spinel::onnx {
namespace {

AttributeType effective_type(const Attribute& a) {
  if (a.type != AttributeType::undefined) return a.type;
  if (a.f) return AttributeType::float_value;
  if (a.i) return AttributeType::int_value;
  if (a.s) return AttributeType::string;
  if (a.t) return AttributeType::tensor;
  if (a.g) return AttributeType::graph;
  if (!a.floats.empty()) return AttributeType::floats;
  if (!a.ints.empty()) return AttributeType::ints;
  if (!a.strings.empty()) return AttributeType::strings;
  return AttributeType::undefined;
}

/// An operator keeps its attributes; a view would keep the whole file's bytes with them.
spinel::Tensor owned(spinel::Tensor tensor, const TensorSource& source) {
  return tensor.owner() == source.owner ? tensor.clone() : tensor;
}

}  // namespace

ops::Attribute import_attribute(const Attribute& a, const TensorSource& source) {
  switch (effective_type(a)) {
    case AttributeType::float_value:
      return a.f.value_or(0.0f);
    case AttributeType::int_value:
      return a.i.value_or(0);
    case AttributeType::string:
      return std::string(a.s.value_or(std::string_view{}));
    case AttributeType::tensor:
      if (!a.t) fail(ErrorCode::bad_model, "attribute '{}' is declared a tensor but holds none", a.name);
      return owned(to_tensor(*a.t, source), source);
    case AttributeType::sparse_tensor:
      if (!a.sparse_tensor)
        fail(ErrorCode::bad_model, "attribute '{}' is declared a sparse tensor but holds none", a.name);
      return to_dense_tensor(*a.sparse_tensor, source);
    case AttributeType::floats:
      return a.floats;
    case AttributeType::ints:
      return a.ints;
    case AttributeType::strings:
      return std::vector<std::string>(a.strings.begin(), a.strings.end());
    case AttributeType::tensors: {
      std::vector<spinel::Tensor> tensors;
      for (const Tensor& each : a.tensors) tensors.push_back(to_tensor(each, source));
      return tensors;
    }
    case AttributeType::type_proto:
      if (!a.tp) fail(ErrorCode::bad_model, "attribute '{}' is declared a type but holds none", a.name);
      return import_type(*a.tp, a.name);
    case AttributeType::graph:
    case AttributeType::graphs:
      return ops::GraphAttribute{};
    case AttributeType::sparse_tensors:
    case AttributeType::type_protos:
      fail(ErrorCode::unsupported, "attribute '{}' is a list of sparse tensors or types", a.name);
    case AttributeType::undefined:
      break;
  }
  // Protobuf does not write empty lists: a file that declares no type and fills no field means one.
  return std::vector<int64_t>{};
}

graph::Dim declared_dim(std::string_view value, std::string_view param, const graph::Shape& before) {
  if (param.empty()) return graph::Dim::symbol(fmt::format("{}.{}", value, before.size()));
  const graph::Dim dim = graph::Dim::symbol(std::string(param));
  const bool again = std::ranges::any_of(before, [&](const graph::Dim& other) { return equal(other, dim); });
  return again ? graph::Dim::symbol(fmt::format("{}.{}", param, before.size())) : dim;
}

ops::OpArgs import_arguments(const Node& node, int version, std::string_view name, const TensorSource& source,
                             FunctionRef<const Attribute*(const Attribute& attribute)> resolve) {
  ops::Attributes attributes;
  for (const Attribute& attribute : node.attributes) {
    const Attribute* resolved = resolve(attribute);
    if (resolved == nullptr) continue;
    if (!attributes.emplace(attribute.name, import_attribute(*resolved, source)).second)
      fail(ErrorCode::bad_model, "attribute '{}' is there twice", attribute.name);
  }
  if ((node.domain.empty() || node.domain == "ai.onnx") && ops::draws_random_numbers(node.op_type) &&
      !attributes.contains("seed"))
    attributes.emplace("seed", ops::default_seed(node.op_type, name));
  return {std::string(node.op_type), version, std::move(attributes), node.inputs.size(), node.outputs.size()};
}

graph::ValueType import_type(const Type& type, std::string_view name) {
  switch (type.kind) {
    case Type::Kind::tensor: {
      if (!is_known_dtype(type.elem_type))
        fail(ErrorCode::bad_model, "'{}' has the element type {}, which ONNX does not define", name,
             type.elem_type);
      const auto dtype = static_cast<DType>(type.elem_type);
      if (!type.shape) return graph::ValueType::tensor(dtype);
      graph::Shape shape;
      for (const Dim& dim : *type.shape) {
        const bool fixed = dim.kind == Dim::Kind::value && dim.value >= 0;
        if (fixed)
          shape.emplace_back(dim.value);
        else
          shape.push_back(declared_dim(name, dim.kind == Dim::Kind::param ? dim.param : "", shape));
      }
      return graph::ValueType::tensor(dtype, std::move(shape));
    }
    case Type::Kind::sequence:
    case Type::Kind::optional: {
      if (!type.element) fail(ErrorCode::bad_model, "'{}' is a sequence or optional of nothing", name);
      auto element = import_type(*type.element, name);
      return type.kind == Type::Kind::sequence ? graph::ValueType::sequence(std::move(element))
                                               : graph::ValueType::optional_of(std::move(element));
    }
    case Type::Kind::none:
      fail(ErrorCode::bad_model, "'{}' has no type", name);
    case Type::Kind::map:
    case Type::Kind::sparse_tensor:
    case Type::Kind::opaque:
      fail(ErrorCode::unsupported, "'{}' is a map, sparse tensor or opaque value", name);
  }
  fail(ErrorCode::bad_model, "'{}' has an unknown kind of type", name);
}

}  // namespace spinel::onnx
