// Windows on channels-last images of 8-bit integers: the rows of a convolution's patches, and pools.
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
  int64_t ow = row % p.out_width;
  int64_t oh = row / p.out_width % p.out_height;
  const T* image =
      static_cast<const T*>(p.x) + row / p.out_width / p.out_height * p.height * p.width * p.pixel_stride;
  const bool joined = p.pixel_stride == p.channels && p.dilation_w == 1;
  for (int64_t r = 0; r < rows; ++r, to += to_stride) {
    auto* out = reinterpret_cast<Element*>(to);
    const int64_t top = oh * p.stride_h - p.pad_top;
    const int64_t left = ow * p.stride_w - p.pad_left;
    if (joined && left >= 0 && left + p.kernel_w <= p.width && top >= 0 &&
        top + (p.kernel_h - 1) * p.dilation_h < p.height) {
      // All of it lies on the image.
      const int64_t count = p.kernel_w * p.channels;
      const T* from = image + (top * p.width + left) * p.channels;
      for (int64_t kh = 0; kh < p.kernel_h; ++kh, from += p.dilation_h * p.width * p.channels, out += count)
        convert_run(from, count, zero_point, out);
    } else {
      for (int64_t kh = 0; kh < p.kernel_h; ++kh) {
        const int64_t y = top + kh * p.dilation_h;
        const T* from = y < 0 || y >= p.height ? nullptr : image + y * p.width * p.pixel_stride;
        out = pack_kernel_row(p, from, left, zero_point, zero, out);
      }
    }
    for (int64_t i = 0; i < rest; ++i) out[i] = 0;
    if (++ow < p.out_width) continue;
    ow = 0;
    if (++oh < p.out_height) continue;
    oh = 0;
    image += p.height * p.width * p.pixel_stride;
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

void byte_max_pool(const PoolRows& pool, bool is_signed, void* y) {
  if (is_signed)
    max_of<int8_t>(pool, -128, static_cast<int8_t*>(y));
  else
    max_of<uint8_t>(pool, 0, static_cast<uint8_t*>(y));
}

}  // namespace spinel::cpu::SPINEL_ISA
