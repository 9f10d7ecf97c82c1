// Elementwise operators of one input: Relu and kin.
#include <algorithm>
#include <cmath>
#include <functional>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Applies a float function; 16-bit floats compute in float32 and round once.
class UnaryFloat final : public Op {
 public:
  using Function = float (*)(float);
  UnaryFloat(std::string name, Function function) : name_(std::move(name)), function_(function) {}
  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override { infer_same(context); }
  void batch(BatchContext& context) const override { batch_elementwise(context); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    Tensor& y = context.output(0, x.dtype(), x.dims());
    require_dtype(x, {DType::float32, DType::float16}, "input X");
    if (x.dtype() == DType::float32) {
      std::ranges::transform(x.data<float>(), y.data<float>().begin(), function_);
    } else {
      std::ranges::transform(x.data<Half>(), y.data<Half>().begin(),
                             [this](Half v) { return Half(function_(static_cast<float>(v))); });
    }
  }

 private:
  std::string name_;
  Function function_;
};

}  // namespace

OpPtr make_unary(const OpArgs& args) {
  args.ignore("consumed_inputs");
  if (args.op_type() == "Relu")
    return std::make_shared<UnaryFloat>("Relu", [](float v) { return v < 0.0f ? 0.0f : v; });
  fail(ErrorCode::internal, "make_unary does not know {}", args.op_type());
}

}  // namespace spinel::ops
