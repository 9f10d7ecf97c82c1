// Tile: a tensor repeated along its axes.
#include <algorithm>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class Tile final : public Op {
 public:
  /// Opset 1: input 1 is how often, input 2 along which axis.
  explicit Tile(bool one_axis) : one_axis_(one_axis) {}

  std::string_view name() const override { return "Tile"; }

  void infer(InferContext& context) const override {
    require_tensors(context, one_axis_ ? 3 : 2);
    require_movable(context.dtype(0));
    const Shape* from = context.shape(0);
    if (from == nullptr) return context.set_tensor(0, context.dtype(0));
    const auto repeats = known_repeats(context, from->size());
    Shape to(from->size(), Dim::unknown());
    if (repeats) {
      if (repeats->size() != from->size())
        fail(ErrorCode::bad_model, "{} repeats are given for a tensor of rank {}", repeats->size(),
             from->size());
      for (size_t i = 0; i < to.size(); ++i) to[i] = (*from)[i] * (*repeats)[i];
    }
    context.set_tensor(0, context.dtype(0), std::move(to));
  }

  void batch(BatchContext& context) const override {
    const Shape* from = context.input_shape(0);
    const Shape* to = context.output_shape(0);
    if (from == nullptr || to == nullptr) return context.block("the input's rank is not known");
    if (context.input(1).is_batched() || one_axis_) return context.block("the repeats depend on the batch");
    const BatchState state = context.input(0);
    if (state.is_size()) return context.block("a value computed from the batch size is used as data");
    std::optional<int> axis;
    if (state.is_batched()) {
      const auto repeats = context.input_ints(1);
      if (!repeats || !(*repeats)[static_cast<size_t>(state.axis)].is_constant(1))
        return context.block("the batch axis may be repeated");
      axis = state.axis;
    }
    for (int i = 0; i < static_cast<int>(to->size()); ++i) {
      const auto at = static_cast<size_t>(i);
      if (axis == i) continue;
      if (!axis && (*from)[at].is_constant(1) && equal((*to)[at], context.batch_dim()))
        axis = i;
      else if (depends_on_batch(context, (*to)[at]))
        return context.block("the shape " + shape_text(*to) + " does not hold the batch as one axis");
    }
    context.set_output(0, axis ? BatchState::batched(*axis) : BatchState::shared());
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const std::vector<int64_t> repeats = repeats_of(context, x);
    Dims dims = x.dims();
    for (size_t i = 0; i < dims.size(); ++i) {
      if (repeats[i] < 0 || __builtin_mul_overflow(dims[i], repeats[i], &dims[i]))
        fail(ErrorCode::invalid_argument, "{} cannot be repeated {} times", describe(x), dims_text(repeats));
    }
    Tensor& y = context.output(0, x.dtype(), dims);
    // Every axis is seen as two: which repeat, and where within it.
    Dims pairs;
    std::vector<int64_t> strides;
    const std::vector<int64_t> from = row_major_strides(x.dims());
    for (size_t i = 0; i < dims.size(); ++i) {
      pairs.insert(pairs.end(), {repeats[i], x.dims()[i]});
      strides.insert(strides.end(), {0, from[i]});
    }
    Tensor as_pairs = y.reshaped(pairs);
    copy_strided(x, 0, strides, as_pairs);
  }

 private:
  std::optional<Ints> known_repeats(const InferContext& context, size_t rank) const {
    if (!one_axis_) return known_or_unknown_ints(context, 1);
    const auto times = known_ints(context, 1);
    const auto axis = known_constants(context, 2);
    if (!times || !axis || times->size() != 1 || axis->size() != 1) return std::nullopt;
    Ints repeats(rank, Dim(1));
    repeats[static_cast<size_t>(normalize_axis((*axis)[0], static_cast<int>(rank)))] = (*times)[0];
    return repeats;
  }

  std::vector<int64_t> repeats_of(const RunContext& context, const Tensor& x) const {
    if (one_axis_) {
      std::vector<int64_t> repeats(x.dims().size(), 1);
      const std::vector<int64_t> times = to_int64s(context.input(1));
      const std::vector<int64_t> axis = to_int64s(context.input(2));
      if (times.size() != 1 || axis.size() != 1)
        fail(ErrorCode::invalid_argument, "Tile takes one number of tiles and one axis");
      repeats[static_cast<size_t>(normalize_axis(axis[0], x.rank()))] = times[0];
      return repeats;
    }
    std::vector<int64_t> repeats = to_int64s(context.input(1));
    if (repeats.size() != x.dims().size())
      fail(ErrorCode::invalid_argument, "{} repeats are given for {}", repeats.size(), describe(x));
    return repeats;
  }

  bool one_axis_;
};

}  // namespace

OpPtr make_tile(const OpArgs& args) { return std::make_shared<Tile>(args.version() < 6); }

}  // namespace spinel::ops
