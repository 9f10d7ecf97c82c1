// MatMul and Gemm: what compiled kernels read of them.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// numpy.matmul: A [..., M, K] times B [..., K, N] with broadcast leading axes; a vector counts as one row
/// (A) or column (B), which the output lacks. Float types, int32, int64, uint32 and uint64 (wrapping around).
/// Either operand may be computed at run time.
class MatMulOp final : public Op {
 public:
  std::string_view name() const override { return "MatMul"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;
};

struct GemmAttrs {
  float alpha = 1;
  float beta = 1;
  bool transpose_a = false;
  bool transpose_b = false;
};

/// alpha * A' B' + beta * C, with A' [M, K], B' [K, N] and C, optional, broadcast to [M, N]. Float types.
class GemmOp final : public Op {
 public:
  explicit GemmOp(GemmAttrs attrs) : attrs_(attrs) {}
  const GemmAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "Gemm"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  GemmAttrs attrs_;
};

}  // namespace spinel::ops
