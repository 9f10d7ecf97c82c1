// Convolution of a few planes, such as the colours of an image, into a channels-last tensor.
#pragma once
#include "cpu/conv.hpp"

namespace spinel::cpu {

/// Whether PlanarConv takes the layer: few channels, and patches that fit one depth block.
bool suits_planar_conv(const ConvLayer& layer);

/// Inputs X [N, C, H, W], packed weights, optional bias [M]; output [N, out_h, out_w, M] = activation(conv(X)
/// + bias).
class PlanarConv final : public graph::Op {
 public:
  PlanarConv(const Isa& isa, ConvLayer layer) : isa_(isa), layer_(std::move(layer)) {}
  const ConvLayer& layer() const noexcept { return layer_; }
  /// The same with an activation behind it.
  std::shared_ptr<const PlanarConv> with_activation(Activation activation, float low, float high) const;

  std::string_view name() const override { return "PlanarConv"; }
  std::string_view kernel() const override { return "planes"; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override { ops::batch_axis_0(context); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  void run(graph::RunContext& context) const override;

 private:
  const Isa& isa_;
  ConvLayer layer_;
};

/// W [M, C, kernel_h, kernel_w] in the order that PlanarConv reads, as float32.
Tensor pack_planar_weights(const Kernels& kernels, const Tensor& weights);

}  // namespace spinel::cpu
