// Sums of products back to 8 bits, or to floats.
#pragma once
#include <cstdint>

#include "ops/quant_scale.hpp"

namespace spinel::ops {

/// saturate(round((sum + bias) * multiplier) + zero_point), rounded to nearest even, in float32.
struct Requantize {
  std::vector<float> multipliers;  ///< One for all columns or one a column.
  std::vector<int32_t> bias;       ///< One a column; empty: none.
  DType dtype;                     ///< int8 or uint8.
  int32_t zero_point;

  /// Sums of columns from `column` on as bytes of int8 or uint8.
  void row(const int32_t* sums, int64_t column, int64_t count, uint8_t* to) const {
    const float low = static_cast<float>((dtype == DType::int8 ? -128 : 0) - zero_point);
    const float high = static_cast<float>((dtype == DType::int8 ? 127 : 255) - zero_point);
    const float* each = multipliers.size() == 1 ? nullptr : multipliers.data() + column;
    const int32_t* add = bias.empty() ? nullptr : bias.data() + column;
    constexpr int64_t block = 64;
    for (int64_t begin = 0; begin < count; begin += block) {
      const int64_t length = std::min(block, count - begin);
      float values[block];
      for (int64_t i = 0; i < length; ++i) {
        const auto sum = static_cast<uint32_t>(sums[begin + i]);
        const auto wrapped = add == nullptr ? sum : sum + static_cast<uint32_t>(add[begin + i]);
        values[i] = static_cast<float>(static_cast<int32_t>(wrapped));
      }
      for (int64_t i = 0; i < length; ++i) values[i] *= each == nullptr ? multipliers[0] : each[begin + i];
      for (int64_t i = 0; i < length; ++i)
        to[begin + i] = static_cast<uint8_t>(saturated(values[i], low, high, zero_point));
    }
  }
};

/// The zero point's type is the output's. Throws Error(unsupported) unless it is int8 or uint8.
DType quantized_type(const Tensor& zero_point, const char* name);
/// left * right[i] / output, for each element of right, in float32 and this order.
std::vector<float> requantize_multipliers(float left, const std::vector<float>& right, float output);

}  // namespace spinel::ops
