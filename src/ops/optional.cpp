// Optional values: made, asked and opened. At run time a filled optional is its element.
#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"
#include "ops/subgraph.hpp"

namespace spinel::ops {
namespace {

using graph::RuntimeValue;
using graph::ValueType;

class Optional final : public Op {
 public:
  explicit Optional(std::optional<ValueType> element) : element_(std::move(element)) {}
  std::string_view name() const override { return "Optional"; }
  void infer(InferContext& context) const override {
    if (!element_ && !context.has_input(0))
      fail(ErrorCode::bad_model, "Optional has neither an input nor the attribute type");
    context.set_output(0, ValueType::optional_of(context.has_input(0) ? context.input(0) : *element_));
  }
  void run(RunContext& context) const override {
    if (context.has_input(0)) return pass_on(context, 0, context.value(0));
    context.set_output(0, RuntimeValue());
  }
  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    if (!element_ || !element_->is_tensor() || element_->dtype != from) return nullptr;
    ValueType element = *element_;
    element.dtype = to;
    return std::make_shared<Optional>(std::move(element));
  }

 private:
  std::optional<ValueType> element_;
};

class OptionalHasElement final : public Op {
 public:
  std::string_view name() const override { return "OptionalHasElement"; }
  void infer(InferContext& context) const override { context.set_tensor(0, DType::boolean, Shape{}); }
  void run(RunContext& context) const override {
    const bool filled = context.has_input(0);
    context.output(0, DType::boolean, {}).data<bool>()[0] = filled;
  }
};

class OptionalGetElement final : public Op {
 public:
  std::string_view name() const override { return "OptionalGetElement"; }
  void infer(InferContext& context) const override {
    const ValueType& type = context.input(0);
    context.set_output(0, type.kind == ValueType::Kind::optional && type.element ? *type.element : type);
  }
  void run(RunContext& context) const override {
    if (!context.has_input(0)) fail(ErrorCode::invalid_argument, "the optional is empty");
    pass_on(context, 0, context.value(0));
  }
};

}  // namespace

OpPtr make_optional(const OpArgs& args) { return std::make_shared<Optional>(args.get_type("type")); }
OpPtr make_optional_has_element(const OpArgs&) { return std::make_shared<OptionalHasElement>(); }
OpPtr make_optional_get_element(const OpArgs&) { return std::make_shared<OptionalGetElement>(); }

}  // namespace spinel::ops
