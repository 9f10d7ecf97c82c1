// Compress: the slices of an axis, or the elements of the flat tensor, for which a condition holds.
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class Compress final : public Op {
 public:
  explicit Compress(std::optional<int64_t> axis) : axis_(axis) {}

  std::string_view name() const override { return "Compress"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    if (!axis_) return context.set_tensor(0, context.dtype(0), Shape{Dim::unknown()});
    std::optional<Shape> shape = context.input(0).shape;
    if (shape)
      (*shape)[static_cast<size_t>(normalize_axis(*axis_, static_cast<int>(shape->size())))] = Dim::unknown();
    context.set_tensor(0, context.dtype(0), std::move(shape));
  }

  void batch(BatchContext& context) const override {
    if (!axis_ || !context.has_rank(0)) return context.block("the elements of all samples become one list");
    batch_keep_axis(context, {normalize_axis(*axis_, context.rank(0))}, "picking along axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& condition = context.input(1);
    const Dims from = axis_ ? x.dims() : Dims{x.element_count()};
    const auto axis = static_cast<size_t>(normalize_axis(axis_.value_or(0), static_cast<int>(from.size())));
    if (condition.dtype() != DType::boolean || condition.rank() != 1 || condition.dim(0) > from[axis])
      fail(ErrorCode::invalid_argument, "the condition {} does not fit axis {} of {}", describe(condition),
           axis, describe(x));
    std::vector<int64_t> kept;
    for (int64_t i = 0; i < condition.element_count(); ++i)
      if (storage<uint8_t>(condition)[i] != 0) kept.push_back(i);
    Dims dims = from;
    const auto count = static_cast<int64_t>(kept.size());
    dims[axis] = count;
    Tensor& y = context.output(0, x.dtype(), dims);
    const int64_t outer = dim_product(from, 0, axis);
    const int64_t inner = dim_product(from, axis + 1, from.size());
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < count; ++i)
        copy_range(x, (o * from[axis] + kept[static_cast<size_t>(i)]) * inner, y, (o * count + i) * inner,
                   inner);
  }

 private:
  std::optional<int64_t> axis_;
};

}  // namespace

OpPtr make_compress(const OpArgs& args) {
  std::optional<int64_t> axis;
  if (args.has("axis")) axis = args.get_int("axis", 0);
  return std::make_shared<Compress>(axis);
}

}  // namespace spinel::ops
