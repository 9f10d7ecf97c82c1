// RegexFullMatch: whether each text matches a regular expression from end to end.
#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/regex.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class RegexFullMatch final : public Op {
 public:
  explicit RegexFullMatch(Regex regex) : regex_(std::move(regex)) {}
  std::string_view name() const override { return "RegexFullMatch"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    if (context.dtype(0) != DType::string && context.dtype(0) != DType::undefined)
      fail(ErrorCode::bad_model, "the input is {}, not a tensor of strings", context.input(0).text());
    context.set_tensor(0, DType::boolean, context.input(0).shape);
  }
  void batch(BatchContext& context) const override { batch_keep_axis(context, {}, "axis"); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const auto texts = x.data<std::string>();
    const auto out = context.output(0, DType::boolean, x.dims()).data<bool>();
    for (size_t i = 0; i < texts.size(); ++i) out[i] = regex_.matches(texts[i]);
  }

 private:
  Regex regex_;
};

}  // namespace

OpPtr make_regex_full_match(const OpArgs& args) {
  args.require("pattern");
  return std::make_shared<RegexFullMatch>(Regex(args.get_string("pattern", "")));
}

}  // namespace spinel::ops
