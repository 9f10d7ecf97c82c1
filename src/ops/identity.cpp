// Identity: a value of any kind, unchanged.
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class Identity final : public Op {
 public:
  std::string_view name() const override { return "Identity"; }
  int view_of() const override { return 0; }

  void infer(InferContext& context) const override {
    if (!context.input(0).is_tensor()) return context.set_output(0, context.input(0));
    set_tensor_with_ints(context, context.dtype(0), context.input(0).shape);
  }
  void batch(BatchContext& context) const override { context.set_all_outputs(context.input(0)); }
  void run(RunContext& context) const override {
    if (!context.value(0).is_tensor()) return context.set_output(0, context.value(0));
    const Tensor& x = context.input(0);
    copy_elements(x, context.output(0, x.dtype(), x.dims()));
  }
};

}  // namespace

OpPtr make_identity(const OpArgs&) { return std::make_shared<Identity>(); }

}  // namespace spinel::ops
