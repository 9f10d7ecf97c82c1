// Gather: slices of an axis, picked by indices.
#include "ops/elements.hpp"
#include "ops/indices.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class Gather final : public Op {
 public:
  explicit Gather(int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "Gather"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    require_index_type(context, 1);
    const Shape* data = context.shape(0);
    const Shape* indices = context.shape(1);
    if (data == nullptr || indices == nullptr) return context.set_tensor(0, context.dtype(0));
    const int axis = normalize_axis(axis_, static_cast<int>(data->size()));
    Shape to(data->begin(), data->begin() + axis);
    to.insert(to.end(), indices->begin(), indices->end());
    to.insert(to.end(), data->begin() + axis + 1, data->end());
    const auto type = graph::ValueType::tensor(context.dtype(0), std::move(to));
    context.set_output(0, type);
    const auto elements = known_ints(context, 0);
    const auto picks = known_ints(context, 1);
    if (!elements || !picks || data->size() != 1) return;
    const auto size = static_cast<int64_t>(elements->size());
    Ints out;
    for (const Dim& pick : *picks) {
      if (!pick.is_constant()) {
        out.push_back(Dim::unknown());
        continue;
      }
      const int64_t index = pick.constant();
      if (index < -size || index >= size)
        fail(ErrorCode::bad_model, "index {} is outside [-{}, {})", index, size, size);
      out.push_back((*elements)[static_cast<size_t>(index < 0 ? index + size : index)]);
    }
    publish_ints(context, 0, type, std::move(out));
  }

  void batch(BatchContext& context) const override {
    if (!context.has_rank(0) || !context.has_rank(1)) return context.block("an input's rank is not known");
    const int axis = normalize_axis(axis_, context.rank(0));
    const BatchState data = context.input(0);
    const BatchState indices = context.input(1);
    if (data.is_shared() && indices.is_batched())
      return context.set_output(0, BatchState::batched(axis + indices.axis));
    if (!data.is_batched() || !is_fixed(context, 1))
      return context.block("the data and the indices both depend on the batch");
    if (data.axis == axis) return context.block("rows of the batch are picked by their place");
    const int shift = data.axis < axis ? 0 : context.rank(1) - 1;
    context.set_output(0, BatchState::batched(data.axis + shift));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& indices = context.input(1);
    const auto axis = static_cast<size_t>(normalize_axis(axis_, x.rank()));
    const Dims& from = x.dims();
    const auto split = from.begin() + static_cast<std::ptrdiff_t>(axis);
    Dims dims(from.begin(), split);
    dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
    dims.insert(dims.end(), split + 1, from.end());
    Tensor& y = context.output(0, x.dtype(), dims);
    const int64_t outer = dim_product(from, 0, axis);
    const int64_t inner = dim_product(from, axis + 1, from.size());
    const int64_t count = indices.element_count();
    const IndexReader picks(indices);
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < count; ++i)
        copy_range(x, (o * from[axis] + picks.within(i, from[axis])) * inner, y, (o * count + i) * inner,
                   inner);
  }

 private:
  int64_t axis_;
};

}  // namespace

OpPtr make_gather(const OpArgs& args) { return std::make_shared<Gather>(args.get_int("axis", 0)); }

}  // namespace spinel::ops
