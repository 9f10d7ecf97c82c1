// Convolution of 8-bit integers over channels-last tensors, requantised: QLinearConv with constant
// parameters.
#pragma once
#include "cpu/byte_kernels.hpp"
#include "cpu/isa.hpp"
#include "cpu/quant_product.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

/// What is known of a convolution when it is compiled.
struct QuantConvLayer {
  DType x_dtype = DType::uint8;  ///< int8 or uint8, of X and Y.
  DType y_dtype = DType::uint8;
  int32_t x_zero_point = 0, y_zero_point = 0;
  ops::WindowAttrs window;  ///< Of two axes, lists filled in.
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t group = 1;
  int64_t in_channels = 1, out_channels = 1;  ///< Of all groups.

  int64_t taps() const { return kernel_h * kernel_w; }
  /// Of a group.
  int64_t depth() const { return taps() * in_channels / group; }
  int64_t columns() const { return out_channels / group; }
  bool depthwise() const { return group > 1 && group == in_channels && group == out_channels; }
};

/// Elements of a layer's constants. `weights` are packed bytes, or int16 where ByteKernels says so and for
/// depthwise layers; the others have one element a column of whole panels (of whole blocks of channels).
struct QuantConvSizes {
  DType weights_dtype;
  int64_t weights;
  int64_t columns;
};
QuantConvSizes quant_conv_sizes(const ByteKernels& kernels, const QuantConvLayer& layer);

/// Inputs 1 to 4 of NhwcQuantConv; zero_points is undefined where nothing is to be subtracted.
struct QuantConvConstants {
  Tensor weights, start, multipliers, zero_points;
};
/// W [M, C / group, kernel_h, kernel_w] of int8 or uint8, its zero points (one, or one a channel),
/// `multipliers` (likewise; x_scale * w_scale / y_scale), and the bias, int32 [M] or undefined.
QuantConvConstants pack_quant_conv(const ByteKernels& kernels, const QuantConvLayer& layer, const Tensor& w,
                                   std::span<const int32_t> zero_points, std::span<const float> multipliers,
                                   const Tensor& bias);

/// Inputs X [N, H, W, C] and QuantConvConstants; output [N, out_h, out_w, M]. Exact sums of 32 bits that wrap
/// around, requantised in float32: equal to ops::QLinearConvOp bit by bit.
class NhwcQuantConv final : public graph::Op {
 public:
  NhwcQuantConv(const Isa& isa, QuantConvLayer layer)
      : kernels_(*isa.byte_kernels), layer_(std::move(layer)) {}
  const QuantConvLayer& layer() const noexcept { return layer_; }

  std::string_view name() const override { return "NhwcQuantConv"; }
  std::string_view kernel() const override { return layer_.depthwise() ? "depthwise" : kernels_.name; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override { ops::batch_axis_0(context); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  void run(graph::RunContext& context) const override;

 private:
  void run_product(graph::RunContext& context, const Patches& patches, Tensor& y) const;
  void run_depthwise(graph::RunContext& context, const Patches& patches, Tensor& y) const;
  ByteEpilogue epilogue(const graph::RunContext& context) const;

  const ByteKernels& kernels_;
  QuantConvLayer layer_;
};

/// Canonical text of a layer, for Node::attributes.
std::string quant_conv_text(const QuantConvLayer& layer);

}  // namespace spinel::cpu
