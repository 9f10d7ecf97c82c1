// Pools over channels-last tensors: a vector holds neighbouring channels of one pixel.
#include "cpu/kernels/pool.hpp"

#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// The part of a window along one axis that lies inside the input.
struct Span {
  int64_t begin, end;  ///< Taps.
};

Span inside(int64_t origin, int64_t kernel, int64_t dilation, int64_t size) {
  Span span{0, kernel};
  while (span.begin < span.end && origin + span.begin * dilation < 0) ++span.begin;
  while (span.end > span.begin && origin + (span.end - 1) * dilation >= size) --span.end;
  return span;
}

/// Reduces every window of the rows: y = finish(fold over the taps inside of combine(acc, x), origin row,
/// column).
template <class T, class Combine, class Finish>
void pool_rows(const PoolRows& pool, T* y, Vec start, Combine combine, Finish finish) {
  const Patches& p = pool.patches;
  const int64_t image_row = p.width * p.pixel_stride;
  const int64_t plane = p.height * image_row;
  y += pool.row * p.out_width * p.channels;
  for (int64_t row = pool.row; row < pool.row + pool.rows; ++row) {
    const int64_t h = row % p.out_height * p.stride_h - p.pad_top;
    const int64_t d = row / p.out_height % p.out_depth * p.stride_d - p.pad_front;
    const T* image = static_cast<const T*>(p.x) + row / p.out_height / p.out_depth * p.depth * plane;
    const Span taps_d = inside(d, p.kernel_d, p.dilation_d, p.depth);
    const Span taps_h = inside(h, p.kernel_h, p.dilation_h, p.height);
    for (int64_t ow = 0; ow < p.out_width; ++ow, y += p.channels) {
      const int64_t w = ow * p.stride_w - p.pad_left;
      const Span taps_w = inside(w, p.kernel_w, p.dilation_w, p.width);
      const int64_t count =
          (taps_d.end - taps_d.begin) * (taps_h.end - taps_h.begin) * (taps_w.end - taps_w.begin);
      for (int64_t c = 0; c < p.channels; c += vector_floats) {
        Vec acc = start;
        for (int64_t kd = taps_d.begin; kd < taps_d.end; ++kd)
          for (int64_t kh = taps_h.begin; kh < taps_h.end; ++kh) {
            const T* from = image + (d + kd * p.dilation_d) * plane + (h + kh * p.dilation_h) * image_row +
                            w * p.pixel_stride + c;
            for (int64_t kw = taps_w.begin; kw < taps_w.end; ++kw)
              acc = combine(acc, load_some(from + kw * p.dilation_w * p.pixel_stride, p.channels - c));
          }
        store_some(y + c, finish(acc, d, h, w, count), p.channels - c);
      }
    }
  }
}

/// Positions of a window that lie on the input or its padding, along one axis.
int64_t on_padded_input(int64_t origin, int64_t kernel, int64_t dilation, int64_t size, int64_t pad_end) {
  int64_t count = 0;
  for (int64_t tap = 0; tap < kernel; ++tap) count += origin + tap * dilation < size + pad_end;
  return count;
}

template <class T>
void max_of(const PoolRows& pool, T* y) {
  pool_rows(
      pool, y, broadcast(-__builtin_inff()),
      [](Vec acc, Vec x) {
        const Vec greater = max(acc, x);    // x if either is NaN,
        return acc != acc ? acc : greater;  // and a NaN that came earlier stays.
      },
      [](Vec acc, int64_t, int64_t, int64_t, int64_t) { return acc; });
}

template <class T>
void average_of(const PoolRows& pool, T* y) {
  const Patches& p = pool.patches;
  pool_rows(
      pool, y, Vec{}, [](Vec acc, Vec x) { return acc + x; },
      [&](Vec acc, int64_t d, int64_t h, int64_t w, int64_t count) {
        if (pool.counts_padding)
          count = on_padded_input(d, p.kernel_d, p.dilation_d, p.depth, pool.pad_back) *
                  on_padded_input(h, p.kernel_h, p.dilation_h, p.height, pool.pad_bottom) *
                  on_padded_input(w, p.kernel_w, p.dilation_w, p.width, pool.pad_right);
        return acc / static_cast<float>(count);
      });
}

template <class T>
void mean_of(const T* from, int64_t rows, int64_t columns, T* to) {
  for (int64_t c = 0; c < columns; c += vector_floats) {
    Vec sum{};
    for (int64_t row = 0; row < rows; ++row) sum += load_some(from + row * columns + c, columns - c);
    store_some(to + c, sum / static_cast<float>(rows), columns - c);
  }
}

}  // namespace

void max_pool(const PoolRows& pool, void* y) {
  pool.patches.half ? max_of(pool, static_cast<uint16_t*>(y)) : max_of(pool, static_cast<float*>(y));
}

void average_pool(const PoolRows& pool, void* y) {
  pool.patches.half ? average_of(pool, static_cast<uint16_t*>(y)) : average_of(pool, static_cast<float*>(y));
}

void mean_rows(bool half, const void* from, int64_t rows, int64_t columns, void* to) {
  if (half)
    mean_of(static_cast<const uint16_t*>(from), rows, columns, static_cast<uint16_t*>(to));
  else
    mean_of(static_cast<const float*>(from), rows, columns, static_cast<float*>(to));
}

}  // namespace spinel::cpu::SPINEL_ISA
