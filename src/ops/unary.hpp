// Elementwise operators of one input: Relu, Sigmoid, Exp, Abs, Not and kin.
#pragma once
#include <cstdint>
#include <string_view>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// The parameters of the operators that have any, under the names of the specification where it has one.
struct UnaryAttrs {
  float alpha = 0;  ///< LeakyRelu, Elu, Celu, Selu, HardSigmoid, ThresholdedRelu, Swish; lambd of Shrink.
  float beta = 0;   ///< HardSigmoid; gamma of Selu; bias of Shrink.
  bool tanh_approximation = false;  ///< Gelu.
};

template <class C>
using UnaryLoop = void (*)(const C* x, C* y, int64_t count, const UnaryAttrs& attrs);

/// One operator: a loop for each wide type (see numeric.hpp), nullptr where the operator is not defined.
struct UnaryKernels {
  std::string_view name;
  UnaryLoop<float> float32;
  UnaryLoop<double> float64;
  UnaryLoop<int64_t> int64;
  UnaryLoop<uint64_t> uint64;
};

/// y[i] = f(x[i]); y has x's type and shape. 16-bit floats are computed in float32 and rounded once.
class Unary final : public Op {
 public:
  Unary(const UnaryKernels& kernels, UnaryAttrs attrs) : kernels_(kernels), attrs_(attrs) {}

  std::string_view name() const override { return kernels_.name; }
  const UnaryAttrs& attrs() const noexcept { return attrs_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override { batch_elementwise(context); }
  void run(RunContext& context) const override;
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  const UnaryKernels& kernels_;
  UnaryAttrs attrs_;
};

}  // namespace spinel::ops
