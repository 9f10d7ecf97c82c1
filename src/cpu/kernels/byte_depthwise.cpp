// Depthwise convolution of channels-last images of 8-bit integers.
#include "cpu/kernels/byte_lanes.hpp"
#include "cpu/kernels/byte_product.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int64_t block = depthwise_channels;

/// What becomes of the sums of channels [c0, c0 + count) of output pixel `pixel`, counted over all.
void finish(const ByteDepthwise& d, int64_t pixel, int64_t c0, int64_t count, const int32_t* sums) {
  const int64_t at = pixel * d.patches.channels + c0;
  if (d.epilogue != nullptr) {
    requantize(*d.epilogue, d.epilogue->multipliers + c0, sums, count, static_cast<uint8_t*>(d.y) + at);
    return;
  }
  if (d.floats == nullptr) {
    __builtin_memcpy(static_cast<int32_t*>(d.y) + at, sums, static_cast<size_t>(count) * sizeof *sums);
    return;
  }
  float* const to = static_cast<float*>(d.y) + at;
  const float* residual = d.floats->residual == nullptr ? nullptr : d.floats->residual + at;
  if (count == block)
    store_float_row(*d.floats, c0, block, sums, residual, to);
  else
    store_float_row(*d.floats, c0, count, sums, residual, to);
  if (d.floats->epilogue.activation != Activation::none)
    activate_rows(d.floats->epilogue, to, count, 1, count);
}

/// A count that is known when it is compiled makes vectors of the channels.
template <class T>
inline void wide_channels(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, int64_t c0,
                          int64_t count, int32_t* sums) {
  for (int64_t c = 0; c < count; ++c) sums[c] = d.start == nullptr ? 0 : d.start[c0 + c];
  for_each_pixel(d.patches, image, oh, ow, [&](int64_t tap, const T* pixel) {
    const int16_t* w = static_cast<const int16_t*>(d.weights) + tap * d.padded_channels + c0;
    for (int64_t c = 0; c < count; ++c)
      sums[c] = static_cast<int32_t>(static_cast<uint32_t>(sums[c]) +
                                     static_cast<uint32_t>((pixel[c0 + c] - d.x.zero_point) * w[c]));
  });
}

#if defined(__AVX512BW__)

inline __m512i load_channels(const uint8_t* from) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline __m512i load_channels(const int8_t* from) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline __m512i load_channels(const int16_t* from) {
  return _mm512_cvtepi16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

/// Vectors x 16 channels, whose sums stay in registers.
template <int Vectors, class T>
void wide_vectors(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, int64_t c0, int32_t* to) {
  __m512i sums[Vectors];
  const __m512i zero = _mm512_set1_epi32(d.x.zero_point);
#pragma GCC unroll 4
  for (int i = 0; i < Vectors; ++i)
    sums[i] = d.start == nullptr ? _mm512_setzero_si512() : _mm512_loadu_si512(d.start + c0 + i * lanes);
  for_each_pixel(d.patches, image, oh, ow, [&](int64_t tap, const T* pixel) {
    const int16_t* w = static_cast<const int16_t*>(d.weights) + tap * d.padded_channels + c0;
#pragma GCC unroll 4
    for (int i = 0; i < Vectors; ++i)
      sums[i] = _mm512_add_epi32(
          sums[i], _mm512_mullo_epi32(_mm512_sub_epi32(load_channels(pixel + c0 + i * lanes), zero),
                                      load_channels(w + i * lanes)));
  });
#pragma GCC unroll 4
  for (int i = 0; i < Vectors; ++i) _mm512_storeu_si512(to + i * lanes, sums[i]);
}

template <class T>
void wide_sums(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, int64_t c0, int64_t count,
               int32_t* sums) {
  if (count == block) return wide_vectors<4>(d, image, oh, ow, c0, sums);
  int64_t c = 0;
  for (; c + lanes <= count; c += lanes) wide_vectors<1>(d, image, oh, ow, c0 + c, sums + c);
  if (c < count) wide_channels(d, image, oh, ow, c0 + c, count - c, sums + c);
}

#else

template <class T>
void wide_sums(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, int64_t c0, int64_t count,
               int32_t* sums) {
  if (count == block)
    wide_channels(d, image, oh, ow, c0, block, sums);
  else
    wide_channels(d, image, oh, ow, c0, count, sums);
}

#endif

/// By weights of 16 bits.
template <class T>
void wide_rows(const ByteDepthwise& d) {
  const Patches& p = d.patches;
  int32_t sums[block];
  for (int64_t row = d.row; row < d.row + d.rows; ++row) {
    const T* image = static_cast<const T*>(p.x) + row / p.out_height * p.height * p.width * p.pixel_stride;
    for (int64_t ow = 0; ow < p.out_width; ++ow)
      for (int64_t c0 = 0; c0 < p.channels; c0 += block) {
        const int64_t count = p.channels - c0 < block ? p.channels - c0 : block;
        wide_sums(d, image, row % p.out_height, ow, c0, count, sums);
        finish(d, row * p.out_width + ow, c0, count, sums);
      }
  }
}

#if defined(__AVX512VNNI__)

/// A block's sums, 16 channels a vector; while taps are added, vector i has channels 4 i to 4 i + 3 of each
/// sixteen, which is how interleaving bytes leaves them.
struct BlockSums {
  __m512i of[4];
};

/// Adds four taps of a block, x[t], with their weights [4][16 channels][4 taps].
inline void add_four(BlockSums& sums, __m512i x0, __m512i x1, __m512i x2, __m512i x3, const int8_t* w) {
  const __m512i low01 = _mm512_unpacklo_epi8(x0, x1);
  const __m512i high01 = _mm512_unpackhi_epi8(x0, x1);
  const __m512i low23 = _mm512_unpacklo_epi8(x2, x3);
  const __m512i high23 = _mm512_unpackhi_epi8(x2, x3);
  const __m512i quads[] = {_mm512_unpacklo_epi16(low01, low23), _mm512_unpackhi_epi16(low01, low23),
                           _mm512_unpacklo_epi16(high01, high23), _mm512_unpackhi_epi16(high01, high23)};
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i)
    sums.of[i] = add_products(sums.of[i], quads[i], _mm512_loadu_si512(w + i * block));
}

template <bool Signed>
inline __m512i load_bytes(const uint8_t* from, __mmask64 some) {
  const __m512i bytes = _mm512_maskz_loadu_epi8(some, from);
  return Signed ? _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)) : bytes;
}

/// The sums of a block of an output whose taps' channels begin at taps[t].
template <bool Signed>
inline BlockSums narrow_block(const uint8_t* const* taps, int64_t count, int64_t c0, __mmask64 some,
                              const int8_t* w) {
  BlockSums sums{};
  int64_t tap = 0;
  for (; tap + 2 <= count; tap += 4, w += 4 * block) {
    // Behind the last tap lie copies of it, which have weights of 0.
    add_four(sums, load_bytes<Signed>(taps[tap] + c0, some), load_bytes<Signed>(taps[tap + 1] + c0, some),
             load_bytes<Signed>(taps[tap + 2] + c0, some), load_bytes<Signed>(taps[tap + 3] + c0, some), w);
  }
  if (tap < count) {
    const __m512i x = load_bytes<Signed>(taps[tap] + c0, some);
    add_four(sums, x, x, x, x, w);
  }
  // Lane j of vector i becomes lane i of vector j.
  const __m512i a = _mm512_shuffle_i32x4(sums.of[0], sums.of[1], 0x44);
  const __m512i b = _mm512_shuffle_i32x4(sums.of[0], sums.of[1], 0xee);
  const __m512i c = _mm512_shuffle_i32x4(sums.of[2], sums.of[3], 0x44);
  const __m512i e = _mm512_shuffle_i32x4(sums.of[2], sums.of[3], 0xee);
  return {{_mm512_shuffle_i32x4(a, c, 0x88), _mm512_shuffle_i32x4(a, c, 0xdd),
           _mm512_shuffle_i32x4(b, e, 0x88), _mm512_shuffle_i32x4(b, e, 0xdd)}};
}

/// One output pixel, or several that lie together and fill a block.
template <bool Signed>
void narrow_pixels(const ByteDepthwise& d, const uint8_t* const* taps, int64_t pixel, int64_t together) {
  const int64_t channels = d.patches.channels * together;
  const int64_t count = d.patches.kernel_h * d.patches.kernel_w;
  const int64_t block_weights = (count + 3) / 4 * 4 * block;
  const auto* w = static_cast<const int8_t*>(d.weights);
  for (int64_t c0 = 0; c0 < channels; c0 += block, w += block_weights) {
    const int64_t left = channels - c0;
    const __mmask64 some = left >= block ? ~__mmask64{0} : (__mmask64{1} << left) - 1;
    BlockSums sums = narrow_block<Signed>(taps, count, c0, some, w);
    if (d.start != nullptr)
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i)
        sums.of[i] = _mm512_add_epi32(sums.of[i], _mm512_loadu_si512(d.start + c0 + i * lanes));
    if (d.epilogue != nullptr) {
      const float* multipliers = d.epilogue->multipliers + c0;
      _mm512_mask_storeu_epi8(static_cast<uint8_t*>(d.y) + pixel * d.patches.channels + c0, some,
                              requantized(*d.epilogue, multipliers, multipliers + lanes,
                                          multipliers + 2 * lanes, multipliers + 3 * lanes, sums.of));
      continue;
    }
    int32_t stored[block];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) _mm512_storeu_si512(stored + i * lanes, sums.of[i]);
    finish(d, pixel, c0, left < block ? left : block, stored);
  }
}

/// Where the taps of an output's window begin, four and four; those outside lie on d.scratch.
struct Taps {
  const uint8_t** at;
  int64_t* steps;  ///< From one output to the next inside of the image.
  int64_t count;

  explicit Taps(const ByteDepthwise& d)
      : at(reinterpret_cast<const uint8_t**>(d.scratch + d.padded_channels)),
        steps(reinterpret_cast<int64_t*>(at) + (d.patches.kernel_h * d.patches.kernel_w + 3) / 4 * 4),
        count((d.patches.kernel_h * d.patches.kernel_w + 3) / 4 * 4) {}

  void set(const ByteDepthwise& d, const uint8_t* image, int64_t top, int64_t left) const {
    const Patches& p = d.patches;
    int64_t t = 0;
    for (int64_t kh = 0; kh < p.kernel_h; ++kh) {
      const int64_t y = top + kh * p.dilation_h;
      const uint8_t* line = y < 0 || y >= p.height ? nullptr : image + y * p.width * p.pixel_stride;
      for (int64_t kw = 0; kw < p.kernel_w; ++kw, ++t) {
        const int64_t x = left + kw * p.dilation_w;
        at[t] = line == nullptr || x < 0 || x >= p.width ? d.scratch : line + x * p.pixel_stride;
        steps[t] = line == nullptr ? 0 : p.stride_w * p.pixel_stride;
      }
    }
    for (; t < count; ++t) {
      at[t] = at[t - 1];
      steps[t] = steps[t - 1];
    }
  }
  void advance(int64_t outputs) const {
    for (int64_t t = 0; t < count; ++t) at[t] += outputs * steps[t];
  }
};

/// By weights of 8 bits.
template <bool Signed>
void narrow_rows(const ByteDepthwise& d) {
  const Patches& p = d.patches;
  const int64_t zero = d.x.zero_point;
  for (int64_t c = 0; c < d.padded_channels; ++c) d.scratch[c] = static_cast<uint8_t>(zero);
  // Constants of few channels are repeated until they fill a block.
  const bool repeats = d.epilogue != nullptr && p.stride_w == 1 && p.channels < block &&
                       block % p.channels == 0 && p.pixel_stride == p.channels;
  const int64_t most = repeats ? block / p.channels : 1;
  const Taps taps(d);
  for (int64_t row = d.row; row < d.row + d.rows; ++row) {
    const uint8_t* image =
        static_cast<const uint8_t*>(p.x) + row / p.out_height * p.height * p.width * p.pixel_stride;
    const int64_t top = row % p.out_height * p.stride_h - p.pad_top;
    bool was_inside = false;
    for (int64_t ow = 0, together = 0; ow < p.out_width; ow += together) {
      const int64_t left = ow * p.stride_w - p.pad_left;
      const bool inside =
          left >= 0 && left + (p.kernel_w - 1) * p.dilation_w + most <= p.width && ow + most <= p.out_width;
      if (inside && was_inside)
        taps.advance(most);
      else
        taps.set(d, image, top, left);
      was_inside = inside;
      together = inside ? most : 1;
      narrow_pixels<Signed>(d, taps.at, row * p.out_width + ow, together);
    }
  }
}

#endif

}  // namespace

void byte_depthwise_rows(const ByteDepthwise& rows) {
#if defined(__AVX512VNNI__)
  if (rows.narrow) return rows.x.is_signed ? narrow_rows<true>(rows) : narrow_rows<false>(rows);
#endif
  rows.x.is_signed ? wide_rows<int8_t>(rows) : wide_rows<uint8_t>(rows);
}

}  // namespace spinel::cpu::SPINEL_ISA
