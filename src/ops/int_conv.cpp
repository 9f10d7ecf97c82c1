#include "ops/int_conv.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"

namespace spinel::ops {
namespace {

int64_t padded(const WindowAxis& axis) { return axis.pad_begin + axis.input + axis.pad_end; }

/// Elements of a sample with its padding, channels last.
int64_t staged_elements(const IntConvSizes& sizes) {
  int64_t out = sizes.group * sizes.in_channels;
  for (const WindowAxis& axis : sizes.axes) out *= padded(axis);
  return out;
}

/// Row (d, h) of a padded sample: x with the zero point subtracted, channels last, 0 in the padding.
template <class T>
void stage_row(const IntConvSizes& sizes, const T* x, int32_t zero, int64_t d, int64_t h, int16_t* to) {
  const auto& [depth, height, width] = sizes.axes;
  const int64_t channels = sizes.group * sizes.in_channels;
  const int64_t from_d = d - depth.pad_begin;
  const int64_t from_h = h - height.pad_begin;
  if (from_d < 0 || from_d >= depth.input || from_h < 0 || from_h >= height.input)
    return std::fill_n(to, padded(width) * channels, int16_t{0}), void();
  std::fill_n(to, width.pad_begin * channels, int16_t{0});
  to += width.pad_begin * channels;
  const int64_t plane = depth.input * height.input * width.input;
  const T* row = x + (from_d * height.input + from_h) * width.input;
  constexpr int64_t block = 16;
  for (int64_t c0 = 0; c0 < channels; c0 += block) {
    const int64_t count = std::min(block, channels - c0);
    for (int64_t w = 0; w < width.input; ++w) {
      const T* from = row + c0 * plane + w;
      int16_t* out = to + w * channels + c0;
      for (int64_t c = 0; c < count; ++c) out[c] = static_cast<int16_t>(from[c * plane] - zero);
    }
  }
  std::fill_n(to + width.input * channels, width.pad_end * channels, int16_t{0});
}

/// Where the window of an output position begins in a staged sample, in elements.
int64_t window_begin(const IntConvSizes& sizes, int64_t position) {
  const auto& [depth, height, width] = sizes.axes;
  const int64_t w = position % width.output;
  const int64_t h = position / width.output % height.output;
  const int64_t d = position / width.output / height.output;
  return ((d * depth.stride * padded(height) + h * height.stride) * padded(width) + w * width.stride) *
         sizes.group * sizes.in_channels;
}

/// Calls fn(offset) with the offset in a staged sample of each tap of a window, in order.
template <class Fn>
void for_each_tap(const IntConvSizes& sizes, Fn&& fn) {
  const auto& [depth, height, width] = sizes.axes;
  const int64_t channels = sizes.group * sizes.in_channels;
  for (int64_t d = 0; d < depth.kernel; ++d)
    for (int64_t h = 0; h < height.kernel; ++h)
      for (int64_t w = 0; w < width.kernel; ++w)
        fn(((d * depth.dilation * padded(height) + h * height.dilation) * padded(width) +
            w * width.dilation) *
           channels);
}

/// Where each copy of a window's channels begins in a staged sample, relative to the window, and how long it
/// is: taps of one row whose channels lie behind one another are one copy.
struct Runs {
  std::vector<int64_t> offsets;
  int64_t length;

  explicit Runs(const IntConvSizes& sizes) {
    const WindowAxis& width = sizes.axes[2];
    const bool joined = sizes.group == 1 && width.dilation == 1;
    const int64_t step = joined ? width.kernel : 1;
    length = step * sizes.in_channels;
    int64_t tap = 0;
    for_each_tap(sizes, [&](int64_t offset) {
      if (tap++ % step == 0) offsets.push_back(offset);
    });
  }
};

void unfold(const IntConvSizes& sizes, const Runs& runs, const int16_t* group_channels, int64_t position,
            int64_t count, int16_t* to) {
  const bool is_odd = sizes.in_channels * sizes.taps % 2 != 0;
  for (int64_t i = 0; i < count; ++i) {
    const int16_t* window = group_channels + window_begin(sizes, position + i);
    for (const int64_t offset : runs.offsets) {
      std::memcpy(to, window + offset, static_cast<size_t>(runs.length) * sizeof(int16_t));
      to += runs.length;
    }
    if (is_odd) *to++ = 0;
  }
}

/// The sums of one position for channels [c0, c0 + count), each with its own weights [tap][channel].
void depthwise_sums(const IntConvSizes& sizes, const int16_t* window, const int16_t* weights, int64_t c0,
                    int64_t count, int32_t* sums) {
  std::fill_n(sums, count, 0);
  const int16_t* w = weights + c0;
  for_each_tap(sizes, [&](int64_t offset) {
    const int16_t* x = window + offset + c0;
    for (int64_t c = 0; c < count; ++c) sums[c] += x[c] * w[c];
    w += sizes.group;
  });
}

void convolve_depthwise(RunContext& context, const IntConvSizes& sizes, const int16_t* staged,
                        const IntConvWeights& weights, IntTileFn emit) {
  const int64_t blocks = (sizes.positions() + int_tile_rows - 1) / int_tile_rows;
  const int64_t sample_elements = staged_elements(sizes);
  context.parallel_for_scratch(sizes.samples * blocks, [&](int64_t task, std::byte* memory) {
    auto* const sums = reinterpret_cast<int32_t*>(memory);
    IntTile tile{.matrix = task / blocks,
                 .row = task % blocks * int_tile_rows,
                 .rows = 0,
                 .column = 0,
                 .columns = 0,
                 .sums = sums,
                 .stride = int_tile_columns};
    tile.rows = std::min(int_tile_rows, sizes.positions() - tile.row);
    for (; tile.column < sizes.group; tile.column += int_tile_columns) {
      tile.columns = std::min(int_tile_columns, sizes.group - tile.column);
      for (int64_t r = 0; r < tile.rows; ++r)
        depthwise_sums(sizes, staged + tile.matrix * sample_elements + window_begin(sizes, tile.row + r),
                       weights.group(0), tile.column, tile.columns, sums + r * tile.stride);
      emit(tile);
    }
  });
}

void convolve(RunContext& context, const IntConvSizes& sizes, const int16_t* staged,
              const IntConvWeights& weights, IntTileFn emit) {
  const int64_t depth = sizes.depth();
  const int64_t row_block = int_row_block(depth);
  const int64_t blocks = (sizes.positions() + row_block - 1) / row_block;
  const int64_t whole = sizes.samples * sizes.group * blocks;
  // Few positions make few tasks; then each block's channels are cut, too, and its rows are copied for every
  // part.
  const int64_t tiles = (sizes.out_channels + int_tile_columns - 1) / int_tile_columns;
  const int64_t wanted_parts = std::clamp<int64_t>(3 * context.concurrency() / whole, 1, tiles);
  const int64_t part_columns = (tiles + wanted_parts - 1) / wanted_parts * int_tile_columns;
  const int64_t parts = (sizes.out_channels + part_columns - 1) / part_columns;
  const int64_t sample_elements = staged_elements(sizes);
  const Runs runs(sizes);
  context.parallel_for_scratch(whole * parts, [&](int64_t task, std::byte* memory) {
    auto* const sums = reinterpret_cast<int32_t*>(memory);
    auto* const rows =
        reinterpret_cast<int16_t*>(memory + sizeof(int32_t) * int_tile_rows * int_tile_columns);
    const int64_t first = task % parts * part_columns;
    const int64_t last = std::min(first + part_columns, sizes.out_channels);
    const int64_t position = task / parts % blocks * row_block;
    const int64_t g = task / parts / blocks % sizes.group;
    const int64_t sample = task / parts / blocks / sizes.group;
    const int64_t count = std::min(row_block, sizes.positions() - position);
    unfold(sizes, runs, staged + sample * sample_elements + g * sizes.in_channels, position, count, rows);
    for (int64_t c = first; c < last; c += int_tile_columns) {
      const int64_t columns = std::min(int_tile_columns, last - c);
      int_multiply(rows, count, depth, weights.group(g), c, columns, sums, int_tile_columns);
      emit({sample, position, count, g * sizes.out_channels + c, columns, sums, int_tile_columns});
    }
  });
}

}  // namespace

IntConvShape::IntConvShape(const ConvAttrs& attrs, std::span<const int64_t> w)
    : group(attrs.group), in_channels(w[1]), out_channels(w[0] / attrs.group), taps(1) {
  for (const int64_t dim : w.subspan(2)) taps *= dim;
}

IntConvSizes::IntConvSizes(const ConvAttrs& attrs, std::span<const int64_t> x, std::span<const int64_t> w)
    : IntConvShape((check_conv_dims({x.begin(), x.end()}, {w.begin(), w.end()}, attrs.group), attrs), w),
      samples(x[0]),
      output{x[0], w[0]} {
  const auto windows = make_windows(attrs.window, {x.begin(), x.end()}, {w.begin() + 2, w.end()});
  axes = as_three(windows);
  for (const WindowAxis& axis : windows) output.push_back(axis.output);
}

graph::Scratch IntConvSizes::scratch() const {
  return {sizeof(int16_t) * static_cast<uint64_t>(samples * staged_elements(*this)),
          int_block_bytes(depth())};
}

IntConvWeights::IntConvWeights(const IntConvShape& shape, const Tensor& w,
                               std::span<const int32_t> zero_points) {
  const int64_t taps = shape.taps;
  const bool is_signed = w.dtype() == DType::int8;
  const auto* bytes = static_cast<const uint8_t*>(w.raw());
  const auto weight = [&](int64_t channel, int64_t in, int64_t tap) {
    const uint8_t byte = bytes[(channel * shape.in_channels + in) * taps + tap];
    const int32_t zero = zero_points[zero_points.size() == 1 ? 0 : static_cast<size_t>(channel)];
    return static_cast<int16_t>((is_signed ? static_cast<int8_t>(byte) : int32_t{byte}) - zero);
  };
  if (shape.depthwise()) {
    data_.resize(static_cast<size_t>(taps * shape.group));
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t c = 0; c < shape.group; ++c)
        data_[static_cast<size_t>(tap * shape.group + c)] = weight(c, 0, tap);
    return;
  }
  const int64_t depth = shape.depth();
  group_elements_ = int_packed_elements(shape.out_channels, depth);
  data_.resize(static_cast<size_t>(group_elements_ * shape.group));
  std::vector<int16_t> columns(static_cast<size_t>(shape.out_channels * depth));
  for (int64_t g = 0; g < shape.group; ++g) {
    for (int64_t c = 0; c < shape.out_channels; ++c)
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t in = 0; in < shape.in_channels; ++in)
          columns[static_cast<size_t>(c * depth + tap * shape.in_channels + in)] =
              weight(g * shape.out_channels + c, in, tap);
    int_pack(columns.data(), shape.out_channels, depth, data_.data() + g * group_elements_);
  }
}

void int_conv(RunContext& context, const IntConvSizes& sizes, const Tensor& x, int32_t x_zero_point,
              const IntConvWeights& weights, IntTileFn emit) {
  if (element_count(sizes.output) == 0) return;
  auto* const staged = reinterpret_cast<int16_t*>(context.scratch());
  const int64_t rows = padded(sizes.axes[0]) * padded(sizes.axes[1]);
  const int64_t row_elements = staged_elements(sizes) / rows;
  const int64_t sample_elements = x.element_count() / sizes.samples;
  context.parallel_for(sizes.samples * rows, [&](int64_t task) {
    const int64_t row = task % rows;
    const int64_t begin = task / rows * sample_elements;
    int16_t* const to = staged + task * row_elements;
    const int64_t d = row / padded(sizes.axes[1]);
    const int64_t h = row % padded(sizes.axes[1]);
    if (x.dtype() == DType::int8)
      stage_row(sizes, static_cast<const int8_t*>(x.raw()) + begin, x_zero_point, d, h, to);
    else
      stage_row(sizes, static_cast<const uint8_t*>(x.raw()) + begin, x_zero_point, d, h, to);
  });
  if (sizes.depthwise()) return convolve_depthwise(context, sizes, staged, weights, emit);
  convolve(context, sizes, staged, weights, emit);
}

}  // namespace spinel::ops
