// Loop: a subgraph repeated a number of times, or while a condition holds.
#include <limits>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

using graph::RuntimeValue;
using graph::ValueType;

constexpr size_t first_carried = 2;  ///< Inputs 0 and 1 are the number of iterations and the condition.
constexpr size_t first_result = 1;   ///< Output 0 of the body is the condition.

class Loop final : public Op {
 public:
  std::string_view name() const override { return "Loop"; }

  void infer(InferContext& context) const override {
    std::vector<ValueType> types{ValueType::tensor(DType::int64, Shape{}),
                                 ValueType::tensor(DType::boolean, Shape{})};
    for (size_t i = first_carried; i < context.input_count(); ++i) {
      if (!context.has_input(i)) fail(ErrorCode::bad_model, "the carried value {} is missing", i);
      types.push_back(context.input(i));
    }
    const size_t carried = types.size() - first_carried;
    // Each pass makes at least one dim, rank or type less certain, so this ends.
    while (true) {
      const std::vector<ValueType> results = context.infer_subgraph(0, types);
      if (results.size() < first_result + carried)
        fail(ErrorCode::bad_model, "the body has {} outputs, but {} values are carried", results.size(),
             carried);
      bool settled = true;
      for (size_t i = 0; i < carried; ++i) {
        ValueType& type = types[first_carried + i];
        ValueType common = common_type(type, results[first_result + i], "a carried value");
        settled &= same_type(common, type);
        type = std::move(common);
      }
      if (!settled) continue;
      for (size_t i = 0; i < context.output_count(); ++i) {
        if (i < carried) {
          context.set_output(i, types[first_carried + i]);
        } else if (first_result + i >= results.size()) {
          fail(ErrorCode::bad_model, "the body has no output {}", first_result + i);
        } else {
          ValueType stacked = results[first_result + i];
          if (stacked.shape) stacked.shape->insert(stacked.shape->begin(), Dim::unknown());
          context.set_output(i, std::move(stacked));
        }
      }
      return;
    }
  }

  void batch(BatchContext& context) const override {
    context.block("control flow may mix the rows of the batch");
  }

  void run(RunContext& context) const override {
    int64_t most = std::numeric_limits<int64_t>::max();
    if (context.has_input(0)) {
      const std::vector<int64_t> trips = to_int64s(context.input(0));
      if (trips.size() != 1) fail(ErrorCode::invalid_argument, "the number of iterations is not one number");
      most = trips[0];
    }
    bool goes_on = !context.has_input(1) || truth_of(context.value(1), "the condition");
    std::vector<RuntimeValue> state;
    for (size_t i = first_carried; i < context.input_count(); ++i) state.push_back(context.value(i));
    const size_t carried = state.size();
    std::vector<std::vector<RuntimeValue>> slices(
        context.output_count() > carried ? context.output_count() - carried : 0);
    for (int64_t iteration = 0; iteration < most && goes_on; ++iteration) {
      context.check_cancelled();
      std::vector<RuntimeValue> inputs{Tensor::scalar(iteration), Tensor::scalar(goes_on)};
      inputs.insert(inputs.end(), state.begin(), state.end());
      const std::vector<RuntimeValue> results = context.run_subgraph(0, std::move(inputs));
      goes_on = truth_of(results.at(0), "the body's condition");
      for (size_t i = 0; i < carried; ++i) state[i] = results.at(first_result + i);
      for (size_t i = 0; i < slices.size(); ++i)
        if (context.wants_output(carried + i)) slices[i].push_back(results.at(first_result + carried + i));
    }
    for (size_t i = 0; i < std::min(carried, context.output_count()); ++i)
      if (context.wants_output(i)) pass_on(context, i, state[i]);
    for (size_t i = 0; i < slices.size(); ++i)
      if (context.wants_output(carried + i)) stack(context, carried + i, slices[i], 0, false);
  }
};

}  // namespace

OpPtr make_loop(const OpArgs& args) {
  args.require("body");
  return std::make_shared<Loop>();
}

}  // namespace spinel::ops
