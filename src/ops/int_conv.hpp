// Convolution of 8-bit integers: QLinearConv and ConvInteger.
#pragma once
#include <vector>

#include "ops/conv.hpp"
#include "ops/int_product.hpp"

namespace spinel::ops {

/// What the weights [M, C / group, kernel...] alone say of a convolution.
struct IntConvShape {
  int64_t group;
  int64_t in_channels, out_channels;  ///< Of one group.
  int64_t taps;

  IntConvShape(const ConvAttrs& attrs, std::span<const int64_t> w);
  int64_t depth() const { return even_depth(in_channels * taps); }
  /// One channel in and out a group, whose sums are too short for products (and for an overflow).
  bool depthwise() const { return in_channels == 1 && out_channels == 1 && taps < 16384; }
};

/// Sizes of a convolution, spatial axes as three.
struct IntConvSizes : IntConvShape {
  std::array<WindowAxis, 3> axes;
  int64_t samples;
  Dims output;

  /// Throws Error(invalid_argument) if the dims do not fit.
  IntConvSizes(const ConvAttrs& attrs, std::span<const int64_t> x, std::span<const int64_t> w);
  int64_t positions() const { return axes[0].output * axes[1].output * axes[2].output; }
  graph::Scratch scratch() const;
};

/// Weights with their zero points subtracted, packed group by group, in the order (tap, channel) of depth.
/// One zero point for all or one for each output channel.
class IntConvWeights {
 public:
  IntConvWeights(const IntConvShape& shape, const Tensor& w, std::span<const int32_t> zero_points);
  const int16_t* group(int64_t g) const { return data_.data() + g * group_elements_; }

 private:
  std::vector<int16_t> data_;
  int64_t group_elements_ = 0;
};

/// Calls `emit` with tiles that cover all sums of x [N, C, spatial...], int8 or uint8, with the weights: rows
/// are output positions, columns output channels, matrices samples. Tiles come from several tasks at once.
/// The operator has booked sizes.scratch(); outputs must have been made.
void int_conv(RunContext& context, const IntConvSizes& sizes, const Tensor& x, int32_t x_zero_point,
              const IntConvWeights& weights, IntTileFn emit);

}  // namespace spinel::ops
