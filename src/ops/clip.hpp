// Clip: elements bounded from below and above.
#pragma once
#include <optional>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

/// The bounds of opset < 11; newer models give them as inputs 1 and 2.
struct ClipAttrs {
  std::optional<float> min;
  std::optional<float> max;
};

/// y = min(max(x, low), high); NaN stays NaN, and a low above high gives high.
class Clip final : public Op {
 public:
  explicit Clip(ClipAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "Clip"; }
  const ClipAttrs& attrs() const noexcept { return attrs_; }
  void infer(InferContext& context) const override;
  void batch(BatchContext& context) const override;
  void run(RunContext& context) const override;
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  ClipAttrs attrs_;
};

}  // namespace spinel::ops
