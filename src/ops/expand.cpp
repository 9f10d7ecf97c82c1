// Expand: a tensor broadcast to a shape that is given as a tensor.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class Expand final : public Op {
 public:
  std::string_view name() const override { return "Expand"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    const auto wanted = known_or_unknown_ints(context, 1);
    std::optional<Shape> shape;
    if (wanted && context.shape(0) != nullptr) {
      for (const Dim& dim : *wanted)
        if (dim.is_constant() && dim.constant() < 0)
          fail(ErrorCode::bad_model, "the shape {} holds a negative dim", shape_text(*wanted));
      shape = broadcast_shapes(*context.shape(0), *wanted);
    }
    const auto type = graph::ValueType::tensor(context.dtype(0), std::move(shape));
    context.set_output(0, type);
    const auto ints = known_ints(context, 0);
    if (!ints || ints->empty() || !type.shape || type.shape->size() != 1 || !(*type.shape)[0].is_constant())
      return;
    const int64_t length = (*type.shape)[0].constant();
    if (static_cast<int64_t>(ints->size()) == length) return publish_ints(context, 0, type, *ints);
    if (ints->size() == 1 && length <= 1024)
      publish_ints(context, 0, type, Ints(static_cast<size_t>(length), (*ints)[0]));
  }

  void batch(BatchContext& context) const override {
    const Shape* to = context.output_shape(0);
    const Shape* from = context.input_shape(0);
    if (to == nullptr || from == nullptr) return context.block("the rank before or after is not known");
    if (context.input(1).is_batched()) return context.block("the shape depends on the samples");
    const BatchState state = context.input(0);
    if (state.is_size()) return context.block("a value computed from the batch size is used as data");
    const int added = static_cast<int>(to->size()) - static_cast<int>(from->size());
    std::optional<int> axis;
    if (state.is_batched()) {
      axis = state.axis + added;
      if (!equal((*to)[static_cast<size_t>(*axis)], context.batch_dim()))
        return context.block("the batch axis is broadcast to another size");
    }
    for (int i = 0; i < static_cast<int>(to->size()); ++i) {
      const Dim& dim = (*to)[static_cast<size_t>(i)];
      if (axis == i) continue;
      const bool repeats = i < added || (*from)[static_cast<size_t>(i - added)].is_constant(1);
      if (!axis && repeats && equal(dim, context.batch_dim()))
        axis = i;
      else if (depends_on_batch(context, dim))
        return context.block("the shape " + shape_text(*to) + " does not hold the batch as one axis");
    }
    context.set_output(0, axis ? BatchState::batched(*axis) : BatchState::shared());
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const std::vector<int64_t> wanted = to_int64s(context.input(1));
    const Dims dims = broadcast_dims(x.dims(), wanted);
    copy_strided(x, 0, broadcast_strides(x.dims(), dims), context.output(0, x.dtype(), dims));
  }
};

}  // namespace

OpPtr make_expand(const OpArgs&) { return std::make_shared<Expand>(); }

}  // namespace spinel::ops
