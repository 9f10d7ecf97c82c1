// MatMul and Gemm: what compiled kernels read of them.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// How A, B and the output of numpy.matmul are stacks of matrices.
struct MatMulLayout {
  int64_t m = 1, k = 1, n = 1;
  Dims stack;                                 ///< Broadcast leading dims.
  Dims output;                                ///< The output's dims, without the axes that vectors lack.
  std::vector<int64_t> a_strides, b_strides;  ///< In matrices, along the stack's axes.

  /// The matrix of A, and of B, that makes a matrix of the output, all counted in row-major order.
  int64_t a_matrix(int64_t index) const { return operand_matrix(index, a_strides); }
  int64_t b_matrix(int64_t index) const { return operand_matrix(index, b_strides); }

 private:
  int64_t operand_matrix(int64_t index, const std::vector<int64_t>& strides) const {
    int64_t out = 0;
    for (size_t axis = stack.size(); axis-- > 0;) {
      out += index % stack[axis] * strides[axis];
      index /= stack[axis];
    }
    return out;
  }
};
/// Throws Error(invalid_argument) if the dims do not fit.
MatMulLayout make_matmul_layout(const Dims& a, const Dims& b);
/// The shape of the product. Throws Error(bad_model) where the operands cannot fit.
Shape matmul_shape(const Shape& a, const Shape& b);
/// The output's shape, if those of the operands, inputs a and b, are known. Throws Error(bad_model) where
/// they cannot fit.
std::optional<Shape> infer_matmul(const InferContext& context, size_t a, size_t b);
/// Batch rule of a product of inputs a and b; the caller judges all other inputs.
void batch_matmul(BatchContext& context, size_t a, size_t b);

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

/// Output 0 becomes factor * a b, as MatMul computes it. Throws Error if types or sizes do not fit.
void multiply_matrices(RunContext& context, const Tensor& a, const Tensor& b, float factor = 1);

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
