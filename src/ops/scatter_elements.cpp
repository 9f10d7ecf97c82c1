// ScatterElements, and its deprecated name Scatter: single elements of a copy of the data replaced or
// reduced.
#include "ops/elements.hpp"
#include "ops/indices.hpp"
#include "ops/scatter.hpp"

namespace spinel::ops {
namespace {

class ScatterElements final : public Op {
 public:
  ScatterElements(std::string name, int64_t axis, Reduction reduction)
      : name_(std::move(name)), axis_(axis), reduction_(reduction) {}

  std::string_view name() const override { return name_; }

  void infer(InferContext& context) const override {
    require_tensors(context, 3);
    require_reducible(reduction_, context.dtype(0));
    require_index_type(context, 1);
    if (context.shape(0) != nullptr) normalize_axis(axis_, static_cast<int>(context.shape(0)->size()));
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    const BatchState data = context.input(0);
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    for (size_t i = 0; i < 3; ++i)
      if (!context.input(i).is_batched() || context.input(i).axis != data.axis)
        return context.block("rows of the batch are written by their place");
    if (data.axis == normalize_axis(axis_, context.rank(0)))
      return context.block("elements are written along the batch axis");
    context.set_output(0, data);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& indices = context.input(1);
    const Tensor& updates = context.input(2);
    const auto axis = static_cast<size_t>(normalize_axis(axis_, x.rank()));
    bool fits =
        indices.rank() == x.rank() && updates.dims() == indices.dims() && updates.dtype() == x.dtype();
    for (size_t i = 0; fits && i < x.dims().size(); ++i) fits = i == axis || indices.dims()[i] <= x.dims()[i];
    if (!fits)
      fail(ErrorCode::invalid_argument, "data {}, indices {} and updates {} do not fit together", describe(x),
           describe(indices), describe(updates));
    ScatterTarget target(context, reduction_);
    const std::vector<int64_t> strides = row_major_strides(x.dims());
    const IndexReader picks(indices);
    const int64_t count = indices.element_count();
    const int64_t size = x.dims()[axis];
    // Along the innermost axis of the indices only the index, or the place in the line, changes.
    const size_t last = x.dims().size() - 1;
    const int64_t line = indices.dims()[last];
    std::vector<int64_t> place(x.dims().size(), 0);
    std::vector<int64_t> places(static_cast<size_t>(line));
    for (int64_t i = 0; i < count; i += line) {
      int64_t at = 0;
      for (size_t d = 0; d < last; ++d) at += d == axis ? 0 : place[d] * strides[d];
      for (int64_t k = 0; k < line; ++k)
        places[static_cast<size_t>(k)] =
            at + picks.within(i + k, size) * strides[axis] + (axis == last ? 0 : k);
      scatter_places(reduction_, updates, i, target.y(), places);
      for (size_t d = last; d-- > 0;) {
        if (++place[d] < indices.dims()[d]) break;
        place[d] = 0;
      }
    }
    target.store();
  }

 private:
  std::string name_;
  int64_t axis_;
  Reduction reduction_;
};

}  // namespace

OpPtr make_scatter_elements(const OpArgs& args) {
  return std::make_shared<ScatterElements>(args.op_type(), args.get_int("axis", 0), read_reduction(args));
}

}  // namespace spinel::ops
