// The attribute output_datatype of operators that make numbers from nothing.
#pragma once
#include "base/text.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {

/// The element type that attribute output_datatype names; float32 if it is absent. Throws Error(bad_model) if
/// there is no such type, and Error(unsupported) if it has no arithmetic.
inline DType numeric_output_type(const OpArgs& args) {
  const int64_t number = args.get_int("output_datatype", 1);
  if (number != static_cast<int32_t>(number) || !is_known_dtype(static_cast<int32_t>(number)))
    fail(ErrorCode::bad_model, "{}: output_datatype {} is no element type", args.op_type(), number);
  const auto dtype = static_cast<DType>(number);
  if (domain_of(dtype) == Domain::none)
    fail(ErrorCode::unsupported, "{} of {} is not defined", args.op_type(), dtype_name(dtype));
  return dtype;
}

}  // namespace spinel::ops
