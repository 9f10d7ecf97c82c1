// InstanceNormalization and GroupNormalization: what compiled kernels read of them.
#pragma once
#include "ops/op_args.hpp"
#include "ops/window.hpp"

namespace spinel::ops {

struct GroupNormalizationAttrs {
  float epsilon = 1e-5f;
  int64_t groups = 0;  ///< 0: as many as channels (InstanceNormalization).
  bool parameters_per_channel =
      true;  ///< False: one scale and bias a group (GroupNormalization of opset 18).
};

/// Inputs X [N, C, ...], scale and bias; output (X - mean) / sqrt(var + epsilon) * scale + bias, mean and
/// variance of each group of neighbouring channels of a sample.
class GroupNormalizationOp final : public Op {
 public:
  GroupNormalizationOp(std::string name, GroupNormalizationAttrs attrs)
      : name_(std::move(name)), attrs_(attrs) {}
  const GroupNormalizationAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  void run(RunContext& context) const override;

 private:
  std::string name_;
  GroupNormalizationAttrs attrs_;
};

}  // namespace spinel::ops
