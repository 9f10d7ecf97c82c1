// BatchNormalization: what compiled kernels and the fusing pass read of it.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

struct BatchNormalizationAttrs {
  float epsilon = 1e-5f;
  /// False (opset 8 and before, spatial = 0): scale, bias, mean and variance have the dims of X without axis
  /// 0 instead of [C].
  bool per_channel = true;
};

/// Inputs X [N, C, ...], scale, B, input_mean, input_var, each [C]; output (X - mean) / sqrt(var + epsilon) *
/// scale + B. Inference only: training_mode = 1 is refused.
class BatchNormalizationOp final : public Op {
 public:
  explicit BatchNormalizationOp(BatchNormalizationAttrs attrs) : attrs_(attrs) {}
  const BatchNormalizationAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "BatchNormalization"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;
  /// Variances of real networks lie far outside float16. The opsets since 15 give the parameters types of
  /// their own.
  bool keeps_float32(size_t input) const override { return input > 0; }

 private:
  BatchNormalizationAttrs attrs_;
};

}  // namespace spinel::ops
