// Right operands of products of 8-bit integers, in the order in which those read them.
#include "cpu/kernels/byte_lanes.hpp"
#include "cpu/kernels/byte_product.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// b(k, n) as a weight, 0 outside of B.
struct Columns {
  const uint8_t* from;
  bool is_signed;
  const int32_t* zero_points;
  int64_t zero_step;
  int64_t row_stride, column_stride;
  int64_t depth, columns;

  Weight weight(int64_t k, int64_t n) const {
    if (n >= columns || k >= depth) return 0;
    const uint8_t byte = from[k * row_stride + n * column_stride];
#if defined(__AVX512VNNI__)
    return static_cast<Weight>(is_signed ? byte : byte ^ 0x80);
#else
    return static_cast<Weight>((is_signed ? static_cast<int8_t>(byte) : int32_t{byte}) -
                               zero_points[n * zero_step]);
#endif
  }
};

#if defined(__AVX512VNNI__)
/// Four rows from k0 on of a whole panel. Returns false if B's strides are of no help.
bool pack_four(const Columns& b, int64_t k0, int64_t n0, int8_t* to) {
  const __m128i flip = _mm_set1_epi8(static_cast<char>(b.is_signed ? 0 : -128));
  const uint8_t* from = b.from + k0 * b.row_stride + n0 * b.column_stride;
  if (b.column_stride == 1) {
    constexpr int64_t some = 16;
    for (int64_t n = 0; n < panel; n += some, to += 4 * some) {
      __m128i rows[4];
      for (int k = 0; k < 4; ++k)
        rows[k] = _mm_xor_si128(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k * b.row_stride + n)), flip);
      const __m128i low01 = _mm_unpacklo_epi8(rows[0], rows[1]);
      const __m128i high01 = _mm_unpackhi_epi8(rows[0], rows[1]);
      const __m128i low23 = _mm_unpacklo_epi8(rows[2], rows[3]);
      const __m128i high23 = _mm_unpackhi_epi8(rows[2], rows[3]);
      auto* const out = reinterpret_cast<__m128i*>(to);
      _mm_storeu_si128(out, _mm_unpacklo_epi16(low01, low23));
      _mm_storeu_si128(out + 1, _mm_unpackhi_epi16(low01, low23));
      _mm_storeu_si128(out + 2, _mm_unpacklo_epi16(high01, high23));
      _mm_storeu_si128(out + 3, _mm_unpackhi_epi16(high01, high23));
    }
    return true;
  }
  if (b.row_stride != 1) return false;
  for (int64_t n = 0; n < panel; ++n, from += b.column_stride, to += 4) {
    uint32_t four;
    __builtin_memcpy(&four, from, sizeof four);
    four ^= b.is_signed ? 0 : 0x80808080U;
    __builtin_memcpy(to, &four, sizeof four);
  }
  return true;
}
#endif

}  // namespace

void pack_byte_columns(const uint8_t* from, bool is_signed, const int32_t* zero_points, int64_t zero_step,
                       int64_t row_stride, int64_t column_stride, int64_t depth, int64_t columns, void* to) {
  const Columns b{from, is_signed, zero_points, zero_step, row_stride, column_stride, depth, columns};
  auto* out = static_cast<Weight*>(to);
  for (int64_t n0 = 0; n0 < columns; n0 += panel)
    for (int64_t k0 = 0; k0 < depth; k0 += depth_step, out += panel * depth_step) {
#if defined(__AVX512VNNI__)
      if (n0 + panel <= columns && k0 + depth_step <= depth && pack_four(b, k0, n0, out)) continue;
#endif
      for (int64_t n = 0; n < panel; ++n)
        for (int64_t k = 0; k < depth_step; ++k) out[n * depth_step + k] = b.weight(k0 + k, n0 + n);
    }
}

#if defined(__AVX512VNNI__)
void pack_byte_depthwise(const int8_t* w, int64_t taps, int64_t channels, int8_t* to) {
  constexpr int64_t block = depthwise_channels;
  const bool repeats = channels < block && block % channels == 0;
  for (int64_t c0 = 0; c0 < channels; c0 += block)
    for (int64_t t0 = 0; t0 < taps; t0 += 4)
      for (int64_t vector = 0; vector < 4; ++vector)
        for (int64_t each = 0; each < lanes; ++each)
          for (int64_t t = t0; t < t0 + 4; ++t, ++to) {
            // The order in which interleaving leaves the channels: kernels/byte_depthwise.cpp.
            int64_t c = c0 + each / 4 * 16 + vector * 4 + each % 4;
            if (repeats) c %= channels;
            *to = t < taps && c < channels ? w[t * channels + c] : int8_t{0};
          }
}
#endif

}  // namespace spinel::cpu::SPINEL_ISA
