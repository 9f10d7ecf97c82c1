// Depthwise convolution: a vector holds neighbouring channels of one pixel.
#include "cpu/kernels/depthwise.hpp"

#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Neighbouring outputs that share the weights and inputs in registers.
constexpr int run = 4;

Vec load_some(const float* p, int64_t count) {
  return count >= vector_floats ? load(p) : load_partial(p, count);
}
void store_some(float* p, Vec x, int64_t count) {
  if (count >= vector_floats)
    store(p, x);
  else
    store_partial(p, x, count);
}

/// What the outputs of one row have in common.
struct Row {
  const float* image;        ///< First pixel of the input row of kernel row 0; it may lie outside the image.
  int64_t first_kh, end_kh;  ///< Kernel rows that lie on the image.
  float* y;
  const float* residual;
};

struct Finish {
  bool clamps;
  Vec low, high;
  Vec operator()(Vec acc) const { return clamps ? clamp(acc, low, high) : acc; }
};

/// Outputs [ow, ow + run), all of whose taps lie on the image's columns.
template <int Kernel, int Stride>
void inner_run(const DepthwiseRows& d, const Row& row, int64_t ow, const Finish& finish) {
  const Patches& p = d.patches;
  const int64_t channels = p.channels;
  const int64_t line = p.dilation_h * p.width * channels;
  const float* x = row.image + (ow * Stride - p.pad_left) * channels;
  for (int64_t c = 0; c < channels; c += vector_floats) {
    const int64_t left = channels - c;
    const Vec bias = d.epilogue->bias == nullptr ? Vec{} : load_some(d.epilogue->bias + c, left);
    Vec acc[run] = {};
    for (int64_t kh = row.first_kh; kh < row.end_kh; ++kh) {
      const float* from = x + kh * line + c;
      const float* weights = d.weights + kh * Kernel * channels + c;
      Vec w[Kernel];
#pragma GCC unroll 8
      for (int k = 0; k < Kernel; ++k) w[k] = load_some(weights + k * channels, left);
#pragma GCC unroll 16
      for (int i = 0; i < (run - 1) * Stride + Kernel; ++i) {
        const Vec pixel = load_some(from + i * channels, left);
#pragma GCC unroll 4
        for (int o = 0; o < run; ++o) {
          const int k = i - o * Stride;
          if (k >= 0 && k < Kernel) acc[o] = fma(pixel, w[k], acc[o]);
        }
      }
    }
#pragma GCC unroll 4
    for (int o = 0; o < run; ++o) {
      const int64_t at = (ow + o) * channels + c;
      Vec sum = acc[o] + bias;
      if (row.residual != nullptr) sum += load_some(row.residual + at, left);
      store_some(row.y + at, finish(sum), left);
    }
  }
}

/// One output, wherever it lies.
void any_output(const DepthwiseRows& d, const Row& row, int64_t ow, const Finish& finish) {
  const Patches& p = d.patches;
  const int64_t channels = p.channels;
  const int64_t column = ow * p.stride_w - p.pad_left;
  int64_t first = 0;
  int64_t end = p.kernel_w;
  while (first < end && column + first * p.dilation_w < 0) ++first;
  while (end > first && column + (end - 1) * p.dilation_w >= p.width) --end;
  for (int64_t c = 0; c < channels; c += vector_floats) {
    const int64_t left = channels - c;
    Vec sum{};
    for (int64_t kh = row.first_kh; kh < row.end_kh; ++kh) {
      const float* from = row.image + (kh * p.dilation_h * p.width + column) * channels + c;
      const float* weights = d.weights + kh * p.kernel_w * channels + c;
      for (int64_t kw = first; kw < end; ++kw)
        sum = fma(load_some(from + kw * p.dilation_w * channels, left),
                  load_some(weights + kw * channels, left), sum);
    }
    if (d.epilogue->bias != nullptr) sum += load_some(d.epilogue->bias + c, left);
    if (row.residual != nullptr) sum += load_some(row.residual + ow * channels + c, left);
    store_some(row.y + ow * channels + c, finish(sum), left);
  }
}

using InnerRun = void (*)(const DepthwiseRows& d, const Row& row, int64_t ow, const Finish& finish);

InnerRun find_inner_run(const Patches& p) {
  if (p.dilation_w != 1) return nullptr;
  if (p.kernel_w == 3 && p.stride_w == 1) return inner_run<3, 1>;
  if (p.kernel_w == 3 && p.stride_w == 2) return inner_run<3, 2>;
  if (p.kernel_w == 5 && p.stride_w == 1) return inner_run<5, 1>;
  if (p.kernel_w == 5 && p.stride_w == 2) return inner_run<5, 2>;
  if (p.kernel_w == 7 && p.stride_w == 1) return inner_run<7, 1>;
  return nullptr;
}

}  // namespace

void depthwise_rows(const DepthwiseRows& d) {
  const Patches& p = d.patches;
  const Epilogue& e = *d.epilogue;
  const Finish finish{e.activation == Activation::clamp, broadcast(e.low), broadcast(e.high)};
  const InnerRun inner = find_inner_run(p);
  const int64_t line = p.width * p.channels;
  // Outputs from which on, and up to which, every tap lies on the image.
  const int64_t first_inner = (p.pad_left + p.stride_w - 1) / p.stride_w;
  const int64_t room = p.width + p.pad_left - (p.kernel_w - 1) * p.dilation_w - 1;
  const int64_t end_inner = room < 0                              ? 0
                            : room / p.stride_w + 1 < p.out_width ? room / p.stride_w + 1
                                                                  : p.out_width;
  for (int64_t r = d.row; r < d.row + d.rows; ++r) {
    const int64_t h = r % p.out_height * p.stride_h - p.pad_top;
    Row row{static_cast<const float*>(p.x) + (r / p.out_height * p.height + h) * line, 0, p.kernel_h,
            d.y + r * p.out_width * p.channels,
            d.residual == nullptr ? nullptr : d.residual + r * p.out_width * p.channels};
    while (row.first_kh < row.end_kh && h + row.first_kh * p.dilation_h < 0) ++row.first_kh;
    while (row.end_kh > row.first_kh && h + (row.end_kh - 1) * p.dilation_h >= p.height) --row.end_kh;
    for (int64_t ow = 0; ow < p.out_width;) {
      int64_t count = 1;
      if (inner != nullptr && ow >= first_inner && ow + run <= end_inner) {
        inner(d, row, ow, finish);
        count = run;
      } else {
        any_output(d, row, ow, finish);
      }
      if (e.activation > Activation::clamp)
        activate_rows(e, row.y + ow * p.channels, p.channels, count, p.channels);
      ow += count;
    }
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
