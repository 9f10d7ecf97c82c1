// Conv: what compiled kernels read of it.
#pragma once
#include "ops/window.hpp"

namespace spinel::ops {

struct ConvAttrs {
  WindowAttrs window;
  int64_t group = 1;
};

/// Reads the window's attributes and group. Throws Error(bad_model).
ConvAttrs read_conv(const OpArgs& args);
/// The output's shape, if those of inputs X and W are known. Throws Error(bad_model) where they cannot fit.
std::optional<Shape> infer_conv(const InferContext& context, size_t x, size_t w, const ConvAttrs& attrs);
/// Throws Error(invalid_argument) unless X's dims fit W's.
void check_conv_dims(const Dims& x, const Dims& w, int64_t group);

/// Inputs X [N, C, spatial...] (1 to 3 spatial axes), W [M, C / group, kernel...], optional B [M]; output
/// [N, M, out...]. W may be computed at run time. Every output element is summed over (channel, kernel
/// position) in row-major order in float32 (float64 for float64), B added last.
class ConvOp final : public Op {
 public:
  explicit ConvOp(ConvAttrs attrs) : attrs_(std::move(attrs)) {}
  const ConvAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "Conv"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  void run(RunContext& context) const override;

 private:
  ConvAttrs attrs_;
};

}  // namespace spinel::ops
