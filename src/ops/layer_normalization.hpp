// LayerNormalization and RMSNormalization: what compiled kernels read of them.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

struct LayerNormalizationAttrs {
  int64_t axis = -1;
  float epsilon = 1e-5f;
  /// RMSNormalization: no mean is taken off, and X is divided by sqrt(mean(X^2) + epsilon).
  bool root_mean_square = false;
};

/// Inputs X, Scale and optionally B, which broadcast to the axes of X from `axis` on; outputs
/// Y = (X - mean) / sqrt(var + epsilon) * Scale + B over those axes and, if wanted, Mean and InvStdDev
/// (float32; float64 for float64) with those axes 1. Mean and variance are summed in float64.
/// RMSNormalization has no B and Y alone, which has the type of Scale.
class LayerNormalizationOp final : public Op {
 public:
  explicit LayerNormalizationOp(LayerNormalizationAttrs attrs) : attrs_(attrs) {}
  const LayerNormalizationAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override {
    return attrs_.root_mean_square ? "RMSNormalization" : "LayerNormalization";
  }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  LayerNormalizationAttrs attrs_;
};

}  // namespace spinel::ops
