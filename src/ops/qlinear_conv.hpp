// QLinearConv and ConvInteger: what passes read of them.
#pragma once
#include "ops/int_conv.hpp"

namespace spinel::ops {

/// A convolution of 8-bit integers.
class IntConvOp : public Op {
 public:
  IntConvOp(ConvAttrs attrs, size_t weights_input, size_t weights_zero_input)
      : attrs_(std::move(attrs)), weights_input_(weights_input), weights_zero_input_(weights_zero_input) {}
  const ConvAttrs& attrs() const noexcept { return attrs_; }
  size_t weights_input() const noexcept { return weights_input_; }
  size_t weights_zero_input() const noexcept { return weights_zero_input_; }
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override;

 protected:
  /// int_conv() of input 0.
  void convolve(RunContext& context, const IntConvSizes& sizes, int32_t x_zero_point, IntTileFn emit) const;

 private:
  ConvAttrs attrs_;
  size_t weights_input_;
  size_t weights_zero_input_;
};

/// Inputs x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, optional B (int32): x, w
/// and y are int8 or uint8, w's scale and zero point may have one element for each output channel. Exact
/// sums, requantised in float32.
class QLinearConvOp final : public IntConvOp {
 public:
  explicit QLinearConvOp(ConvAttrs attrs) : IntConvOp(std::move(attrs), 3, 5) {}
  std::string_view name() const override { return "QLinearConv"; }
  bool keeps_float32(size_t input) const override { return input == 1 || input == 4 || input == 6; }
  void infer(InferContext& context) const override;
  void run(RunContext& context) const override;
};

/// Inputs x, w, optional x_zero_point and w_zero_point (one element, or w's one for each output channel);
/// output int32.
class ConvIntegerOp final : public IntConvOp {
 public:
  explicit ConvIntegerOp(ConvAttrs attrs) : IntConvOp(std::move(attrs), 1, 3) {}
  std::string_view name() const override { return "ConvInteger"; }
  void infer(InferContext& context) const override;
  void run(RunContext& context) const override;
};

/// The zero points of a convolution's weights, checked against W; an undefined tensor: 0.
std::vector<int32_t> conv_zero_points(const Tensor& w, const Tensor& zero_point);

}  // namespace spinel::ops
