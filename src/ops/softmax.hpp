// Softmax, LogSoftmax and Hardmax: what compiled kernels read of them.
#pragma once
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

struct SoftmaxAttrs {
  enum class Kind { softmax, log_softmax, hardmax };
  Kind kind = Kind::softmax;
  int64_t axis = -1;
  /// Opset 12 and before: the axes from `axis` on count as one.
  bool flatten = false;
};

/// Input and output X, float types. Each line along the axis has its maximum subtracted first; sums are taken
/// in float64. Hardmax marks the first maximum.
class SoftmaxOp final : public Op {
 public:
  SoftmaxOp(std::string name, SoftmaxAttrs attrs) : name_(std::move(name)), attrs_(attrs) {}
  const SoftmaxAttrs& attrs() const noexcept { return attrs_; }
  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

  /// The elements as [outer][line][inner]: lines along the middle axis are normalised.
  struct Lines {
    int64_t outer = 1, length = 1, inner = 1;
  };
  /// Throws Error(bad_model) if the axis is outside the rank.
  Lines lines(const Dims& dims) const;

 private:
  std::string name_;
  SoftmaxAttrs attrs_;
};

}  // namespace spinel::ops
