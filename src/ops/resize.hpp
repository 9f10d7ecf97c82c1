// Resize and Upsample: what passes and compiled kernels read of them.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "ops/op_args.hpp"
#include "ops/resize_taps.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

enum class AspectPolicy { stretch, not_larger, not_smaller };

struct ResizeAttrs {
  ResizeRule rule;
  float extrapolation_value = 0;
  std::optional<std::vector<int64_t>> axes;  ///< Those that roi, scales and sizes speak of; absent: all.
  AspectPolicy policy = AspectPolicy::stretch;
  std::optional<std::vector<float>> scales;                 ///< Upsample of opset 8 and before.
  size_t roi_input = 0, scales_input = 0, sizes_input = 0;  ///< 0: there is no such input.

  /// The axes that the elements of roi, scales and sizes belong to.
  std::vector<size_t> order(size_t rank) const;
};

/// Input X and, depending on the opset, roi, scales and sizes; output X interpolated axis after axis.
class ResizeOp final : public Op {
 public:
  ResizeOp(std::string name, ResizeAttrs attrs) : name_(std::move(name)), attrs_(std::move(attrs)) {}
  const ResizeAttrs& attrs() const noexcept { return attrs_; }
  /// The same for an X whose axis i stands at to[i]; roi, scales and sizes stay as they are. nullptr if
  /// it crops all axes.
  OpPtr with_axes_moved(std::span<const size_t> to) const;

  std::string_view name() const override { return name_; }
  bool keeps_float32(size_t input) const override { return input > 0; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;

 private:
  std::string name_;
  ResizeAttrs attrs_;
};

}  // namespace spinel::ops
