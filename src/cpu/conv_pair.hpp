// A pointwise convolution and the depthwise one that alone reads it, strip by strip.
#pragma once
#include "cpu/conv.hpp"

namespace spinel::cpu {

/// The layers of a NhwcConvPair, of one dtype.
struct ConvPair {
  ConvLayer pointwise;
  ConvLayer depthwise;
};

/// Whether NhwcConvPair takes the two layers: over images, in this order, without summands.
bool are_pair(const ConvLayer& pointwise, const ConvLayer& depthwise);
/// Whether the image between them, of that height and width (0: not known), would leave a core's caches, and
/// strips of it would not.
bool pair_pays(const ConvPair& pair, int64_t height, int64_t width);

/// Inputs X [N, H, W, C], packed weights of the first, optional bias of the first, packed weights of the
/// second, optional bias of the second; output [N, out_h, out_w, M] = depthwise(pointwise(X)), each with its
/// activation, bit for bit as two operators compute it. What lies between them is kept for a strip of the
/// output's lines at a time, in scratch memory that stays in the second-level cache.
class NhwcConvPair final : public graph::Op {
 public:
  NhwcConvPair(const Isa& isa, ConvPair pair)
      : isa_(isa),
        pair_(std::move(pair)),
        pointwise_(isa, pair_.pointwise),
        depthwise_(isa, pair_.depthwise) {}
  const ConvPair& pair() const noexcept { return pair_; }

  std::string_view name() const override { return "NhwcConvPair"; }
  std::string_view kernel() const override { return "strips"; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override { ops::batch_axis_0(context); }
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  void run(graph::RunContext& context) const override;

 private:
  const Isa& isa_;
  ConvPair pair_;
  NhwcConv pointwise_, depthwise_;
};

/// Canonical text, for Node::attributes.
std::string conv_pair_text(const ConvPair& pair);

}  // namespace spinel::cpu
