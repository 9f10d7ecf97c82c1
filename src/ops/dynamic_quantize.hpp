// Quantisation by a tensor's own range, as DynamicQuantizeLinear defines it.
#pragma once
#include "ops/quant_scale.hpp"

namespace spinel::ops {

struct DynamicScale {
  float scale = 1;
  int32_t zero_point = 0;
};

/// The scale by which [min(values, 0), max(values, 0)] becomes [0, 255]; 1 if that is empty. NaN is left out.
DynamicScale dynamic_scale(const float* values, int64_t count);
/// The same of such a range.
DynamicScale dynamic_scale(float low, float high);
void quantize_uint8(const float* values, int64_t count, DynamicScale scale, uint8_t* to);

}  // namespace spinel::ops
