// FusedMatMul of com.microsoft: what passes read of it.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// How one operand is turned before the product.
struct FusedOperand {
  bool transposed = false;  ///< The last two axes change places.
  /// Axis 0 moves behind the others but the last; `transposed` then applies to these last two.
  bool batch_inside = false;
};

struct FusedMatMulAttrs {
  FusedOperand a, b;
  float alpha = 1;
};

/// The permutation of axes that `operand` means for a tensor of this rank; empty if none. A vector is left as
/// it is. output[i] = input[perm[i]], as in Transpose.
std::vector<int64_t> permutation(const FusedOperand& operand, int rank);

/// alpha * A' B' by the rules of MatMul. The pass expand_operators takes it apart where ranks are known.
class FusedMatMulOp final : public Op {
 public:
  explicit FusedMatMulOp(FusedMatMulAttrs attrs) : attrs_(attrs) {}
  const FusedMatMulAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "FusedMatMul"; }
  void infer(InferContext& context) const override;
  void run(RunContext& context) const override;

 private:
  FusedMatMulAttrs attrs_;
};

}  // namespace spinel::ops
