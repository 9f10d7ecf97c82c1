// Attention: what compiled kernels read of it.
#pragma once
#include <optional>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

struct AttentionAttrs {
  int64_t q_heads = 0;         ///< Of operands with 3 dims; 0: not given.
  int64_t kv_heads = 0;        ///< Likewise.
  std::optional<float> scale;  ///< None: 1 / sqrt(columns of Q).
  float softcap = 0;           ///< 0: none.
  bool causal = false;
  int64_t left_window = -1;   ///< Keys before the query's own place that it sees; -1: all.
  int64_t right_window = -1;  ///< After it, likewise.
  /// What output 3 is: the scaled products (0), after the softcap (1), after the mask (2), the weights (3).
  int64_t scores_output = 0;
  DType softmax_dtype = DType::undefined;  ///< undefined: that of Q.
  bool pads_mask = true;  ///< A mask that is too short masks the rest; else (opset 23) one column repeats.
};

/// Inputs Q, K, V, mask, past_key, past_value, nonpad_kv_seqlen; outputs Y, present_key, present_value,
/// scores. Operands are [batch, heads, length, columns] or [batch, length, heads * columns]; several heads of
/// Q may share one of K and V. Sums of products are in float32 (float64 for float64) in the order of
/// ops/row_product.hpp, those of the softmax in float64. A query that sees no key gives zeros.
class AttentionOp final : public Op {
 public:
  explicit AttentionOp(AttentionAttrs attrs) : attrs_(attrs) {}
  const AttentionAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return "Attention"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

  /// Inputs.
  enum : size_t { q = 0, k = 1, v = 2, mask = 3, past_key = 4, past_value = 5, key_lengths = 6 };

 private:
  AttentionAttrs attrs_;
};

}  // namespace spinel::ops
