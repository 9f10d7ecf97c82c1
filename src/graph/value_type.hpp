// What the compiler knows of a value before running.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include <spinel/tensor.hpp>

#include "graph/dim.hpp"

namespace spinel::graph {

/// The type of a value: a tensor of known or unknown rank, a sequence, or an optional.
struct ValueType {
  enum class Kind { tensor, sequence, optional };

  Kind kind = Kind::tensor;
  DType dtype = DType::undefined;            ///< Tensors only; undefined while not yet inferred.
  std::optional<Shape> shape;                ///< Tensors only; empty while even the rank is unknown.
  std::shared_ptr<const ValueType> element;  ///< Of a sequence or optional.

  static ValueType tensor(DType dtype, std::optional<Shape> shape = std::nullopt) {
    return {Kind::tensor, dtype, std::move(shape), nullptr};
  }
  static ValueType sequence(ValueType element) {
    return {Kind::sequence, DType::undefined, std::nullopt,
            std::make_shared<const ValueType>(std::move(element))};
  }
  static ValueType optional_of(ValueType element) {
    return {Kind::optional, DType::undefined, std::nullopt,
            std::make_shared<const ValueType>(std::move(element))};
  }
  bool is_tensor() const noexcept { return kind == Kind::tensor; }
  /// "float32[batch, 3, 224, 224]", "sequence(float32[?])"
  std::string text() const;
};

}  // namespace spinel::graph
