// What the kernels of cpu/byte_kernels.hpp share.
#pragma once
#include "cpu/byte_kernels.hpp"
#include "cpu/kernels/activations.hpp"

namespace spinel::cpu::SPINEL_ISA {

void pack_byte_patches(const Patches& patches, ByteFormat x, int64_t row, int64_t rows, void* to,
                       int64_t to_stride_bytes);
void pack_byte_columns(const uint8_t* from, bool is_signed, const int32_t* zero_points, int64_t zero_step,
                       int64_t row_stride, int64_t column_stride, int64_t depth, int64_t columns, void* to);
#if defined(__AVX512VNNI__)
void pack_byte_depthwise(const int8_t* w, int64_t taps, int64_t channels, int8_t* to);
#endif
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

#if defined(__AVX512BW__)
/// The same of four vectors, with 16 multipliers each: bytes in the order of the vectors.
inline __m512i requantized(const ByteEpilogue& epilogue, const float* m0, const float* m1, const float* m2,
                           const float* m3, const __m512i* sums) {
  // Above this, conversion would not saturate; below, and for the other limits, packing does.
  const __m512 high = _mm512_set1_ps(epilogue.high);
  const auto rounded = [&](__m512i sum, const float* multipliers) {
    const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(multipliers));
    return _mm512_cvtps_epi32(_mm512_min_ps(high, value));
  };
  const __m512i zero = _mm512_set1_epi16(static_cast<int16_t>(epilogue.zero_point));
  const __m512i first =
      _mm512_adds_epi16(_mm512_packs_epi32(rounded(sums[0], m0), rounded(sums[1], m1)), zero);
  const __m512i second =
      _mm512_adds_epi16(_mm512_packs_epi32(rounded(sums[2], m2), rounded(sums[3], m3)), zero);
  const bool is_signed = epilogue.low + static_cast<float>(epilogue.zero_point) < 0;
  const __m512i mixed = is_signed ? _mm512_packs_epi16(first, second) : _mm512_packus_epi16(first, second);
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_permutexvar_epi32(order, mixed);
}
#endif

/// A row of sums of columns [n, n + columns) as floats. A count that is known when it is compiled makes
/// vectors of the columns.
inline void store_float_row(const ByteFloats& floats, int64_t n, int64_t columns, const int32_t* sums,
                            const float* residual, float* to) {
  constexpr int64_t most = 64;
  float values[most];
  for (int64_t j = 0; j < columns; ++j)
    values[j] = static_cast<float>(sums[j]) * (floats.factor * floats.scales[n + j]);
  if (floats.epilogue.bias != nullptr)
    for (int64_t j = 0; j < columns; ++j) values[j] += floats.epilogue.bias[n + j];
  if (residual != nullptr)
    for (int64_t j = 0; j < columns; ++j) values[j] += residual[j];
  __builtin_memcpy(to, values, static_cast<size_t>(columns) * sizeof *values);
}

/// Calls fn(tap, pixel) for the taps of a window that lie on the image.
template <class T, class Fn>
void for_each_pixel(const Patches& p, const T* image, int64_t oh, int64_t ow, Fn fn) {
  for (int64_t kh = 0; kh < p.kernel_h; ++kh) {
    const int64_t y = oh * p.stride_h - p.pad_top + kh * p.dilation_h;
    if (y < 0 || y >= p.height) continue;
    for (int64_t kw = 0; kw < p.kernel_w; ++kw) {
      const int64_t x = ow * p.stride_w - p.pad_left + kw * p.dilation_w;
      if (x < 0 || x >= p.width) continue;
      fn(kh * p.kernel_w + kw, image + (y * p.width + x) * p.pixel_stride);
    }
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
