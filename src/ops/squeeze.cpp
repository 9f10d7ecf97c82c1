// Squeeze and Unsqueeze: axes of size 1 removed and inserted.
#include <algorithm>

#include "base/text.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

using Axes = std::vector<int64_t>;

/// For each axis of a tensor of `rank` whether it is listed. Throws Error(bad_model) if one is outside or
/// listed twice.
std::vector<bool> mark(const Axes& axes, int rank) {
  std::vector<bool> marked(static_cast<size_t>(rank), false);
  for (const int64_t axis : axes) {
    const auto at = static_cast<size_t>(normalize_axis(axis, rank));
    if (marked[at]) fail(ErrorCode::bad_model, "axis {} is listed twice", axis);
    marked[at] = true;
  }
  return marked;
}

/// The axes attribute (opset < 13), or input 1.
class AxesSource {
 public:
  explicit AxesSource(const OpArgs& args) {
    if (args.version() < 13 && args.has("axes")) attribute_ = args.get_ints("axes");
  }
  bool is_attribute() const { return attribute_.has_value(); }
  bool given(const InferContext& context) const { return attribute_ || context.has_input(1); }
  bool given(const RunContext& context) const { return attribute_ || context.has_input(1); }
  std::optional<Axes> known(const InferContext& context) const {
    return attribute_ ? attribute_ : known_constants(context, 1);
  }
  Axes at_run(const RunContext& context) const {
    return attribute_ ? *attribute_ : to_int64s(context.input(1));
  }
  std::optional<Axes> known(const BatchContext& context) const {
    if (attribute_) return attribute_;
    const auto ints = context.input_ints(1);
    return ints ? graph::constant_dims(*ints) : std::nullopt;
  }

 private:
  std::optional<Axes> attribute_;
};

class Squeeze final : public Op {
 public:
  explicit Squeeze(AxesSource axes) : axes_(std::move(axes)) {}

  std::string_view name() const override { return "Squeeze"; }
  int view_of() const override { return 0; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    set_tensor_with_ints(context, context.dtype(0), infer_shape(context));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (!state.is_batched() || !require_fixed_inputs(context, 1))
      return context.block("the axes depend on the batch");
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    std::vector<bool> removed(static_cast<size_t>(context.rank(0)), false);
    const auto axes = axes_.known(context);
    if (axes) {
      removed = mark(*axes, context.rank(0));
    } else {
      if (context.has_input(1)) return context.block("the axes are not known");
      for (size_t i = 0; i < removed.size(); ++i) {
        const Dim& dim = (*context.input_shape(0))[i];
        if (!dim.is_constant()) return context.block("no axes are given and a dim is not known");
        removed[i] = dim.is_constant(1);
      }
    }
    if (removed[static_cast<size_t>(state.axis)]) return context.block("the batch axis is removed");
    const auto before = std::count(removed.begin(), removed.begin() + state.axis, true);
    context.set_output(0, BatchState::batched(state.axis - static_cast<int>(before)));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    Dims dims;
    if (axes_.given(context)) {
      const std::vector<bool> removed = mark(axes_.at_run(context), x.rank());
      for (size_t i = 0; i < removed.size(); ++i) {
        if (!removed[i])
          dims.push_back(x.dims()[i]);
        else if (x.dims()[i] != 1)
          fail(ErrorCode::invalid_argument, "axis {} of {} is to be removed, but its size is not 1", i,
               describe(x));
      }
    } else {
      std::ranges::copy_if(x.dims(), std::back_inserter(dims), [](int64_t dim) { return dim != 1; });
    }
    copy_elements(x, context.output(0, x.dtype(), dims));
  }

 private:
  std::optional<Shape> infer_shape(InferContext& context) const {
    const Shape* from = context.shape(0);
    if (from == nullptr) return std::nullopt;
    Shape to;
    if (!axes_.given(context)) {
      for (const Dim& dim : *from) {
        // A dim that is not a number may turn out to be 1.
        if (!dim.is_constant()) return std::nullopt;
        if (!dim.is_constant(1)) to.push_back(dim);
      }
      return to;
    }
    const auto axes = axes_.known(context);
    if (!axes) return std::nullopt;
    const std::vector<bool> removed = mark(*axes, static_cast<int>(from->size()));
    for (size_t i = 0; i < removed.size(); ++i) {
      if (!removed[i])
        to.push_back((*from)[i]);
      else if ((*from)[i].is_constant() && !(*from)[i].is_constant(1))
        fail(ErrorCode::bad_model, "axis {} of {} is to be removed, but its size is not 1", i,
             shape_text(*from));
    }
    return to;
  }

  AxesSource axes_;
};

class Unsqueeze final : public Op {
 public:
  explicit Unsqueeze(AxesSource axes) : axes_(std::move(axes)) {}

  std::string_view name() const override { return "Unsqueeze"; }
  int view_of() const override { return 0; }

  void infer(InferContext& context) const override {
    require_tensors(context, axes_.is_attribute() ? 1 : 2);
    const Shape* from = context.shape(0);
    const auto axes = axes_.known(context);
    if (from == nullptr || !axes) return context.set_tensor(0, context.dtype(0));
    set_tensor_with_ints(context, context.dtype(0), insert(*from, *axes));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (!state.is_batched() || !require_fixed_inputs(context, 1))
      return context.block("the axes depend on the batch");
    const auto axes = axes_.known(context);
    if (!axes || !context.has_rank(0)) return context.block("the axes or the rank are not known");
    const std::vector<bool> added = mark(*axes, context.rank(0) + static_cast<int>(axes->size()));
    int seen = 0;
    for (size_t i = 0; i < added.size(); ++i)
      if (!added[i] && seen++ == state.axis)
        return context.set_output(0, BatchState::batched(static_cast<int>(i)));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    copy_elements(x, context.output(0, x.dtype(), insert(x.dims(), axes_.at_run(context))));
  }

 private:
  template <class Extents>
  static Extents insert(const Extents& from, const Axes& axes) {
    const std::vector<bool> added = mark(axes, static_cast<int>(from.size() + axes.size()));
    Extents to;
    auto next = from.begin();
    for (const bool one : added) to.push_back(one ? typename Extents::value_type(1) : *next++);
    return to;
  }

  AxesSource axes_;
};

}  // namespace

OpPtr make_squeeze(const OpArgs& args) { return std::make_shared<Squeeze>(AxesSource(args)); }

OpPtr make_unsqueeze(const OpArgs& args) {
  if (args.version() < 13) args.require("axes");
  return std::make_shared<Unsqueeze>(AxesSource(args));
}

}  // namespace spinel::ops
