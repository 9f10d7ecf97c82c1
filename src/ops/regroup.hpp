// Regroup: what remains of a Reshape when a pass knows how the axes split and merge.
#pragma once
#include <string>
#include <vector>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// A factor of an output dim: a whole axis of the input, or a number.
struct RegroupFactor {
  int axis = -1;     ///< Of the input; -1: `size`.
  int64_t size = 1;  ///< Where axis is -1.
};

/// Input 0 under other dims, each the product of its factors; the elements stay in order. Unlike Reshape it
/// needs no input that holds the dims, so that none is computed. Not an operator of ONNX.
class Regroup final : public Op {
 public:
  explicit Regroup(std::vector<std::vector<RegroupFactor>> dims) : dims_(std::move(dims)) {}
  const std::vector<std::vector<RegroupFactor>>& dims() const noexcept { return dims_; }
  /// Canonical text, for Node::attributes.
  std::string text() const;

  std::string_view name() const override { return "Regroup"; }
  int view_of() const override { return 0; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  std::vector<std::vector<RegroupFactor>> dims_;
};

}  // namespace spinel::ops
