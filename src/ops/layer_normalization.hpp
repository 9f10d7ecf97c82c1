// LayerNormalization: what compiled kernels read of it.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

struct LayerNormalizationAttrs {
  int64_t axis = -1;
  float epsilon = 1e-5f;
};

/// Inputs X, Scale and optionally B, which broadcast to the axes of X from `axis` on; outputs
/// Y = (X - mean) / sqrt(var + epsilon) * Scale + B over those axes and, if wanted, Mean and InvStdDev
/// (float32; float64 for float64) with those axes 1. Mean and variance are summed in float64.
class LayerNormalizationOp final : public Op {
 public:
  explicit LayerNormalizationOp(LayerNormalizationAttrs attrs) : attrs_(attrs) {}
  const LayerNormalizationAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "LayerNormalization"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  LayerNormalizationAttrs attrs_;
};

}  // namespace spinel::ops
