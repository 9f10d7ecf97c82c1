// Scaled dot-product attention over many heads, whatever the layout of its operands.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {

/// Where one index of attention moves in an operand.
struct AttentionAxis {
  int axis = -1;     ///< Of the tensor; -1: nowhere, the index has one value.
  int64_t step = 1;  ///< Elements of that axis from one index to the next.
  int64_t size = 0;  ///< How many; 0: the axis as a whole.
};

/// A tensor seen as [batch, head, row, column].
struct AttentionOperand {
  AttentionAxis batch, head, row, column;
  std::vector<std::pair<int, int64_t>> begin;  ///< Axis and element where the operand begins, if not at 0.
};

/// How the mask lies over the scores: which axis, counted from the end, is which; 0 for none. Axes that the
/// mask lacks or that are 1 are repeated.
struct AttentionMask {
  int batch = 0;
  int head = 0;
  bool packed = false;  ///< Axis `batch` counts batch * heads + head.
};

struct AttentionLayer {
  AttentionOperand q, k, v;
  AttentionMask mask;
  double scale = 1;
  bool undefined_is_zero = false;  ///< Rows that are masked altogether give 0 instead of NaN.
};

/// Inputs Q, K, V and optionally a mask of the same type (float32 or float16), which may be one tensor.
/// Output [batch, rows of Q, heads * columns of V] = softmax(scale * Q K' + mask) V for every batch and head,
/// with the heads side by side. The sum over columns and over keys is in float32, in the order of the
/// products in cpu/kernels.hpp, and each row's maximum over all keys is subtracted first: no result depends
/// on the batch, the place in it or the threads.
class Attention final : public graph::Op {
 public:
  Attention(const Isa& isa, AttentionLayer layer) : isa_(isa), layer_(std::move(layer)) {}
  const AttentionLayer& layer() const noexcept { return layer_; }
  /// The same on other operands.
  std::shared_ptr<const Attention> with_layer(AttentionLayer layer) const {
    return std::make_shared<const Attention>(isa_, std::move(layer));
  }

  std::string_view name() const override { return "Attention"; }
  std::string_view kernel() const override { return "flash"; }
  void infer(graph::InferContext& context) const override;
  void batch(graph::BatchContext& context) const override;
  graph::Scratch scratch(const graph::ScratchContext& context) const override;
  void run(graph::RunContext& context) const override;

 private:
  const Isa& isa_;
  AttentionLayer layer_;
};

/// Canonical text of a layer, for Node::attributes.
std::string attention_text(const AttentionLayer& layer);

}  // namespace spinel::cpu
