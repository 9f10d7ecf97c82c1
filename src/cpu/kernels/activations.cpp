#include "cpu/kernels/activations.hpp"

#include "cpu/kernels/vector_math.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Calls `use` with the epilogue's activation as a function of a vector.
template <class Use>
auto with_activation(const Epilogue& epilogue, Use use) {
  const Vec low = broadcast(epilogue.low);
  const Vec high = broadcast(epilogue.high);
  const Vec zero = Vec{};
  const Vec one = broadcast(1.0F);
  switch (epilogue.activation) {
    case Activation::none:
      break;
    case Activation::clamp:
      return use([=](Vec x) { return clamp(x, low, high); });
    case Activation::sigmoid:
      return use([](Vec x) { return sigmoid(x); });
    case Activation::silu:
      return use([](Vec x) { return silu(x); });
    case Activation::hard_sigmoid:
      return use([=](Vec x) { return clamp(x * low + high, zero, one); });
    case Activation::hard_swish:
      return use([=](Vec x) { return x * clamp(x * (1.0F / 6) + 0.5F, zero, one); });
    case Activation::gelu:
      return use([](Vec x) { return gelu(x); });
    case Activation::gelu_tanh:
      return use([](Vec x) { return gelu_tanh(x); });
    case Activation::tanh:
      return use([](Vec x) { return tanh(x); });
  }
  return use([](Vec x) { return x; });
}

}  // namespace

Vec activate(const Epilogue& epilogue, Vec x) {
  return with_activation(epilogue, [&](auto fn) { return fn(x); });
}

void activate_rows(const Epilogue& epilogue, float* c, int64_t c_stride, int64_t rows, int64_t columns) {
  with_activation(epilogue, [&](auto fn) {
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t n = 0; n < columns; n += vector_floats) {
        float* at = c + row * c_stride + n;
        store_some(at, fn(load_some(at, columns - n)), columns - n);
      }
  });
}

}  // namespace spinel::cpu::SPINEL_ISA
