// Transposed convolution over channels-last tensors, with what follows it fused in.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "cpu/product.hpp"
#include "ops/conv_transpose.hpp"

namespace spinel::cpu {

/// What is known of a transposed convolution when it is compiled.
struct ConvTransposeLayer {
  DType dtype = DType::float32;   ///< float32 or float16, of X and Y.
  int64_t half_chunk = 0;         ///< See Product; 0: arithmetic in float32.
  ops::ConvTransposeAttrs attrs;  ///< Of two axes, the window's lists filled in.
  int64_t kernel_h = 1, kernel_w = 1;
  int64_t in_channels = 1;      ///< Of all groups.
  int64_t out_channels = 1;     ///< Of all groups.
  bool finite_weights = false;  ///< They hold no Inf and no NaN.
  Activation activation = Activation::none;
  float low = 0;  ///< Parameters of the activation.
  float high = 0;
};

/// Whether NhwcConvTranspose takes the layer: channels that fall into groups, and no more phases than taps
/// can be worth.
bool suits_phases(const ConvTransposeLayer& layer);

/// W [C, M / group, kernel_h, kernel_w] in the order that NhwcConvTranspose reads.
Tensor pack_transposed_weights(const Isa& isa, const ConvTransposeLayer& layer, const Tensor& weights);
/// Type and elements of the result.
DType packed_transposed_dtype(const ConvTransposeLayer& layer);
int64_t packed_transposed_size(const Isa& isa, const ConvTransposeLayer& layer);

struct TransposedPhase;

/// Inputs X [N, H, W, C], packed weights, optional bias [M] of float32; output [N, out_h, out_w, M] =
/// activation(conv_transpose(X) + bias).
///
/// Along an axis of stride s the output falls into s phases, every s-th element each. A phase meets only
/// every s-th tap of the kernel, and is an ordinary convolution of stride 1 with those taps in reverse order:
/// a product, or where there are as many groups as channels a depthwise convolution.
class NhwcConvTranspose final : public graph::Op {
 public:
  NhwcConvTranspose(const Isa& isa, ConvTransposeLayer layer) : isa_(isa), layer_(std::move(layer)) {}
  const ConvTransposeLayer& layer() const noexcept { return layer_; }
  /// The same with an activation behind it.
  std::shared_ptr<const NhwcConvTranspose> with_activation(Activation activation, float low,
                                                           float high) const;

  std::string_view name() const override { return "NhwcConvTranspose"; }
  std::string_view kernel() const override;
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override { ops::batch_axis_0(context); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  void run(graph::RunContext& context) const override;

 private:
  void run_phase(graph::RunContext& context, const TransposedPhase& phase, Tensor& y) const;
  void run_depthwise_phase(graph::RunContext& context, const TransposedPhase& phase, Tensor& y) const;
  Product product() const;
  Epilogue epilogue(const graph::RunContext& context) const;

  const Isa& isa_;
  ConvTransposeLayer layer_;
};

/// Canonical text of a layer, for Node::attributes.
std::string conv_transpose_text(const ConvTransposeLayer& layer);

}  // namespace spinel::cpu
