// Whether results are those that a test expects.
#pragma once
#include <string>

#include <spinel/value.hpp>

#include "cli/conformance_data.hpp"

namespace spinel::cli {

/// Empty if equal, else the first difference in words. Kinds, dtypes and dims must agree. Floats and complex
/// numbers may differ by the tolerance, NaN equals NaN, and infinities equal themselves; everything else is
/// exact, floats of eight bits and fewer included, whose steps are wider than any tolerance.
std::string difference(const Value& got, const Value& wanted, const Tolerance& tolerance);

/// float16, bfloat16, float32 or float64.
bool is_wide_float(DType dtype);

}  // namespace spinel::cli
