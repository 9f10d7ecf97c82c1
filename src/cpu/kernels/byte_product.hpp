// What byte_product.cpp takes from byte_windows.cpp.
#pragma once
#include "cpu/byte_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void pack_byte_patches(const Patches& patches, ByteFormat x, int64_t row, int64_t rows, void* to,
                       int64_t to_stride_bytes);
void byte_depthwise_rows(const ByteDepthwise& rows);
void byte_max_pool(const PoolRows& pool, bool is_signed, void* y);

/// Sums to bytes, `count` of them.
inline void requantize(const ByteEpilogue& epilogue, const float* multipliers, const int32_t* sums,
                       int64_t count, uint8_t* to) {
  constexpr float magic = 12582912.0F;  // 1.5 * 2^23: adding it leaves no bit for a fraction.
  const float low = epilogue.low;
  const float high = epilogue.high;
  for (int64_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(sums[i]) * multipliers[i];
    const float above = value > low ? value : low;
    const float limited = above < high ? above : high;
    const float rounded = (limited + magic) - magic;
    to[i] = static_cast<uint8_t>(static_cast<int32_t>(rounded) + epilogue.zero_point);
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
