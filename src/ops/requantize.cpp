#include "ops/requantize.hpp"

#include "base/text.hpp"

namespace spinel::ops {

DType quantized_type(const Tensor& zero_point, const char* name) {
  if (zero_point.dtype() != DType::int8 && zero_point.dtype() != DType::uint8)
    fail(ErrorCode::unsupported, "input {} of type {} is not supported; it must be int8 or uint8", name,
         dtype_name(zero_point.dtype()));
  return zero_point.dtype();
}

std::vector<float> requantize_multipliers(float left, const std::vector<float>& right, float output) {
  std::vector<float> out;
  for (const float each : right) out.push_back(left * each / output);
  return out;
}

}  // namespace spinel::ops
