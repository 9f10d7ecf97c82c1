// What matrix products of 8-bit integers have in common.
#pragma once
#include "ops/int_matmul.hpp"

namespace spinel::ops {

/// A product of 8-bit integers. Operand A is input 0.
class IntMatMulOp : public Op {
 public:
  struct Inputs {
    size_t b, b_zero_point;
  };
  IntMatMulOp(Inputs inputs, bool transpose_a = false, bool transpose_b = false)
      : inputs_(inputs), transpose_a_(transpose_a), transpose_b_(transpose_b) {}
  graph::Scratch scratch(const graph::ScratchContext& context) const override;

 protected:
  /// Operand B with its zero point (an undefined tensor: 0).
  IntMatrices right(const Tensor& b, const Tensor& zero_point) const;
  /// The sizes of a product of operand A, of these dims, with operand B.
  MatMulLayout layout(const Dims& a, const Dims& b) const;
  /// int_matmul() by operand B.
  void multiply(RunContext& context, const MatMulLayout& layout, const IntMatrices& a, IntTileFn emit) const;

 private:
  Inputs inputs_;
  bool transpose_a_;
  bool transpose_b_;
};

/// The input, or an undefined tensor where it is omitted.
Tensor input_or_none(const RunContext& context, size_t index);

}  // namespace spinel::ops
