// SequenceMap: a subgraph applied to each element of a sequence.
#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

using graph::RuntimeValue;
using graph::Sequence;
using graph::ValueType;

/// Input 0 is a sequence; further ones are sequences of the same length, or values that every call gets.
class SequenceMap final : public Op {
 public:
  std::string_view name() const override { return "SequenceMap"; }

  void infer(InferContext& context) const override {
    std::vector<ValueType> types;
    for (size_t i = 0; i < context.input_count(); ++i) {
      const ValueType& type = context.input(i);
      const bool is_sequence = type.kind == ValueType::Kind::sequence;
      if (i == 0 && !is_sequence) fail(ErrorCode::bad_model, "input 0 is {}, not a sequence", type.text());
      types.push_back(is_sequence && type.element ? *type.element : type);
    }
    const std::vector<ValueType> results = context.infer_subgraph(0, types);
    if (results.size() < context.output_count())
      fail(ErrorCode::bad_model, "the body has {} outputs, the node {}", results.size(),
           context.output_count());
    for (size_t i = 0; i < context.output_count(); ++i)
      context.set_output(i, ValueType::sequence(results[i]));
  }

  void batch(BatchContext& context) const override {
    context.block("control flow may mix the rows of the batch");
  }

  void run(RunContext& context) const override {
    if (!context.value(0).is_sequence()) fail(ErrorCode::invalid_argument, "input 0 is not a sequence");
    const size_t length = context.value(0).sequence().size();
    std::vector<Sequence> out(context.output_count());
    for (size_t element = 0; element < length; ++element) {
      context.check_cancelled();
      std::vector<RuntimeValue> inputs;
      for (size_t i = 0; i < context.input_count(); ++i) {
        if (!context.value(i).is_sequence()) {
          inputs.push_back(context.value(i));
          continue;
        }
        const Sequence& from = context.value(i).sequence();
        if (from.size() != length)
          fail(ErrorCode::invalid_argument, "inputs 0 and {} are sequences of {} and {} elements", i, length,
               from.size());
        inputs.push_back(from[element]);
      }
      const std::vector<RuntimeValue> results = context.run_subgraph(0, std::move(inputs));
      // An element outlives the run of the subgraph, so it may not lie in planned memory.
      for (size_t i = 0; i < out.size(); ++i)
        out[i].push_back(results.at(i).is_tensor() ? RuntimeValue(results.at(i).tensor().clone())
                                                   : results.at(i));
    }
    for (size_t i = 0; i < out.size(); ++i)
      if (context.wants_output(i)) context.set_output(i, std::move(out[i]));
  }
};

}  // namespace

OpPtr make_sequence_map(const OpArgs& args) {
  args.require("body");
  return std::make_shared<SequenceMap>();
}

}  // namespace spinel::ops
