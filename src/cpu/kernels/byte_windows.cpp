// Windows on channels-last images of 8-bit integers: the rows of a convolution's patches, depthwise
// convolution, pools.
#include "cpu/kernels/byte_lanes.hpp"
#include "cpu/kernels/byte_product.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

template <class T>
void convert_run(const T* from, int64_t count, int32_t zero_point, Element* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = element(from[i], zero_point);
}
#if defined(__AVX512VNNI__)
template <>
void convert_run(const uint8_t* from, int64_t count, int32_t, Element* to) {
  constexpr int64_t width = 64;
  for (; count >= width; count -= width, from += width, to += width)
    _mm512_storeu_si512(to, _mm512_loadu_si512(from));
  if (count == 0) return;
  const __mmask64 some = (uint64_t{1} << count) - 1;
  _mm512_mask_storeu_epi8(to, some, _mm512_maskz_loadu_epi8(some, from));
}
#endif

void fill(Element* to, int64_t count, Element value) {
  for (int64_t i = 0; i < count; ++i) to[i] = value;
}

/// A row of the kernel, whose first tap lies at column `column` of the image row; nullptr: outside.
template <class T>
Element* pack_kernel_row(const Patches& p, const T* row, int64_t column, int32_t zero_point, Element zero,
                         Element* to) {
  const int64_t count = p.kernel_w * p.channels;
  if (row == nullptr) {
    fill(to, count, zero);
    return to + count;
  }
  if (p.pixel_stride == p.channels && p.dilation_w == 1) {
    const int64_t begin = column < 0 ? (-column < p.kernel_w ? -column : p.kernel_w) : 0;
    const int64_t over = column + p.kernel_w - p.width;
    const int64_t end = over > 0 ? (p.kernel_w - over > begin ? p.kernel_w - over : begin) : p.kernel_w;
    fill(to, begin * p.channels, zero);
    if (end > begin)
      convert_run(row + (column + begin) * p.channels, (end - begin) * p.channels, zero_point,
                  to + begin * p.channels);
    fill(to + end * p.channels, (p.kernel_w - end) * p.channels, zero);
    return to + count;
  }
  for (int64_t kw = 0; kw < p.kernel_w; ++kw, to += p.channels) {
    const int64_t x = column + kw * p.dilation_w;
    if (x < 0 || x >= p.width)
      fill(to, p.channels, zero);
    else
      convert_run(row + x * p.pixel_stride, p.channels, zero_point, to);
  }
  return to;
}

template <class T>
void pack_of(const Patches& p, int32_t zero_point, Element zero, int64_t row, int64_t rows, char* to,
             int64_t to_stride) {
  const int64_t depth = p.kernel_h * p.kernel_w * p.channels;
  const int64_t rest = (depth_step - depth % depth_step) % depth_step;
  for (int64_t r = row; r < row + rows; ++r, to += to_stride) {
    const int64_t ow = r % p.out_width;
    const int64_t oh = r / p.out_width % p.out_height;
    const int64_t sample = r / p.out_width / p.out_height;
    const T* image = static_cast<const T*>(p.x) + sample * p.height * p.width * p.pixel_stride;
    auto* out = reinterpret_cast<Element*>(to);
    for (int64_t kh = 0; kh < p.kernel_h; ++kh) {
      const int64_t y = oh * p.stride_h - p.pad_top + kh * p.dilation_h;
      const T* from = y < 0 || y >= p.height ? nullptr : image + y * p.width * p.pixel_stride;
      out = pack_kernel_row(p, from, ow * p.stride_w - p.pad_left, zero_point, zero, out);
    }
    fill(out, rest, 0);
  }
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

/// Channels [c0, c0 + count) of one output; a count that is known when it is compiled makes vectors of them.
template <class T>
inline void depthwise_channels_of(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, int64_t c0,
                                  int64_t count, uint8_t* y) {
  uint32_t sums[depthwise_channels];
  for (int64_t c = 0; c < count; ++c) sums[c] = static_cast<uint32_t>(d.start[c0 + c]);
  for_each_pixel(d.patches, image, oh, ow, [&](int64_t tap, const T* pixel) {
    const int16_t* w = d.weights + tap * d.padded_channels + c0;
    for (int64_t c = 0; c < count; ++c)
      sums[c] += static_cast<uint32_t>((pixel[c0 + c] - d.x.zero_point) * w[c]);
  });
  requantize(*d.epilogue, d.epilogue->multipliers + c0, reinterpret_cast<const int32_t*>(sums), count,
             y + c0);
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
void depthwise_vectors(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, int64_t c0,
                       uint8_t* y) {
  __m512i sums[Vectors];
  const __m512i zero = _mm512_set1_epi32(d.x.zero_point);
#pragma GCC unroll 4
  for (int i = 0; i < Vectors; ++i) sums[i] = _mm512_loadu_si512(d.start + c0 + i * lanes);
  for_each_pixel(d.patches, image, oh, ow, [&](int64_t tap, const T* pixel) {
    const int16_t* w = d.weights + tap * d.padded_channels + c0;
#pragma GCC unroll 4
    for (int i = 0; i < Vectors; ++i)
      sums[i] = _mm512_add_epi32(
          sums[i], _mm512_mullo_epi32(_mm512_sub_epi32(load_channels(pixel + c0 + i * lanes), zero),
                                      load_channels(w + i * lanes)));
  });
  int32_t out[Vectors * lanes];
#pragma GCC unroll 4
  for (int i = 0; i < Vectors; ++i) _mm512_storeu_si512(out + i * lanes, sums[i]);
  requantize(*d.epilogue, d.epilogue->multipliers + c0, out, Vectors * lanes, y + c0);
}

template <class T>
void depthwise_output(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, uint8_t* y) {
  const int64_t channels = d.patches.channels;
  int64_t c = 0;
  for (; c + 4 * lanes <= channels; c += 4 * lanes) depthwise_vectors<4>(d, image, oh, ow, c, y);
  for (; c + lanes <= channels; c += lanes) depthwise_vectors<1>(d, image, oh, ow, c, y);
  if (c < channels) depthwise_channels_of(d, image, oh, ow, c, channels - c, y);
}

#else

template <class T>
void depthwise_output(const ByteDepthwise& d, const T* image, int64_t oh, int64_t ow, uint8_t* y) {
  const int64_t channels = d.patches.channels;
  int64_t c = 0;
  for (; c + depthwise_channels <= channels; c += depthwise_channels)
    depthwise_channels_of(d, image, oh, ow, c, depthwise_channels, y);
  if (c < channels) depthwise_channels_of(d, image, oh, ow, c, channels - c, y);
}

#endif

template <class T>
void depthwise_of(const ByteDepthwise& d) {
  const Patches& p = d.patches;
  for (int64_t row = d.row; row < d.row + d.rows; ++row) {
    const T* image = static_cast<const T*>(p.x) + row / p.out_height * p.height * p.width * p.pixel_stride;
    uint8_t* y = d.y + row * p.out_width * p.channels;
    for (int64_t ow = 0; ow < p.out_width; ++ow, y += p.channels)
      depthwise_output(d, image, row % p.out_height, ow, y);
  }
}

/// The greatest of so many channels of each tap.
template <class T>
inline void keep_greatest(const T* x, int64_t count, T* most) {
  for (int64_t c = 0; c < count; ++c) most[c] = most[c] > x[c] ? most[c] : x[c];
}

template <class T>
void max_of(const PoolRows& pool, T lowest, T* y) {
  constexpr int64_t block = 64;
  const Patches& p = pool.patches;
  for (int64_t row = pool.row; row < pool.row + pool.rows; ++row) {
    const T* image = static_cast<const T*>(p.x) + row / p.out_height * p.height * p.width * p.pixel_stride;
    for (int64_t ow = 0; ow < p.out_width; ++ow)
      for (int64_t c0 = 0; c0 < p.channels; c0 += block) {
        const int64_t count = p.channels - c0 < block ? p.channels - c0 : block;
        T most[block];
        for (int64_t c = 0; c < block; ++c) most[c] = lowest;
        for_each_pixel(p, image, row % p.out_height, ow, [&](int64_t, const T* pixel) {
          if (count == block)
            keep_greatest(pixel + c0, block, most);
          else
            keep_greatest(pixel + c0, count, most);
        });
        __builtin_memcpy(y + (row * p.out_width + ow) * p.channels + c0, most, static_cast<size_t>(count));
      }
  }
}

}  // namespace

void pack_byte_patches(const Patches& patches, ByteFormat x, int64_t row, int64_t rows, void* to,
                       int64_t to_stride_bytes) {
  const Element zero = zero_element(x.is_signed, x.zero_point);
  if (x.is_signed)
    pack_of<int8_t>(patches, x.zero_point, zero, row, rows, static_cast<char*>(to), to_stride_bytes);
  else
    pack_of<uint8_t>(patches, x.zero_point, zero, row, rows, static_cast<char*>(to), to_stride_bytes);
}

void byte_depthwise_rows(const ByteDepthwise& rows) {
  rows.x.is_signed ? depthwise_of<int8_t>(rows) : depthwise_of<uint8_t>(rows);
}

void byte_max_pool(const PoolRows& pool, bool is_signed, void* y) {
  if (is_signed)
    max_of<int8_t>(pool, -128, static_cast<int8_t*>(y));
  else
    max_of<uint8_t>(pool, 0, static_cast<uint8_t*>(y));
}

}  // namespace spinel::cpu::SPINEL_ISA
