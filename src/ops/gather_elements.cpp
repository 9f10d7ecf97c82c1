// GatherElements: for every element of the indices, the element of the data at that place along an axis.
#include "ops/elements.hpp"
#include "ops/indices.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class GatherElements final : public Op {
 public:
  explicit GatherElements(int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "GatherElements"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    require_index_type(context, 1);
    if (context.shape(0) != nullptr) {
      normalize_axis(axis_, static_cast<int>(context.shape(0)->size()));
      if (context.shape(1) != nullptr && context.shape(1)->size() != context.shape(0)->size())
        fail(ErrorCode::bad_model, "data {} and indices {} differ in rank", shape_text(*context.shape(0)),
             shape_text(*context.shape(1)));
    }
    context.set_tensor(0, context.dtype(0), context.input(1).shape);
  }

  void batch(BatchContext& context) const override {
    const BatchState data = context.input(0);
    const BatchState indices = context.input(1);
    if (!data.is_batched() || !indices.is_batched() || data.axis != indices.axis)
      return context.block("rows of the batch are picked by their place");
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    if (data.axis == normalize_axis(axis_, context.rank(0)))
      return context.block("elements are picked along the batch axis");
    context.set_output(0, data);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& indices = context.input(1);
    const auto axis = static_cast<size_t>(normalize_axis(axis_, x.rank()));
    for (size_t i = 0; i < x.dims().size(); ++i)
      if (indices.rank() != x.rank() || (i != axis && indices.dims()[i] > x.dims()[i]))
        fail(ErrorCode::invalid_argument, "indices {} reach beyond data {}", describe(indices), describe(x));
    Tensor& y = context.output(0, x.dtype(), indices.dims());
    const std::vector<int64_t> strides = row_major_strides(x.dims());
    const IndexReader picks(indices);
    with_storage_type(x.dtype(), [&](const auto& type) {
      using T = std::decay_t<decltype(type)>;
      std::vector<int64_t> place(x.dims().size(), 0);
      for (int64_t i = 0; i < indices.element_count(); ++i) {
        int64_t at = picks.within(i, x.dims()[axis]) * strides[axis];
        for (size_t d = 0; d < place.size(); ++d) at += d == axis ? 0 : place[d] * strides[d];
        storage<T>(y)[i] = storage<T>(x)[at];
        for (size_t d = place.size(); d-- > 0;) {
          if (++place[d] < indices.dims()[d]) break;
          place[d] = 0;
        }
      }
    });
  }

 private:
  int64_t axis_;
};

}  // namespace

OpPtr make_gather_elements(const OpArgs& args) {
  return std::make_shared<GatherElements>(args.get_int("axis", 0));
}

}  // namespace spinel::ops
