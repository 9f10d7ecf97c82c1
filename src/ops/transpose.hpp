// Transpose: what passes and compiled kernels read of it.
#pragma once
#include <vector>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// Axes permuted: output axis i is input axis perm[i].
class Transpose final : public Op {
 public:
  /// An empty `perm` reverses the axes.
  explicit Transpose(std::vector<int64_t> perm) : perm_(std::move(perm)) {}

  const std::vector<int64_t>& perm() const noexcept { return perm_; }

  std::string_view name() const override { return "Transpose"; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

  /// Which input axis each output axis is. Throws Error(bad_model) unless perm is a permutation.
  std::vector<size_t> order(size_t rank) const;

 private:
  std::vector<int64_t> perm_;
};

}  // namespace spinel::ops
