// ScatterND: slices of a copy of the data, each picked by a tuple of indices, replaced or reduced.
#include "ops/elements.hpp"
#include "ops/indices.hpp"
#include "ops/int_rules.hpp"
#include "ops/scatter.hpp"

namespace spinel::ops {
namespace {

class ScatterND final : public Op {
 public:
  explicit ScatterND(Reduction reduction) : reduction_(reduction) {}

  std::string_view name() const override { return "ScatterND"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 3);
    require_reducible(reduction_, context.dtype(0));
    require_index_type(context, 1);
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    const BatchState data = context.input(0);
    const BatchState updates = context.input(2);
    if (!context.has_rank(0) || !context.has_rank(1)) return context.block("an input's rank is not known");
    const Dim& tuple = context.input_shape(1)->empty() ? Dim() : context.input_shape(1)->back();
    const bool slices_are_whole = tuple.is_constant() && data.is_batched() && data.axis >= tuple.constant();
    if (!slices_are_whole || !updates.is_batched() || !is_fixed(context, 1) ||
        updates.axis != context.rank(1) - 1 + data.axis - static_cast<int>(tuple.constant()))
      return context.block("rows of the batch are written by their place");
    context.set_output(0, data);
  }

  bool may_overwrite(size_t input) const override { return input == 0; }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& indices = context.input(1);
    const Tensor& updates = context.input(2);
    const int64_t tuple = indices.rank() == 0 ? -1 : indices.dim(-1);
    if (tuple < 0 || tuple > x.rank() || updates.dtype() != x.dtype())
      fail(ErrorCode::invalid_argument, "data {}, indices {} and updates {} do not fit together", describe(x),
           describe(indices), describe(updates));
    Dims wanted(indices.dims().begin(), indices.dims().end() - 1);
    wanted.insert(wanted.end(), x.dims().begin() + tuple, x.dims().end());
    if (updates.dims() != wanted)
      fail(ErrorCode::invalid_argument, "updates {} must have the shape {}", describe(updates),
           dims_text(wanted));
    ScatterTarget target(context, reduction_);
    const int64_t inner = dim_product(x.dims(), static_cast<size_t>(tuple), x.dims().size());
    const int64_t tuples = dim_product(indices.dims(), 0, indices.dims().size() - 1);
    const IndexReader picks(indices);
    for (int64_t i = 0; i < tuples; ++i) {
      int64_t place = 0;
      for (int64_t k = 0; k < tuple; ++k) {
        const int64_t size = x.dims()[static_cast<size_t>(k)];
        place = place * size + picks.within(i * tuple + k, size);
      }
      scatter_range(reduction_, updates, i * inner, target.y(), place * inner, inner);
    }
    target.store();
  }

 private:
  Reduction reduction_;
};

}  // namespace

OpPtr make_scatter_nd(const OpArgs& args) { return std::make_shared<ScatterND>(read_reduction(args)); }

}  // namespace spinel::ops
