#include "cpu/kernels/activations.hpp"

#include "cpu/kernels/vector_math.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

template <class Fn>
void apply(float* c, int64_t c_stride, int64_t rows, int64_t columns, Fn fn) {
  for (int64_t row = 0; row < rows; ++row, c += c_stride) {
    int64_t n = 0;
    for (; n + vector_floats <= columns; n += vector_floats) store(c + n, fn(load(c + n)));
    if (n < columns) store_partial(c + n, fn(load_partial(c + n, columns - n)), columns - n);
  }
}

}  // namespace

void activate_rows(const Epilogue& epilogue, float* c, int64_t c_stride, int64_t rows, int64_t columns) {
  const auto with = [&](auto fn) { apply(c, c_stride, rows, columns, fn); };
  const Vec low = broadcast(epilogue.low);
  const Vec high = broadcast(epilogue.high);
  const Vec zero = Vec{};
  const Vec one = broadcast(1.0F);
  switch (epilogue.activation) {
    case Activation::none:
      return;
    case Activation::clamp:
      return with([=](Vec x) { return clamp(x, low, high); });
    case Activation::sigmoid:
      return with([](Vec x) { return sigmoid(x); });
    case Activation::silu:
      return with([](Vec x) { return silu(x); });
    case Activation::hard_sigmoid:
      return with([=](Vec x) { return clamp(x * low + high, zero, one); });
    case Activation::hard_swish:
      return with([=](Vec x) { return x * clamp(x * (1.0F / 6) + 0.5F, zero, one); });
    case Activation::gelu:
      return with([](Vec x) { return gelu(x); });
    case Activation::gelu_tanh:
      return with([](Vec x) { return gelu_tanh(x); });
    case Activation::tanh:
      return with([](Vec x) { return tanh(x); });
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
