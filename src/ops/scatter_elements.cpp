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
    Tensor& y = context.output(0, x.dtype(), x.dims());
    copy_elements(x, y);
    const std::vector<int64_t> strides = row_major_strides(x.dims());
    const IndexReader picks(indices);
    std::vector<int64_t> place(x.dims().size(), 0);
    for (int64_t i = 0; i < indices.element_count(); ++i) {
      int64_t at = picks.within(i, x.dims()[axis]) * strides[axis];
      for (size_t d = 0; d < place.size(); ++d) at += d == axis ? 0 : place[d] * strides[d];
      scatter_range(reduction_, updates, i, y, at, 1);
      for (size_t d = place.size(); d-- > 0;) {
        if (++place[d] < indices.dims()[d]) break;
        place[d] = 0;
      }
    }
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
