// If: one of two subgraphs, chosen by a bool.
#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

constexpr size_t then_branch = 0;
constexpr size_t else_branch = 1;

class If final : public Op {
 public:
  std::string_view name() const override { return "If"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const auto then_types = context.infer_subgraph(then_branch, {});
    const auto else_types = context.infer_subgraph(else_branch, {});
    if (then_types.size() < context.output_count() || else_types.size() < context.output_count())
      fail(ErrorCode::bad_model, "the branches have {} and {} outputs, the node has {}", then_types.size(),
           else_types.size(), context.output_count());
    for (size_t i = 0; i < context.output_count(); ++i)
      context.set_output(i, common_type(then_types[i], else_types[i], "an output of the branches"));
  }

  void batch(BatchContext& context) const override {
    context.block("control flow may mix the rows of the batch");
  }

  void run(RunContext& context) const override {
    const bool condition = truth_of(context.value(0), "the condition");
    const auto results = context.run_subgraph(condition ? then_branch : else_branch, {});
    for (size_t i = 0; i < context.output_count(); ++i)
      if (context.wants_output(i)) pass_on(context, i, results.at(i));
  }
};

}  // namespace

OpPtr make_if(const OpArgs& args) {
  args.require("then_branch");
  args.require("else_branch");
  return std::make_shared<If>();
}

}  // namespace spinel::ops
