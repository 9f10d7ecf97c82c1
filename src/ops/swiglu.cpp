// SwiGLU: a gate through Swish times a value.
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Inputs A (the gate) and B of one shape; output A * sigmoid(alpha * A) * B.
class SwiGlu final : public Op {
 public:
  explicit SwiGlu(float alpha) : alpha_(alpha) {}

  std::string_view name() const override { return "SwiGLU"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_float(context, 0, "A");
    require_float(context, 1, "B");
    infer_same(context);
  }

  void batch(BatchContext& context) const override { batch_elementwise(context); }

  void run(RunContext& context) const override {
    const Tensor& gate = context.input(0);
    require_float(gate, "A");
    if (gate.dims() != context.input(1).dims())
      fail(ErrorCode::invalid_argument, "A {} and B {} must have the same dims", describe(gate),
           describe(context.input(1)));
    compute_in(gate.dtype(), [&](auto type) {
      using T = decltype(type);
      const ComputeInput<T> a(gate);
      const ComputeInput<T> b(context.input(1));
      ComputeOutput<T> y(context, 0, gate.dtype(), gate.dims());
      const T alpha = static_cast<T>(alpha_);
      for_each_block(context, y.count(), [&](int64_t begin, int64_t count) {
        for (int64_t i = begin; i < begin + count; ++i)
          y.data()[i] = a[i] / (1 + std::exp(-alpha * a[i])) * b[i];
      });
      y.store();
    });
  }

 private:
  float alpha_;
};

}  // namespace

OpPtr make_swiglu(const OpArgs& args) { return std::make_shared<SwiGlu>(args.get_float("alpha", 1)); }

}  // namespace spinel::ops
