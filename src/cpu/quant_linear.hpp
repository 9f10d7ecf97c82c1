// A matrix product of 8-bit integers with constant weights whose sums become floats, with what follows it
// fused in.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/quant_product.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {

struct QuantLinearLayer {
  DType a_dtype = DType::uint8;  ///< int8 or uint8.
  int64_t depth = 0;             ///< K
  int64_t columns = 0;           ///< N
  Activation activation = Activation::none;
  float low = 0;  ///< Parameters of the activation.
  float high = 0;
};

/// Inputs 1 and 4 to 6 of QuantLinear: packed bytes (or int16 where ByteKernels says so), then one element a
/// column of whole panels: float32, int32 and int32. Sums and zero points are undefined where there is
/// nothing to subtract.
struct QuantLinearConstants {
  Tensor weights, scales, column_sums, zero_points;
};
/// B [K, N] of int8 or uint8; its zero points and `scales` are one, or one a column.
QuantLinearConstants pack_quant_linear(const ByteKernels& kernels, const Tensor& b,
                                       std::span<const int32_t> zero_points, std::span<const float> scales);

/// Inputs A [..., K], packed weights, optional bias [N] and residual of the output's dims (both float32),
/// scales, optional column sums and zero points of B, and A's scale (float32) and optional zero point, one
/// element each; output [..., N] = activation((A - a_zero) (B - b_zero) * (a_scale * scales) + bias +
/// residual), float32.
class QuantLinear final : public graph::Op {
 public:
  QuantLinear(const Isa& isa, QuantLinearLayer layer) : isa_(isa), layer_(layer) {}
  const QuantLinearLayer& layer() const noexcept { return layer_; }
  /// The same with an activation behind it.
  std::shared_ptr<const QuantLinear> with_activation(Activation activation, float low, float high) const;

  std::string_view name() const override { return "QuantLinear"; }
  std::string_view kernel() const override { return isa_.byte_kernels->name; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override;
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  bool may_overwrite(size_t input) const override { return input == 3; }
  void run(graph::RunContext& context) const override;

 private:
  const Isa& isa_;
  QuantLinearLayer layer_;
};

/// Canonical text of a layer, for Node::attributes.
std::string quant_linear_text(const QuantLinearLayer& layer);

}  // namespace spinel::cpu
