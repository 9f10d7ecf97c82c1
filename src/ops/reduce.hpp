// ReduceMean and kin: what compiled kernels read of them.
#pragma once
#include <optional>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

struct ReduceAttrs {
  enum class Kind { sum, mean, max, min, prod, l1, l2, log_sum, log_sum_exp, sum_square };
  Kind kind = Kind::sum;
  /// Opsets in which the axes are an attribute; they are input 1 in newer ones. Absent: all axes.
  std::optional<std::vector<int64_t>> axes;
  bool keep_dims = true;
  /// No axes given means that none is reduced, instead of all.
  bool noop_with_empty_axes = false;
};

/// Input X and optionally axes (int64); output reduced in row-major order of X, in float64 for float types
/// and for L2, LogSum and LogSumExp, in 64-bit integers (wrapping around) for the rest. Reducing no elements
/// gives the operation's neutral element, and NaN for the mean.
class ReduceOp final : public Op {
 public:
  ReduceOp(std::string name, ReduceAttrs attrs) : name_(std::move(name)), attrs_(std::move(attrs)) {}
  const ReduceAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  std::string name_;
  ReduceAttrs attrs_;
};

}  // namespace spinel::ops
