// GatherND: slices of the data, each picked by a tuple of indices.
#include "ops/elements.hpp"
#include "ops/indices.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class GatherND final : public Op {
 public:
  explicit GatherND(int64_t batch_dims) : batch_dims_(static_cast<size_t>(batch_dims)) {}

  std::string_view name() const override { return "GatherND"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    require_index_type(context, 1);
    const Shape* data = context.shape(0);
    const Shape* indices = context.shape(1);
    if (data == nullptr || indices == nullptr) return context.set_tensor(0, context.dtype(0));
    if (indices->empty()) fail(ErrorCode::bad_model, "the indices are a scalar");
    if (!indices->back().is_constant()) return context.set_tensor(0, context.dtype(0));
    const size_t used = batch_dims_ + static_cast<size_t>(indices->back().constant());
    if (used > data->size() || batch_dims_ >= indices->size())
      fail(ErrorCode::bad_model,
           "indices {} with batch_dims {} have more numbers a tuple than data {} has dims",
           shape_text(*indices), batch_dims_, shape_text(*data));
    Shape to(indices->begin(), indices->end() - 1);
    to.insert(to.end(), data->begin() + static_cast<std::ptrdiff_t>(used), data->end());
    context.set_tensor(0, context.dtype(0), std::move(to));
  }

  void batch(BatchContext& context) const override {
    const BatchState data = context.input(0);
    const BatchState indices = context.input(1);
    if (!context.has_rank(0) || !context.has_rank(1)) return context.block("an input's rank is not known");
    const int outer = static_cast<int>(batch_dims_);
    const Dim& tuple = context.input_shape(1)->back();
    if (!tuple.is_constant()) return context.block("the length of the tuples is not known");
    const int used = outer + static_cast<int>(tuple.constant());
    if (data.is_batched() && indices.is_batched() && data.axis == indices.axis && data.axis < outer)
      return context.set_output(0, data);
    if (data.is_shared() && indices.is_batched() && indices.axis >= outer &&
        indices.axis < context.rank(1) - 1)
      return context.set_output(0, indices);
    if (data.is_batched() && data.axis >= used && is_fixed(context, 1))
      return context.set_output(0, BatchState::batched(context.rank(1) - 1 + data.axis - used));
    context.block("rows of the batch are picked by their place");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& indices = context.input(1);
    const size_t last = indices.dims().empty() ? 0 : indices.dims().size() - 1;
    const int64_t tuple = indices.dims().empty() ? 0 : indices.dims()[last];
    const size_t used = batch_dims_ + static_cast<size_t>(tuple);
    if (indices.rank() == 0 || used > x.dims().size() || batch_dims_ > last)
      fail(ErrorCode::invalid_argument, "indices {} do not fit data {}", describe(indices), describe(x));
    for (size_t i = 0; i < batch_dims_; ++i)
      if (x.dims()[i] != indices.dims()[i])
        fail(ErrorCode::invalid_argument, "data {} and indices {} differ in the first {} dims", describe(x),
             describe(indices), batch_dims_);
    Dims dims(indices.dims().begin(), indices.dims().end() - 1);
    dims.insert(dims.end(), x.dims().begin() + static_cast<std::ptrdiff_t>(used), x.dims().end());
    Tensor& y = context.output(0, x.dtype(), dims);
    const int64_t groups = dim_product(x.dims(), 0, batch_dims_);
    const int64_t tuples = dim_product(indices.dims(), batch_dims_, last);
    const int64_t inner = dim_product(x.dims(), used, x.dims().size());
    const int64_t group_elements = dim_product(x.dims(), batch_dims_, x.dims().size());
    const IndexReader picks(indices);
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t i = 0; i < tuples; ++i) {
        const int64_t at = group * tuples + i;
        int64_t place = 0;
        for (int64_t k = 0; k < tuple; ++k) {
          const int64_t size = x.dims()[batch_dims_ + static_cast<size_t>(k)];
          place = place * size + picks.within(at * tuple + k, size);
        }
        copy_range(x, group * group_elements + place * inner, y, at * inner, inner);
      }
    }
  }

 private:
  size_t batch_dims_;
};

}  // namespace

OpPtr make_gather_nd(const OpArgs& args) {
  const int64_t batch_dims = args.get_int("batch_dims", 0);
  if (batch_dims < 0) fail(ErrorCode::bad_model, "batch_dims is {}", batch_dims);
  return std::make_shared<GatherND>(batch_dims);
}

}  // namespace spinel::ops
