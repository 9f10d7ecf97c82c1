// Constants as float16.
#pragma once
#include <spinel/tensor.hpp>

namespace spinel::passes {

struct HalfConstant {
  Tensor tensor;
  int64_t clamped = 0;  ///< Finite elements beyond +-65504, which became that.
  int64_t flushed = 0;  ///< Elements other than 0 that became 0.
};

/// A float32 tensor rounded to float16. It saturates instead of overflowing: an infinite weight poisons every
/// result.
HalfConstant to_half_constant(const Tensor& tensor);

}  // namespace spinel::passes
