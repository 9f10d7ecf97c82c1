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

/// Outputs of a long kernel that share weights and inputs in registers: enough sums to hide the latency of
/// the multiply-add.
constexpr int long_run = 8;
/// Taps of a long kernel whose weights are in registers at a time.
constexpr int long_taps = vector_floats == 16 ? 8 : 2;

/// Taps [kw, kw + Taps) of one kernel row, added to the sums of `long_run` outputs.
template <int Taps, bool Whole, class T>
inline void add_taps(const Channels<Whole>& part, const T* from, const float* weights, int64_t channels,
                     Vec (&acc)[long_run]) {
  Vec w[Taps];
#pragma GCC unroll 8
  for (int k = 0; k < Taps; ++k) w[k] = part.read(weights + k * channels);
#pragma GCC unroll 16
  for (int i = 0; i < long_run - 1 + Taps; ++i) {
    const Vec pixel = part.read(from + i * channels);
#pragma GCC unroll 8
    for (int o = 0; o < long_run; ++o) {
      const int k = i - o;
      if (k >= 0 && k < Taps) acc[o] = fma(pixel, w[k], acc[o]);
    }
  }
}

/// One vector of channels, from c on, of the outputs [ow, ow + long_run), for kernels of any width and
/// stride 1.
template <class T, bool Whole>
inline void long_channels(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish,
                          int64_t c) {
  const Patches& p = d.patches;
  const int64_t channels = p.channels;
  const Channels<Whole> part{channels - c};
  Vec acc[long_run] = {};
  for (int64_t kh = row.first_kh; kh < row.end_kh; ++kh) {
    const T* from = row.image + (kh * p.dilation_h * p.width + ow - p.pad_left) * channels + c;
    const float* weights = d.weights + kh * p.kernel_w * channels + c;
    int64_t kw = 0;
    for (; kw + long_taps <= p.kernel_w; kw += long_taps)
      add_taps<long_taps>(part, from + kw * channels, weights + kw * channels, channels, acc);
    for (; kw < p.kernel_w; ++kw)
      add_taps<1>(part, from + kw * channels, weights + kw * channels, channels, acc);
  }
  const Vec bias = d.epilogue->bias == nullptr ? Vec{} : part.read(d.epilogue->bias + c);
#pragma GCC unroll 8
  for (int o = 0; o < long_run; ++o) {
    const int64_t at = (ow + o) * channels + c;
    Vec sum = acc[o] + bias;
    if (row.residual != nullptr) sum += part.read(row.residual + at);
    part.write(row.y + at, finish(sum));
  }
}

/// Outputs [ow, ow + long_run), all of whose taps lie on the image's columns.
template <class T>
void inner_long_run(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish) {
  int64_t c = 0;
  for (; c + vector_floats <= d.patches.channels; c += vector_floats)
    long_channels<T, true>(d, row, ow, finish, c);
  if (c < d.patches.channels) long_channels<T, false>(d, row, ow, finish, c);
}

/// Vectors of channels that one output sums at a time.
constexpr int output_vectors = 4;

/// `Vectors` vectors of channels, from c on, of one output; taps [first, end) of each kernel row lie on the
/// image.
template <int Vectors, bool Whole, class T>
inline void output_channels(const DepthwiseRows& d, const Row<T>& row, int64_t ow, int64_t first, int64_t end,
                            const Finish& finish, int64_t c) {
  const Patches& p = d.patches;
  const int64_t channels = p.channels;
  const Channels<Whole> part{channels - c};
  const int64_t column = ow * p.stride_w - p.pad_left;
  Vec acc[Vectors] = {};
  for (int64_t kh = row.first_kh; kh < row.end_kh; ++kh) {
    const T* from = row.image + (kh * p.dilation_h * p.width + column) * channels + c;
    const float* weights = d.weights + kh * p.kernel_w * channels + c;
    for (int64_t kw = first; kw < end; ++kw)
#pragma GCC unroll 4
      for (int v = 0; v < Vectors; ++v)
        acc[v] = fma(part.read(from + kw * p.dilation_w * channels + v * vector_floats),
                     part.read(weights + kw * channels + v * vector_floats), acc[v]);
  }
#pragma GCC unroll 4
  for (int v = 0; v < Vectors; ++v) {
    const int64_t at = c + v * vector_floats;
    if (d.epilogue->bias != nullptr) acc[v] += part.read(d.epilogue->bias + at);
    if (row.residual != nullptr) acc[v] += part.read(row.residual + ow * channels + at);
    part.write(row.y + ow * channels + at, finish(acc[v]));
  }
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
  int64_t c = 0;
  for (; c + output_vectors * vector_floats <= channels; c += output_vectors * vector_floats)
    output_channels<output_vectors, true>(d, row, ow, first, end, finish, c);
  for (; c + vector_floats <= channels; c += vector_floats)
    output_channels<1, true>(d, row, ow, first, end, finish, c);
  if (c < channels) output_channels<1, false>(d, row, ow, first, end, finish, c);
}

/// A kernel of `outputs` neighbouring outputs.
template <class T>
struct InnerRun {
  void (*compute)(const DepthwiseRows& d, const Row<T>& row, int64_t ow, const Finish& finish) = nullptr;
  int64_t outputs = 1;
};

template <class T>
InnerRun<T> find_inner_run(const Patches& p) {
  if (p.dilation_w != 1) return {};
  if (p.kernel_w == 3 && p.stride_w == 1) return {inner_run<T, 3, 1>, run};
  if (p.kernel_w == 3 && p.stride_w == 2) return {inner_run<T, 3, 2>, run};
  if (p.kernel_w == 5 && p.stride_w == 1) return {inner_run<T, 5, 1>, run};
  if (p.kernel_w == 5 && p.stride_w == 2) return {inner_run<T, 5, 2>, run};
  if (p.kernel_w == 7 && p.stride_w == 1) return {inner_run<T, 7, 1>, run};
  if (p.stride_w == 1) return {inner_long_run<T>, long_run};
  return {};
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
      if (inner.compute != nullptr && ow >= first_inner && ow + inner.outputs <= end_inner) {
        inner.compute(d, row, ow, finish);
        ow += inner.outputs;
      } else {
        any_output(d, row, ow++, finish);
      }
    }
  }
}

}  // namespace

void depthwise_rows(const DepthwiseRows& d) { d.patches.half ? rows_of<uint16_t>(d) : rows_of<float>(d); }

}  // namespace spinel::cpu::SPINEL_ISA
