// Constants of quantised convolutions.
#include <algorithm>
#include <limits>

#include "base/cancel.hpp"
#include "cpu/quant_conv.hpp"

namespace spinel::cpu {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Whether a block of channels holds the constants of fewer channels several times.
bool repeats(const QuantConvLayer& layer) {
  return layer.narrow && layer.out_channels < depthwise_channels &&
         depthwise_channels % layer.out_channels == 0;
}

/// Repeats a single element; pads with zeros group by group, or repeats all.
template <class T>
Tensor by_column(DType dtype, std::span<const T> values, int64_t groups, int64_t columns, int64_t whole,
                 bool repeated) {
  Tensor out(dtype, {groups * whole});
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t n = 0; n < (repeated ? whole : columns); ++n)
      out.data<T>()[static_cast<size_t>(g * whole + n)] =
          values[values.size() == 1 ? 0 : static_cast<size_t>(g * columns + n % columns)];
  return out;
}

/// A layer's weights as they lie in W.
struct Weights {
  const QuantConvLayer& layer;
  const uint8_t* bytes;
  bool is_signed;
  std::vector<int32_t> zero_points;  ///< One a channel.

  Weights(const QuantConvLayer& of, const Tensor& w, std::span<const int32_t> zeros)
      : layer(of),
        bytes(static_cast<const uint8_t*>(w.raw())),
        is_signed(w.dtype() == DType::int8),
        zero_points(static_cast<size_t>(of.out_channels)) {
    for (size_t c = 0; c < zero_points.size(); ++c) zero_points[c] = zeros[zeros.size() == 1 ? 0 : c];
  }
  int64_t channels() const { return layer.in_channels / layer.group; }
  uint8_t byte(int64_t channel, int64_t in, int64_t tap) const {
    return bytes[(channel * channels() + in) * layer.taps() + tap];
  }
  /// With the zero point subtracted.
  int32_t number(int64_t channel, int64_t in, int64_t tap) const {
    const uint8_t each = byte(channel, in, tap);
    return (is_signed ? static_cast<int8_t>(each) : int32_t{each}) -
           zero_points[static_cast<size_t>(channel)];
  }
  /// Of a channel's numbers.
  uint32_t sum(int64_t channel) const {
    uint32_t out = 0;
    for (int64_t c = 0; c < channels(); ++c)
      for (int64_t t = 0; t < layer.taps(); ++t) out += static_cast<uint32_t>(number(channel, c, t));
    return out;
  }
};

bool fits_8_bits(const Weights& w) {
  using Limits = std::numeric_limits<int8_t>;
  for (int64_t c = 0; c < w.layer.out_channels; ++c)
    for (int64_t tap = 0; tap < w.layer.taps(); ++tap)
      if (const int32_t number = w.number(c, 0, tap); number < Limits::min() || number > Limits::max())
        return false;
  return true;
}

template <class T>
std::vector<T> depthwise_numbers(const Weights& w, int64_t whole) {
  std::vector<T> out(static_cast<size_t>(w.layer.taps() * whole));
  for (int64_t tap = 0; tap < w.layer.taps(); ++tap)
    for (int64_t c = 0; c < w.layer.out_channels; ++c)
      out[static_cast<size_t>(tap * whole + c)] = static_cast<T>(w.number(c, 0, tap));
  return out;
}

Tensor pack_depthwise(const ByteKernels& kernels, const Weights& w, const QuantConvSizes& sizes) {
  const QuantConvLayer& layer = w.layer;
  if (!layer.narrow)
    return Tensor::from<int16_t>({sizes.weights}, depthwise_numbers<int16_t>(w, sizes.columns));
  Tensor packed(DType::uint8, {sizes.weights});
  kernels.pack_depthwise(depthwise_numbers<int8_t>(w, layer.out_channels).data(), layer.taps(),
                         layer.out_channels, static_cast<int8_t*>(packed.raw()));
  return packed;
}

Tensor pack_product(const ByteKernels& kernels, const Weights& w, const QuantConvSizes& sizes) {
  const QuantConvLayer& layer = w.layer;
  const int64_t depth = layer.depth();
  const int64_t columns = layer.columns();
  Tensor packed = Tensor::uninitialized(sizes.weights_dtype, {sizes.weights});
  // [column][tap][channel]: the order of K in the patches.
  std::vector<uint8_t> ordered(static_cast<size_t>(depth * columns));
  for (int64_t g = 0; g < layer.group; ++g) {
    uint8_t* to = ordered.data();
    for (int64_t n = 0; n < columns; ++n) {
      check_load_cancelled();
      for (int64_t t = 0; t < layer.taps(); ++t)
        for (int64_t c = 0; c < w.channels(); ++c) *to++ = w.byte(g * columns + n, c, t);
    }
    kernels.pack_columns(ordered.data(), w.is_signed, w.zero_points.data() + g * columns, 1, 1, depth, depth,
                         columns,
                         static_cast<std::byte*>(packed.raw()) + g * kernels.packed_bytes(depth, columns));
  }
  return packed;
}

}  // namespace

QuantConvSizes quant_conv_sizes(const ByteKernels& kernels, const QuantConvLayer& layer) {
  if (layer.depthwise()) {
    const int64_t whole = ceil_div(layer.out_channels, depthwise_channels) * depthwise_channels;
    if (layer.narrow) return {DType::uint8, ceil_div(layer.taps(), 4) * 4 * whole, whole};
    return {DType::int16, layer.taps() * whole, whole};
  }
  return {kernels.element_bytes == 1 ? DType::uint8 : DType::int16,
          layer.group * kernels.packed_bytes(layer.depth(), layer.columns()) / kernels.element_bytes,
          layer.group * kernels.whole_columns(layer.columns())};
}

QuantConvConstants pack_quant_conv(const ByteKernels& kernels, QuantConvLayer& layer, const Tensor& w,
                                   std::span<const int32_t> zero_points, std::span<const float> scales,
                                   const Tensor& bias) {
  const Weights weights(layer, w, zero_points);
  layer.narrow = layer.depthwise() && kernels.pack_depthwise != nullptr && fits_8_bits(weights);
  const QuantConvSizes sizes = quant_conv_sizes(kernels, layer);
  const int64_t groups = layer.depthwise() ? 1 : layer.group;
  const int64_t columns = layer.out_channels / groups;
  const auto spread = [&](DType dtype, auto values) {
    return by_column(dtype, values, groups, columns, sizes.columns / groups, repeats(layer));
  };
  QuantConvConstants out;
  if (!scales.empty()) out.scales = spread(DType::float32, scales);
  out.weights =
      layer.depthwise() ? pack_depthwise(kernels, weights, sizes) : pack_product(kernels, weights, sizes);
  // With elements x' and w' of zero points p and q the sum of (x' - p) (w' - q) is that of x' w', less p
  // times the sum of (w' - q), less q times the sum of x'.
  const bool is_byte_sum = layer.depthwise() ? layer.narrow : kernels.multiplies_bytes;
  const bool knows_p = layer.result == QuantProduct::Result::bytes;
  std::vector<int32_t> start(static_cast<size_t>(layer.out_channels));
  const auto p = static_cast<uint32_t>(layer.x_zero_point + (layer.x_dtype == DType::int8 ? 128 : 0));
  for (int64_t m = 0; m < layer.out_channels; ++m) {
    const auto own = static_cast<size_t>(m);
    check_load_cancelled();
    const uint32_t sum = is_byte_sum ? weights.sum(m) : 0;
    const uint32_t added = bias.defined() ? static_cast<uint32_t>(bias.data<int32_t>()[own]) : 0;
    start[own] = static_cast<int32_t>(knows_p ? added - p * sum : sum);
  }
  if (knows_p || is_byte_sum) out.start = spread(DType::int32, std::span<const int32_t>(start));
  if (layer.depthwise() || !kernels.multiplies_bytes) return out;
  std::vector<int32_t> zeros = weights.zero_points;
  for (int32_t& zero : zeros) zero -= weights.is_signed ? 0 : 128;
  if (std::ranges::count(zeros, 0) != std::ssize(zeros))
    out.zero_points = spread(DType::int32, std::span<const int32_t>(zeros));
  return out;
}

}  // namespace spinel::cpu
