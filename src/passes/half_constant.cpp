#include "passes/half_constant.hpp"

#include <algorithm>

#include "base/cancel.hpp"

namespace spinel::passes {

HalfConstant to_half_constant(const cpu::Isa& isa, const Tensor& tensor) {
  constexpr size_t piece = size_t{1} << 19;
  HalfConstant out{Tensor::uninitialized(DType::float16, tensor.dims()), {}};
  const auto from = tensor.data<float>();
  auto* to = static_cast<uint16_t*>(out.tensor.raw());
  for (size_t n = 0; n < from.size(); n += piece) {
    check_load_cancelled();
    const size_t count = std::min(piece, from.size() - n);
    const cpu::HalfRounding one = isa.kernels->round_weights(&from[n], static_cast<int64_t>(count), to + n);
    out.rounding.clamped += one.clamped;
    out.rounding.flushed += one.flushed;
  }
  return out;
}

}  // namespace spinel::passes
