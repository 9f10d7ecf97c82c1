#include "ops/gradient.hpp"

#include "base/text.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

GradientOp::GradientOp(const OpArgs& args) : names_(args.get_strings("xs")) {
  args.require("xs");
  args.require("y");
  outputs_ = names_.size();
  for (std::string& each : args.get_strings("zs")) names_.push_back(std::move(each));
  if (args.input_count() != names_.size())
    fail(ErrorCode::bad_model, "there are {} inputs for the {} tensors of xs and zs", args.input_count(),
         names_.size());
  if (args.output_count() > outputs_)
    fail(ErrorCode::bad_model, "there are {} outputs for the {} tensors of xs", args.output_count(),
         outputs_);
  names_.push_back(args.get_string("y", ""));
}

void GradientOp::infer(InferContext& context) const {
  require_tensors(context, values());
  for (size_t i = 0; i < context.output_count(); ++i) context.set_output(i, context.input(i));
}

void GradientOp::run(RunContext&) const {
  fail(ErrorCode::unsupported,
       "a Gradient is computed by the nodes that the pass expand_gradients writes for it; do not switch that "
       "pass off");
}

OpPtr make_gradient(const OpArgs& args) { return std::make_shared<GradientOp>(args); }

}  // namespace spinel::ops
