// Inputs that are one number.
#pragma once
#include "base/text.hpp"
#include "ops/indices.hpp"
#include "ops/int_rules.hpp"

namespace spinel::ops {

/// The number that an integer input holds. Throws Error(invalid_argument) unless it has exactly one element.
inline int64_t int_scalar(const RunContext& context, size_t input, const char* name) {
  const std::vector<int64_t> values = to_int64s(context.input(input));
  if (values.size() != 1)
    fail(ErrorCode::invalid_argument, "input {} {} is not one number", name, describe(context.input(input)));
  return values[0];
}

/// The number that a float input holds, likewise.
inline double float_scalar(const RunContext& context, size_t input, const char* name) {
  const Tensor wide = convert(context.input(input), DType::float64);
  if (wide.element_count() != 1)
    fail(ErrorCode::invalid_argument, "input {} {} is not one number", name, describe(context.input(input)));
  return wide.data<double>()[0];
}

/// What inference knows of an integer input of one element; unknown where it knows nothing.
inline Dim known_scalar(const InferContext& context, size_t input) {
  const auto values = known_ints(context, input);
  return values && values->size() == 1 ? (*values)[0] : Dim::unknown();
}

}  // namespace spinel::ops
