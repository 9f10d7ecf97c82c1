// The tuned kernels that are not products: the part of the table for elementwise functions, normalisations,
// reductions and moves. The rules of cpu/kernels.hpp hold. Elements in memory are float32, or float16 that is
// widened when loaded and rounded once when stored.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace spinel::cpu {

/// A function of one to three operands; `p` and `q` are the parameters of ElementStep.
enum class ElementFunction : int32_t {
  copy,
  abs,
  neg,
  sqrt,
  reciprocal,
  clamp,  ///< To [p, q]; ReLU is clamp to [0, inf].
  exp,
  log,
  sigmoid,
  silu,          ///< a * sigmoid(p * a)
  hard_sigmoid,  ///< clamp(p * a + q, 0, 1)
  hard_swish,    ///< a * clamp(a / 6 + 1 / 2, 0, 1)
  leaky_relu,    ///< a < 0 ? p * a : a
  elu,           ///< a > 0 ? q * a : p * (e^a - 1)
  tanh,
  erf,
  gelu,
  gelu_tanh,
  softplus,
  mish,
  softsign,
  add,  ///< From here on of two operands.
  sub,
  mul,
  div,
  min,  ///< NaN where either operand is NaN.
  max,
  prelu,    ///< a < 0 ? a * b : a
  mul_add,  ///< clamp(a * b + c, p, q); b and c have one type.
};

constexpr int operand_count(ElementFunction f) {
  return f < ElementFunction::add ? 1 : f < ElementFunction::mul_add ? 2 : 3;
}

/// Where a rows x columns block of elements lies.
struct ElementOperand {
  const void* data = nullptr;
  int64_t row_stride = 0;  ///< Elements; 0: one row for all.
  bool repeats = false;    ///< One element a row, the same for all columns.
  bool half = false;       ///< float16, else float32.
};

/// to = function(a, b, c), element by element. `to` may be the memory of an operand with the same layout.
struct ElementStep {
  ElementFunction function = ElementFunction::copy;
  float p = 0, q = 0;
  ElementOperand operands[3];
  void* to = nullptr;
  int64_t to_row_stride = 0;
  bool to_half = false;
  int64_t rows = 0, columns = 0;
};

struct VectorKernels {
  void (*elementwise)(const ElementStep& step);
};

}  // namespace spinel::cpu
