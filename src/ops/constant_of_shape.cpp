// ConstantOfShape: a tensor of a given shape, filled with one value.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class ConstantOfShape final : public Op {
 public:
  explicit ConstantOfShape(Tensor value) : value_(std::move(value)) {}

  std::string_view name() const override { return "ConstantOfShape"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const auto dims = known_or_unknown_ints(context, 0);
    std::optional<Shape> shape;
    if (dims) {
      shape = *dims;
      for (const Dim& dim : *dims)
        if (dim.is_constant() && dim.constant() < 0)
          fail(ErrorCode::bad_model, "the shape {} holds a negative dim", shape_text(*dims));
    }
    const auto type = graph::ValueType::tensor(value_.dtype(), std::move(shape));
    context.set_output(0, type);
    if (!is_integer(value_.dtype()) || !type.shape || type.shape->size() > 1) return;
    const Dim length = type.shape->empty() ? Dim(1) : (*type.shape)[0];
    if (!length.is_constant() || length.constant() > 1024) return;
    int64_t buffer;
    const int64_t value = *load(value_, 0, 1, &buffer);
    publish_ints(context, 0, type, Ints(static_cast<size_t>(length.constant()), Dim(value)));
  }

  void batch(BatchContext& context) const override {
    if (context.input(0).is_batched()) return context.block("the shape depends on the samples");
    const Shape* shape = context.output_shape(0);
    if (shape == nullptr) return context.block("the shape is not known");
    std::optional<int> axis;
    for (size_t i = 0; i < shape->size(); ++i) {
      if (!axis && equal((*shape)[i], context.batch_dim()))
        axis = static_cast<int>(i);
      else if (depends_on_batch(context, (*shape)[i]))
        return context.block("the shape " + shape_text(*shape) + " does not hold the batch as one axis");
    }
    context.set_output(0, axis ? BatchState::batched(*axis) : BatchState::shared());
  }

  void run(RunContext& context) const override {
    const std::vector<int64_t> dims = to_int64s(context.input(0));
    Tensor& y = context.output(0, value_.dtype(), dims);
    with_storage_type(value_.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      std::fill_n(storage<T>(y), y.element_count(), *storage<T>(value_));
    });
  }

  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return value_.dtype() == from ? std::make_shared<ConstantOfShape>(convert(value_, to)) : nullptr;
  }

 private:
  Tensor value_;
};

}  // namespace

OpPtr make_constant_of_shape(const OpArgs& args) {
  Tensor value = args.get_tensor("value").value_or(Tensor::scalar(0.0f));
  if (value.element_count() != 1)
    fail(ErrorCode::bad_model, "the attribute value holds {} elements, not one", value.element_count());
  require_movable(value.dtype());
  return std::make_shared<ConstantOfShape>(std::move(value));
}

}  // namespace spinel::ops
