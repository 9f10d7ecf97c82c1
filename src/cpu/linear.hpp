// A matrix product with constant weights, with what follows it fused in.
#pragma once
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "cpu/product.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {

struct LinearLayer {
  DType dtype = DType::float32;  ///< float32 or float16, of A, Y and the residual.
  int64_t half_chunk = 0;        ///< See Product; 0: arithmetic in float32.
  int64_t depth = 0;             ///< K
  int64_t columns = 0;           ///< N
  Activation activation = Activation::none;
  float low = 0;  ///< Parameters of the activation.
  float high = 0;
};

/// B [K, N], or [N, K] if transposed, in the order that Linear reads.
Tensor pack_linear_weights(const Isa& isa, const LinearLayer& layer, const Tensor& b, bool transposed);

/// Inputs A [..., K], packed weights, optional bias [N], optional residual of the output's dims; output
/// [..., N] = activation(A * B + bias + residual).
class Linear final : public graph::Op {
 public:
  Linear(const Isa& isa, LinearLayer layer) : isa_(isa), layer_(layer) {}
  const LinearLayer& layer() const noexcept { return layer_; }
  /// The same with an activation behind it.
  std::shared_ptr<const Linear> with_activation(Activation activation, float low, float high) const;

  std::string_view name() const override { return "Linear"; }
  std::string_view kernel() const override { return layer_.half_chunk != 0 ? "packed_16bit" : "packed"; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override;
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  bool may_overwrite(size_t input) const override { return input == 3; }
  void run(graph::RunContext& context) const override;

 private:
  Product product() const;

  const Isa& isa_;
  LinearLayer layer_;
};

/// Batch rule of a product whose operand A is input 0 and whose residual is input 3.
void batch_linear(graph::BatchContext& context);

/// Canonical text of a layer, for Node::attributes.
std::string linear_text(const LinearLayer& layer);

}  // namespace spinel::cpu
