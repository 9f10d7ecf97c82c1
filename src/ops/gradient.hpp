// The derivative of a part of the graph (ai.onnx.preview.training).
#pragma once
#include "ops/op_args.hpp"

namespace spinel::ops {

/// Inputs: the values for `xs`, those for `zs`; at import the tensors that `xs`, `zs` and `y` name are put
/// behind them. Output i is the derivative of the sum of y by xs[i], of the type and shape of input i. It has
/// no kernel: the pass expand_gradients replaces it by nodes that compute it.
class GradientOp final : public Op {
 public:
  explicit GradientOp(const OpArgs& args);
  std::string_view name() const override { return "Gradient"; }
  void infer(graph::InferContext& context) const override;
  void run(graph::RunContext& context) const override;

  /// What the attributes name: xs, zs, then y.
  const std::vector<std::string>& names() const noexcept { return names_; }
  /// How many inputs the model gives.
  size_t values() const noexcept { return names_.size() - 1; }
  size_t outputs() const noexcept { return outputs_; }

 private:
  std::vector<std::string> names_;
  size_t outputs_;
};

}  // namespace spinel::ops
