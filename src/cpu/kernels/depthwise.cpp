// Convolution of groups of few channels: a vector holds neighbouring channels of one pixel. The lines of the
// input that an output line needs, of one vector of channels and with their padding, lie in a ring of lines
// that the first-level cache holds: each is fetched, and widened, once. Of groups of several channels each
// pixel lies there as many times, with each group's first channel in all its places, with its second, and so
// on: these are the pixels of a depthwise convolution whose kernel is as many times wider.
#include "cpu/kernels/depthwise.hpp"

#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Neighbouring outputs that share the weights and inputs in registers: enough sums to hide the latency of
/// the multiply-add.
constexpr int run = vector_floats == 4 ? 4 : 8;
/// Pixels of all lines of the ring: half of the first-level cache.
constexpr int64_t ring_pixels = 384;

/// One axis of the window. Of dilated windows, outputs `step` apart read inputs of the same residue: these
/// make a convolution without dilation.
struct Axis {
  int64_t step = 1;    ///< Between the outputs of one residue, of which there are as many.
  int64_t stride = 1;  ///< Of those, in inputs of their residue.
};

Axis make_axis(int64_t stride, int64_t dilation) {
  int64_t divisor = dilation;
  for (int64_t rest = stride; rest != 0;) {
    const int64_t next = divisor % rest;
    divisor = rest;
    rest = next;
  }
  return {.step = dilation / divisor, .stride = stride / divisor};
}

/// How many of `count` elements in a row are one of every `step`, the first among them.
int64_t one_of(int64_t step, int64_t count) { return count < 1 ? 0 : (count - 1) / step + 1; }

/// Outputs of one residue that are computed together, and their scratch memory.
struct Tile {
  Axis h, w;
  int64_t group_channels;
  int64_t kernel_h, kernel_w;  ///< The latter, w.stride and pixels count each copy of a pixel.
  int64_t outputs;             ///< Of a line, a multiple of `run`.
  int64_t pixels;              ///< Of a line of the ring, which has kernel_h lines.

  int64_t vectors() const { return 1 + kernel_h * (kernel_w + pixels) + outputs; }
};

Tile make_tile(const Patches& p, int64_t group_channels) {
  Tile tile{.h = make_axis(p.stride_h, p.dilation_h),
            .w = make_axis(p.stride_w, p.dilation_w),
            .group_channels = group_channels,
            .kernel_h = p.kernel_h,
            .kernel_w = p.kernel_w * group_channels,
            .outputs = run,
            .pixels = 0};
  tile.w.stride *= group_channels;
  const int64_t line_pixels = p.kernel_h == 0 ? ring_pixels : ring_pixels / p.kernel_h;
  const int64_t runs = ((line_pixels - tile.kernel_w) / tile.w.stride + 1) / run;
  if (runs > 1) tile.outputs = runs * run;
  tile.pixels = (tile.outputs - 1) * tile.w.stride + tile.kernel_w;
  return tile;
}

/// Adds the products of Taps neighbouring taps to the sums of `run` outputs.
template <int Taps, int Stride>
inline void add_taps(const float* from, const float* weights, Vec (&sums)[run]) {
  Vec w[Taps];
#pragma GCC unroll 8
  for (int k = 0; k < Taps; ++k) w[k] = load(weights + k * vector_floats);
#pragma GCC unroll 32
  for (int i = 0; i < (run - 1) * Stride + Taps; ++i) {
    const Vec pixel = load(from + i * vector_floats);
#pragma GCC unroll 8
    for (int o = 0; o < run; ++o) {
      const int k = i - o * Stride;
      if (k >= 0 && k < Taps) sums[o] = fma(pixel, w[k], sums[o]);
    }
  }
}

/// A line of taps of any width and stride.
inline void add_any_taps(const Tile& tile, const float* from, const float* weights, Vec (&sums)[run]) {
  int64_t kw = 0;
  constexpr int together = vector_floats == 16 ? 8 : 2;
  if (tile.w.stride == 1)
    for (; kw + together <= tile.kernel_w; kw += together)
      add_taps<together, 1>(from + kw * vector_floats, weights + kw * vector_floats, sums);
  for (; kw < tile.kernel_w; ++kw) {
    const Vec w = load(weights + kw * vector_floats);
#pragma GCC unroll 8
    for (int o = 0; o < run; ++o)
      sums[o] = fma(load(from + (o * tile.w.stride + kw) * vector_floats), w, sums[o]);
  }
}

/// sums[outputs], a line of a tile. Before the weights stands the bias; `first` is the line of the ring with
/// the first line of taps.
void sum_any_line(const Tile& tile, const float* weights, const float* ring, int64_t first, int64_t outputs,
                  float* sums) {
  const Vec bias = load(weights - vector_floats);
  for (int64_t ow = 0; ow < outputs; ow += run) {
    Vec acc[run] = {};
    int64_t line = first;
    const float* w = weights;
    for (int64_t kh = 0; kh < tile.kernel_h; ++kh, w += tile.kernel_w * vector_floats) {
      add_any_taps(tile, ring + (line * tile.pixels + ow * tile.w.stride) * vector_floats, w, acc);
      if (++line == tile.kernel_h) line = 0;
    }
#pragma GCC unroll 8
    for (int o = 0; o < run; ++o, sums += vector_floats) store(sums, acc[o] + bias);
  }
}

/// The same of a square kernel.
template <int Kernel, int Stride>
void sum_line(const Tile& tile, const float* weights, const float* ring, int64_t first, int64_t outputs,
              float* sums) {
  const Vec bias = load(weights - vector_floats);
  const float* lines[Kernel];
  for (int kh = 0; kh < Kernel; ++kh) {
    const int64_t line = first + kh < Kernel ? first + kh : first + kh - Kernel;
    lines[kh] = ring + line * tile.pixels * vector_floats;
  }
  for (int64_t ow = 0; ow < outputs; ow += run) {
    Vec acc[run] = {};
#pragma GCC unroll 8
    for (int kh = 0; kh < Kernel; ++kh)
      add_taps<Kernel, Stride>(lines[kh] + ow * Stride * vector_floats, weights + kh * Kernel * vector_floats,
                               acc);
#pragma GCC unroll 8
    for (int o = 0; o < run; ++o, sums += vector_floats) store(sums, acc[o] + bias);
  }
}

using SumLine = void (*)(const Tile& tile, const float* weights, const float* ring, int64_t first,
                         int64_t outputs, float* sums);

SumLine find_sum_line(const Tile& tile) {
  if (tile.kernel_h == tile.kernel_w && tile.w.stride == 1) {
    if (tile.kernel_w == 3) return sum_line<3, 1>;
    if (tile.kernel_w == 5) return sum_line<5, 1>;
    if (tile.kernel_w == 7) return sum_line<7, 1>;
  }
  if (tile.kernel_h == tile.kernel_w && tile.w.stride == 2) {
    if (tile.kernel_w == 3) return sum_line<3, 2>;
    if (tile.kernel_w == 5) return sum_line<5, 2>;
  }
  return sum_any_line;
}

/// to[count] vectors of the neighbouring channels that are `left`, `stride` elements between them.
template <class T>
void read_pixels(const T* from, int64_t stride, int64_t left, int64_t count, float* to) {
  if (left >= vector_floats)
#pragma GCC unroll 4
    for (int64_t i = 0; i < count; ++i, from += stride, to += vector_floats) store(to, load(from));
  else
    for (int64_t i = 0; i < count; ++i, from += stride, to += vector_floats)
      store(to, load_partial(from, left));
}

/// The same of groups of g channels: g vectors a pixel, the first with each group's first channel in all its
/// places.
template <class T>
void spread_pixels(const T* from, int64_t stride, int64_t left, int64_t g, int64_t count, float* to) {
  if (g > vector_floats) {  // All of one group, which begins at or before these channels.
    for (int64_t i = 0; i < count; ++i, from += stride)
      for (int64_t j = 0; j < g; ++j, to += vector_floats) store(to, broadcast(load_partial(from + j, 1)[0]));
    return;
  }
  IntVec first{};
  for (int i = 0; i < vector_floats; ++i) first[i] = i / static_cast<int>(g) * static_cast<int>(g);
  for (int64_t i = 0; i < count; ++i, from += stride) {
    const Vec x = load_some(from, left);
    for (int j = 0; j < g; ++j, to += vector_floats) store(to, permute(x, first + j));
  }
}

/// The way back, limited to [low, high].
template <class T>
void write_pixels(const float* from, Vec low, Vec high, int64_t count, T* to, int64_t stride, int64_t left) {
  if (left >= vector_floats)
#pragma GCC unroll 4
    for (int64_t i = 0; i < count; ++i, from += vector_floats, to += stride)
      store(to, clamp(load(from), low, high));
  else
    for (int64_t i = 0; i < count; ++i, from += vector_floats, to += stride)
      store_partial(to, clamp(load(from), low, high), left);
}

void clear_pixels(int64_t count, float* to) {
  for (int64_t i = 0; i < count; ++i) store(to + i * vector_floats, Vec{});
}

/// One vector of channels, from c on.
template <class T>
class Column {
 public:
  Column(const DepthwiseRows& rows, const Tile& tile, int64_t channel)
      : d_(rows), tile_(tile), c_(channel), left_(rows.patches.channels - channel) {
    const Patches& p = rows.patches;
    const float* bias = rows.epilogue->bias;
    store(rows.scratch, bias == nullptr ? Vec{} : load_some(bias + c_, left_));
    for (int64_t tap = 0; tap < tile.kernel_h * tile.kernel_w; ++tap)
      store(weights_ + tap * vector_floats, load_some(rows.weights + tap * p.channels + c_, left_));
  }

  /// Outputs of an image: `rows` lines from `row` on, `outputs` of each from `first` on, each one of every
  /// `step`.
  void compute(SumLine sum_line, int64_t image, int64_t row, int64_t rows, int64_t first, int64_t outputs) {
    const Patches& p = d_.patches;
    const int64_t pixels = ((outputs + run - 1) / run * run - 1) * tile_.w.stride + tile_.kernel_w;
    const int64_t column = first * p.stride_w - p.pad_left;
    int64_t h = row * p.stride_h - p.pad_top;  // The first line of taps,
    int64_t at = 0;                            // in the ring.
    int64_t kept = 0;                          // Lines from there on that are in the ring.
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t kh = kept; kh < tile_.kernel_h; ++kh) {
        const int64_t slot = at + kh < tile_.kernel_h ? at + kh : at + kh - tile_.kernel_h;
        copy_line(image, h + kh * p.dilation_h, column, pixels, ring_ + slot * tile_.pixels * vector_floats);
      }
      sum_line(tile_, weights_, ring_, at, outputs, sums_);
      finish_line(outputs, image * d_.y_image_stride + (row + r * tile_.h.step) * d_.y_row_stride +
                               first * d_.y_pixel_stride + c_);
      h += tile_.h.step * p.stride_h;
      if (tile_.h.stride < tile_.kernel_h) {
        at = (at + tile_.h.stride) % tile_.kernel_h;
        kept = tile_.kernel_h - tile_.h.stride;
      }
    }
  }

 private:
  /// One of every dilation_w pixels of the input's line h, from column `first` on, with zeros for what lies
  /// outside.
  void copy_line(int64_t image, int64_t h, int64_t first, int64_t copies, float* to) const {
    const Patches& p = d_.patches;
    const int64_t g = tile_.group_channels;
    const int64_t pixels = copies / g;
    const int64_t begin = first < 0 ? one_of(p.dilation_w, -first) : 0;
    const int64_t inside = one_of(p.dilation_w, p.width - first);
    const int64_t end = inside < pixels ? inside : pixels;
    if (h < 0 || h >= p.height || begin >= end) return clear_pixels(copies, to);
    const int64_t stride = p.dilation_w * p.pixel_stride;
    const T* from = static_cast<const T*>(p.x) +
                    ((image * p.height + h) * p.width + first + begin * p.dilation_w) * p.pixel_stride;
    clear_pixels(begin * g, to);
    if (g == 1)
      read_pixels(from + c_, stride, left_, end - begin, to + begin * vector_floats);
    else
      spread_pixels(from + (g > vector_floats ? c_ / g * g : c_), stride, left_, g, end - begin,
                    to + begin * g * vector_floats);
    clear_pixels((pixels - end) * g, to + end * g * vector_floats);
  }

  /// A line's outputs from its sums.
  void finish_line(int64_t outputs, int64_t at) {
    const Epilogue& e = *d_.epilogue;
    const int64_t stride = tile_.w.step * d_.y_pixel_stride;
    if (d_.residual != nullptr) {
      const T* residual = static_cast<const T*>(d_.residual) + at;
      for (int64_t ow = 0; ow < outputs; ++ow) {
        float* sum = sums_ + ow * vector_floats;
        store(sum, load(sum) + load_some(residual + ow * stride, left_));
      }
    }
    Vec low = broadcast(-__builtin_inff());
    Vec high = -low;
    if (e.activation == Activation::clamp) {
      low = broadcast(e.low);
      high = broadcast(e.high);
    } else if (e.activation != Activation::none) {
      activate_rows(e, sums_, 0, 1, outputs * vector_floats);
    }
    write_pixels(sums_, low, high, outputs, static_cast<T*>(d_.y) + at, stride, left_);
  }

  const DepthwiseRows& d_;
  const Tile& tile_;
  int64_t c_;
  int64_t left_;  ///< Channels from c on.
  float* const weights_ = d_.scratch + vector_floats;
  float* const ring_ = weights_ + tile_.kernel_h * tile_.kernel_w * vector_floats;
  float* const sums_ = ring_ + tile_.kernel_h * tile_.pixels * vector_floats;
};

template <class T>
void rows_of(const DepthwiseRows& d) {
  const Patches& p = d.patches;
  const Tile tile = make_tile(p, d.group_channels);
  const SumLine sum_line = find_sum_line(tile);
  for (int64_t c = d.channel; c < d.channel + d.channels; c += vector_floats) {
    Column<T> column(d, tile, c);
    for (int64_t row = d.row, end = d.row + d.rows; row < end;) {
      const int64_t line = row % p.out_height;
      const int64_t lines = end - row < p.out_height - line ? end - row : p.out_height - line;
      for (int64_t h = 0; h < tile.h.step && h < lines; ++h)
        for (int64_t w = 0; w < tile.w.step && w < p.out_width; ++w)
          for (int64_t first = w; first < p.out_width; first += tile.outputs * tile.w.step) {
            const int64_t outputs = one_of(tile.w.step, p.out_width - first);
            column.compute(sum_line, row / p.out_height, line + h, one_of(tile.h.step, lines - h), first,
                           outputs < tile.outputs ? outputs : tile.outputs);
          }
      row += lines;
    }
  }
}

}  // namespace

int64_t depthwise_scratch_floats(const Patches& patches, int64_t group_channels) {
  return make_tile(patches, group_channels).vectors() * vector_floats;
}

void depthwise_rows(const DepthwiseRows& d) { d.patches.half ? rows_of<uint16_t>(d) : rows_of<float>(d); }

}  // namespace spinel::cpu::SPINEL_ISA
