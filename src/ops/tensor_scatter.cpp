// TensorScatter: rows written into a cache, each sample's at its own place.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class TensorScatter final : public Op {
 public:
  TensorScatter(int64_t axis, bool circular) : axis_(axis), circular_(circular) {}

  std::string_view name() const override { return "TensorScatter"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    for (size_t i = 0; i < 2; ++i)
      if (context.shape(i) != nullptr) sequence_axis(static_cast<int>(context.shape(i)->size()));
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    for (size_t i = 0; i < context.input_count(); ++i)
      if (context.has_input(i) && (!context.input(i).is_batched() || context.input(i).axis != 0))
        return context.block("the cache, what is written and its places do not all have the batch as axis 0");
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& cache = context.input(0);
    const Tensor& update = context.input(1);
    const size_t axis = sequence_axis(cache.rank());
    Dims expected = cache.dims();
    const int64_t most = expected[axis];
    const int64_t length = update.rank() == cache.rank() ? update.dims()[axis] : 0;
    expected[axis] = length;
    if (update.dims() != expected || update.dtype() != cache.dtype() || length > most)
      fail(ErrorCode::invalid_argument, "the update {} does not fit the cache {} along axis {}",
           describe(update), describe(cache), axis);
    const int64_t batches = cache.dims()[0];
    std::vector<int64_t> places(static_cast<size_t>(batches), 0);
    if (context.has_input(2)) {
      if (context.input(2).element_count() != batches)
        fail(ErrorCode::invalid_argument, "write_indices is {}, expected one for each of {} samples",
             describe(context.input(2)), batches);
      places = to_int64s(context.input(2));
    }
    Tensor& y = context.output(0, cache.dtype(), cache.dims());
    copy_range(cache, 0, y, 0, cache.element_count());
    const int64_t outer = dim_product(cache.dims(), 1, axis);
    const int64_t inner = dim_product(cache.dims(), axis + 1, cache.dims().size());
    for (int64_t b = 0; b < batches; ++b) {
      const int64_t place = places[static_cast<size_t>(b)];
      if (place < 0 || (!circular_ && place > most - length))
        fail(ErrorCode::invalid_argument, "{} rows cannot be written at {} into a cache of {}", length, place,
             most);
      for (int64_t o = b * outer; o < (b + 1) * outer; ++o)
        for (int64_t s = 0; s < length; ++s)
          copy_range(update, (o * length + s) * inner, y, (o * most + (place % most + s) % most) * inner,
                     inner);
    }
  }

 private:
  size_t sequence_axis(int rank) const {
    const int axis = normalize_axis(axis_, rank);
    if (axis == 0)
      fail(ErrorCode::bad_model, "axis {} is the batch; the sequence needs one of its own", axis_);
    return static_cast<size_t>(axis);
  }

  int64_t axis_;
  bool circular_;
};

}  // namespace

OpPtr make_tensor_scatter(const OpArgs& args) {
  const std::string mode = args.get_string("mode", "linear");
  if (mode != "linear" && mode != "circular")
    fail(ErrorCode::bad_model, "mode is '{}'; TensorScatter knows 'linear' and 'circular'", mode);
  return std::make_shared<TensorScatter>(args.get_int("axis", -2), mode == "circular");
}

}  // namespace spinel::ops
