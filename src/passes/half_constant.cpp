#include "passes/half_constant.hpp"

#include <cmath>

namespace spinel::passes {

HalfConstant to_half_constant(const Tensor& tensor) {
  constexpr float half_max = 65504.0f;
  HalfConstant out{Tensor::uninitialized(DType::float16, tensor.dims())};
  const auto from = tensor.data<float>();
  const auto to = out.tensor.data<Half>();
  for (size_t i = 0; i < from.size(); ++i) {
    float value = from[i];
    if (std::isfinite(value) && std::fabs(value) > half_max) {
      value = std::copysign(half_max, value);
      ++out.clamped;
    }
    to[i] = Half(value);
    if (value != 0 && (to[i].bits & 0x7FFF) == 0) ++out.flushed;
  }
  return out;
}

}  // namespace spinel::passes
