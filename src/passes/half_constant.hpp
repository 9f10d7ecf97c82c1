// Constants as float16.
#pragma once
#include <spinel/tensor.hpp>

#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"

namespace spinel::passes {

struct HalfConstant {
  Tensor tensor;
  cpu::HalfRounding rounding;
};

/// A float32 tensor rounded to float16. It saturates instead of overflowing: an infinite weight poisons every
/// result. Throws Error(cancelled).
HalfConstant to_half_constant(const cpu::Isa& isa, const Tensor& tensor);

}  // namespace spinel::passes
