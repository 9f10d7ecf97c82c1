// Convolution of 8-bit integers over channels-last tensors: QLinearConv with constant parameters, and
// ConvInteger with constant weights.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/quant_product.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

/// What is known of a convolution when it is compiled.
struct QuantConvLayer {
  /// Bytes: everything about X and Y is constant. Else X's zero point (and scale) are inputs.
  QuantProduct::Result result = QuantProduct::Result::bytes;
  DType x_dtype = DType::uint8;  ///< int8 or uint8, of X and of a Y of bytes.
  DType y_dtype = DType::uint8;
  int32_t x_zero_point = 0, y_zero_point = 0;  ///< Where they are constant.
  ops::WindowAttrs window;                     ///< Of two axes, lists filled in.
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t group = 1;
  int64_t in_channels = 1, out_channels = 1;  ///< Of all groups.
  bool narrow = false;                       ///< Depthwise by weights of 8 bits: ByteKernels::pack_depthwise.
  Activation activation = Activation::none;  ///< Of floats.
  float low = 0, high = 0;

  int64_t taps() const { return kernel_h * kernel_w; }
  /// Of a group.
  int64_t depth() const { return taps() * in_channels / group; }
  int64_t columns() const { return out_channels / group; }
  DType result_type() const {
    if (result == QuantProduct::Result::bytes) return y_dtype;
    return result == QuantProduct::Result::floats ? DType::float32 : DType::int32;
  }
  bool depthwise() const { return group > 1 && group == in_channels && group == out_channels; }
};

/// Elements of a layer's constants. `weights` are packed bytes, or int16 where ByteKernels says so and for
/// depthwise layers that are not narrow; the others have one element a column of whole panels (of whole
/// blocks of channels).
struct QuantConvSizes {
  DType weights_dtype;
  int64_t weights;
  int64_t columns;
};
QuantConvSizes quant_conv_sizes(const ByteKernels& kernels, const QuantConvLayer& layer);

/// Inputs 1 and 4 to 6 of NhwcQuantConv; what is not needed is undefined.
struct QuantConvConstants {
  Tensor weights;
  Tensor scales;  ///< float32: what sums are multiplied with.
  Tensor start;  ///< int32: added to the sums or, where the zero point of X is an input, times it subtracted.
  Tensor zero_points;  ///< int32, of the weights.
};
/// W [M, C / group, kernel_h, kernel_w] of int8 or uint8, its zero points (one, or one a channel), `scales`
/// (likewise; of bytes x_scale * w_scale / y_scale, of floats w_scale, of sums empty), and the bias, int32
/// [M] or undefined. Sets layer.narrow.
QuantConvConstants pack_quant_conv(const ByteKernels& kernels, QuantConvLayer& layer, const Tensor& w,
                                   std::span<const int32_t> zero_points, std::span<const float> scales,
                                   const Tensor& bias);

/// Inputs X [N, H, W, C], weights, of floats an optional bias [M] and residual of Y's dims (float32), the
/// other QuantConvConstants, and where they are not constant X's scale (of floats) and optional zero point,
/// one element each; output Y [N, out_h, out_w, M]. Exact sums of 32 bits that wrap around. Bytes are
/// requantised in float32 as by ops::QLinearConvOp, bit by bit; floats are activation(sum * (x_scale * scale)
/// + bias + residual).
class NhwcQuantConv final : public graph::Op {
 public:
  NhwcQuantConv(const Isa& isa, QuantConvLayer layer) : NhwcQuantConv(*isa.byte_kernels, std::move(layer)) {}
  const QuantConvLayer& layer() const noexcept { return layer_; }
  /// The same with an activation behind it; of floats.
  std::shared_ptr<const NhwcQuantConv> with_activation(Activation activation, float low, float high) const;

  std::string_view name() const override { return "NhwcQuantConv"; }
  std::string_view kernel() const override { return layer_.depthwise() ? "depthwise" : kernels_.name; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override;
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  bool may_overwrite(size_t input) const override { return input == 3; }
  void run(graph::RunContext& context) const override;

 private:
  NhwcQuantConv(const ByteKernels& kernels, QuantConvLayer layer)
      : kernels_(kernels), layer_(std::move(layer)) {}
  void run_product(graph::RunContext& context, const Patches& patches, Tensor& y) const;
  void run_depthwise(graph::RunContext& context, const Patches& patches, Tensor& y) const;
  ByteFormat x_format(const graph::RunContext& context) const;
  ByteEpilogue bytes(const graph::RunContext& context) const;
  ByteFloats floats(const graph::RunContext& context) const;

  const ByteKernels& kernels_;
  QuantConvLayer layer_;
};

/// Canonical text of a layer, for Node::attributes.
std::string quant_conv_text(const QuantConvLayer& layer);

}  // namespace spinel::cpu
