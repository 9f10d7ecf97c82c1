// Matrix products of 8-bit integers with constant or computed operands: what compiled kernels read of them.
#pragma once
#include "ops/int_matmul.hpp"

namespace spinel::ops {

/// A product of 8-bit integers, whose sums any IntProduct may make. Operand A is input 0.
class IntMatMulOp : public Op {
 public:
  struct Inputs {
    size_t b, b_zero_point;
  };
  IntMatMulOp(Inputs inputs, bool transpose_a = false, bool transpose_b = false)
      : inputs_(inputs), transpose_a_(transpose_a), transpose_b_(transpose_b) {}
  const Inputs& inputs() const noexcept { return inputs_; }
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  void run(RunContext& context) const override { run_with(context, reference_int_product(), nullptr); }
  /// run() by another product; operand B as it was packed for it already, or nullptr.
  virtual void run_with(RunContext& context, const IntProduct& product, const IntColumns* packed) const = 0;

  /// Operand B with its zero point (an undefined tensor: 0).
  IntMatrices right(const Tensor& b, const Tensor& zero_point) const;

 protected:
  /// The sizes of a product of operand A, of these dims, with operand B.
  MatMulLayout layout(const Dims& a, const Dims& b) const;
  /// int_matmul() by a B that is packed now unless it is already.
  void multiply(RunContext& context, const MatMulLayout& layout, IntMatrices a, const IntProduct& product,
                const IntColumns* packed, IntTileFn emit) const;
  bool transpose_a() const noexcept { return transpose_a_; }

 private:
  Inputs inputs_;
  bool transpose_a_;
  bool transpose_b_;
};

/// The input, or an undefined tensor where it is omitted.
Tensor input_or_none(const RunContext& context, size_t index);

}  // namespace spinel::ops
