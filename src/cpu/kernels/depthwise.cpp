// Depthwise convolution: a vector holds neighbouring channels of one pixel.
#include "cpu/kernels/depthwise.hpp"

#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Neighbouring outputs that share the weights and inputs in registers.
constexpr int run = 4;

/// What the outputs of one row have in common.
template <class T>
struct Row {
  const T* image;            ///< First pixel of the input row of kernel row 0; it may lie outside the image.
  int64_t first_kh, end_kh;  ///< Kernel rows that lie on the image.
  T* y;
  const T* residual;
};

struct Finish {
  const Epilogue& epilogue;
  Vec low, high;
  Vec operator()(Vec x) const {
    if (epilogue.activation == Activation::none) return x;
    return epilogue.activation == Activation::clamp ? clamp(x, low, high) : activate(epilogue, x);
  }
};

/// Loads and stores of whole vectors, or of the channels that are left.
template <bool Whole>
struct Channels {
  int64_t left;
  template <class T>
  Vec read(const T* p) const {
    return Whole ? load(p) : load_partial(p, left);
  }
  template <class T>
  void write(T* p, Vec x) const {
    if (Whole)
      store(p, x);
    else
      store_partial(p, x, left);
  }
};

/// One vector of channels, from c on, of the outputs [ow, ow + run).
template <class T, int Kernel, int Stride, bool Whole>
inline void inner_channels(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish,
                           int64_t c) {
  const Patches& p = d.patches;
  const int64_t channels = p.channels;
  const int64_t line = p.dilation_h * p.width * channels;
  const T* x = row.image + (ow * Stride - p.pad_left) * channels + c;
  const Channels<Whole> part{channels - c};
  Vec acc[run] = {};
  for (int64_t kh = row.first_kh; kh < row.end_kh; ++kh) {
    const T* from = x + kh * line;
    const float* weights = d.weights + kh * Kernel * channels + c;
    // Pixels of the run after the next, for the lines that the row above has not read.
    if (kh >= row.end_kh - p.stride_h)
#pragma GCC unroll 8
      for (int i = 0; i < run * Stride; ++i) __builtin_prefetch(from + (2 * run * Stride + i) * channels);
    Vec w[Kernel];
#pragma GCC unroll 8
    for (int k = 0; k < Kernel; ++k) w[k] = part.read(weights + k * channels);
#pragma GCC unroll 16
    for (int i = 0; i < (run - 1) * Stride + Kernel; ++i) {
      const Vec pixel = part.read(from + i * channels);
#pragma GCC unroll 4
      for (int o = 0; o < run; ++o) {
        const int k = i - o * Stride;
        if (k >= 0 && k < Kernel) acc[o] = fma(pixel, w[k], acc[o]);
      }
    }
  }
  const Vec bias = d.epilogue->bias == nullptr ? Vec{} : part.read(d.epilogue->bias + c);
#pragma GCC unroll 4
  for (int o = 0; o < run; ++o) {
    const int64_t at = (ow + o) * channels + c;
    Vec sum = acc[o] + bias;
    if (row.residual != nullptr) sum += part.read(row.residual + at);
    part.write(row.y + at, finish(sum));
  }
}

/// Outputs [ow, ow + run), all of whose taps lie on the image's columns.
template <class T, int Kernel, int Stride>
void inner_run(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish) {
  int64_t c = 0;
  for (; c + vector_floats <= d.patches.channels; c += vector_floats)
    inner_channels<T, Kernel, Stride, true>(d, row, ow, finish, c);
  if (c < d.patches.channels) inner_channels<T, Kernel, Stride, false>(d, row, ow, finish, c);
}

/// One output, wherever it lies.
template <class T>
void any_output(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish) {
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
      const T* from = row.image + (kh * p.dilation_h * p.width + column) * channels + c;
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

template <class T>
using InnerRun = void (*)(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish);

template <class T>
InnerRun<T> find_inner_run(const Patches& p) {
  if (p.dilation_w != 1) return nullptr;
  if (p.kernel_w == 3 && p.stride_w == 1) return inner_run<T, 3, 1>;
  if (p.kernel_w == 3 && p.stride_w == 2) return inner_run<T, 3, 2>;
  if (p.kernel_w == 5 && p.stride_w == 1) return inner_run<T, 5, 1>;
  if (p.kernel_w == 5 && p.stride_w == 2) return inner_run<T, 5, 2>;
  if (p.kernel_w == 7 && p.stride_w == 1) return inner_run<T, 7, 1>;
  return nullptr;
}

template <class T>
void rows_of(const DepthwiseRows& d) {
  const Patches& p = d.patches;
  const Epilogue& e = *d.epilogue;
  const Finish finish{e, broadcast(e.low), broadcast(e.high)};
  const InnerRun<T> inner = find_inner_run<T>(p);
  const int64_t line = p.width * p.channels;
  // Outputs from which on, and up to which, every tap lies on the image.
  const int64_t first_inner = (p.pad_left + p.stride_w - 1) / p.stride_w;
  const int64_t room = p.width + p.pad_left - (p.kernel_w - 1) * p.dilation_w - 1;
  const int64_t end_inner = room < 0                              ? 0
                            : room / p.stride_w + 1 < p.out_width ? room / p.stride_w + 1
                                                                  : p.out_width;
  for (int64_t r = d.row; r < d.row + d.rows; ++r) {
    const int64_t h = r % p.out_height * p.stride_h - p.pad_top;
    Row<T> row{
        static_cast<const T*>(p.x) + (r / p.out_height * p.height + h) * line, 0, p.kernel_h,
        static_cast<T*>(d.y) + r * p.out_width * p.channels,
        d.residual == nullptr ? nullptr : static_cast<const T*>(d.residual) + r * p.out_width * p.channels};
    while (row.first_kh < row.end_kh && h + row.first_kh * p.dilation_h < 0) ++row.first_kh;
    while (row.end_kh > row.first_kh && h + (row.end_kh - 1) * p.dilation_h >= p.height) --row.end_kh;
    for (int64_t ow = 0; ow < p.out_width;) {
      if (inner != nullptr && ow >= first_inner && ow + run <= end_inner) {
        inner(d, row, ow, finish);
        ow += run;
      } else {
        any_output(d, row, ow++, finish);
      }
    }
  }
}

}  // namespace

void depthwise_rows(const DepthwiseRows& d) { d.patches.half ? rows_of<uint16_t>(d) : rows_of<float>(d); }

}  // namespace spinel::cpu::SPINEL_ISA
