// Slice: a range of every axis, forwards or backwards.
#include <algorithm>
#include <limits>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

using Numbers = std::vector<int64_t>;

/// The attributes of opset < 10; newer models give the same as inputs 1 to 4.
struct SliceAttrs {
  Numbers starts;
  Numbers ends;
  std::optional<Numbers> axes;
};

/// What one axis is cut to: `length` elements from `start` on, `step` apart.
struct Range {
  int64_t start = 0;
  int64_t length = 0;
  int64_t step = 1;
};

/// The largest 32 and 64-bit numbers stand for "to the end", which is the first element when going backwards:
/// onnxruntime reads them so, and exporters rely on it.
bool is_open_end(int64_t end) {
  return end == std::numeric_limits<int32_t>::max() || end == std::numeric_limits<int64_t>::max();
}

/// Clamped as the specification says. step is not 0.
Range clamp_range(int64_t start, int64_t end, int64_t step, int64_t size) {
  const bool forwards = step > 0;
  const int64_t lowest = forwards ? 0 : -1;
  const int64_t highest = forwards ? size : size - 1;
  const auto clamped = [&](int64_t at) { return std::clamp(at < 0 ? at + size : at, lowest, highest); };
  const int64_t first = std::clamp<int64_t>(clamped(start), 0, std::max<int64_t>(highest, 0));
  const int64_t last = !forwards && is_open_end(end) ? -1 : clamped(end);
  const int64_t span = forwards ? last - first : first - last;
  // The magnitude of the lowest number does not fit into 64 bits.
  const uint64_t stride = forwards ? static_cast<uint64_t>(step) : 0 - static_cast<uint64_t>(step);
  if (span <= 0 || size == 0) return {first, 0, 1};
  const auto length = static_cast<int64_t>((static_cast<uint64_t>(span) - 1) / stride + 1);
  return {first, length, length == 1 ? 1 : step};
}

constexpr int64_t far_away = std::numeric_limits<int32_t>::max();

/// The length of a range with step 1 of an axis whose size is an expression; unknown where the clamping
/// cannot be told.
Dim symbolic_length(const Dim& start, const Dim& end, const Dim& size) {
  // A place as an expression that lies within [0, size], or unknown.
  const auto place = [&](const Dim& at) {
    if (at.is_constant() && at.constant() >= far_away) return size;
    if (at.is_constant() && at.constant() <= -far_away) return Dim(0);
    const Dim from_begin = at.is_constant() && at.constant() < 0 ? size + at : at;
    // An axis of at least one element is taken for granted where one is cut off.
    const bool inside = proven_non_negative(from_begin) || (at.is_constant(-1));
    const bool fits = proven_non_negative(size - from_begin) || from_begin.is_constant(1);
    return inside && fits ? from_begin : Dim::unknown();
  };
  const Dim first = place(start);
  const Dim last = place(end);
  if (first.is_unknown() || last.is_unknown()) return Dim::unknown();
  const Dim length = last - first;
  const bool one_cut_off = equal(last, size) && first.is_constant() && first.constant() <= 1;
  const bool last_cut_off = first.is_constant(0) && end.is_constant(-1);
  return proven_non_negative(length) || one_cut_off || last_cut_off ? length : Dim::unknown();
}

Dim inferred_length(const Dim& start, const Dim& end, const Dim& step, const Dim& size) {
  if (start.is_constant() && end.is_constant() && step.is_constant() && size.is_constant())
    return Dim(clamp_range(start.constant(), end.constant(), step.constant(), size.constant()).length);
  if (step.is_constant(1)) return symbolic_length(start, end, size);
  if (!step.is_constant() || !start.is_constant() || !end.is_constant()) return Dim::unknown();
  const bool all_forwards = step.constant() > 0 && start.is_constant(0) && end.constant() >= far_away;
  const bool all_backwards = step.constant() < 0 && step.constant() > -far_away &&
                             (start.is_constant(-1) || start.constant() >= far_away) &&
                             (end.constant() <= -far_away || is_open_end(end.constant()));
  if (!all_forwards && !all_backwards) return Dim::unknown();
  return ceil_div(size, Dim(std::abs(step.constant())));
}

class Slice final : public Op {
 public:
  explicit Slice(std::optional<SliceAttrs> attrs) : attrs_(std::move(attrs)) {}

  std::string_view name() const override { return "Slice"; }

  void infer(InferContext& context) const override {
    require_tensors(context, attrs_ ? 1 : 3);
    require_movable(context.dtype(0));
    const Shape* from = context.shape(0);
    if (from == nullptr) return context.set_tensor(0, context.dtype(0));
    const auto starts = known(context, 1);
    const auto ends = known(context, 2);
    const auto axes = known_axes(context, starts);
    const auto steps = known(context, 4);
    const int rank = static_cast<int>(from->size());
    Shape to = *from;
    if (!starts || !ends || !axes) {
      to.assign(from->size(), Dim::unknown());
    } else {
      if (ends->size() != starts->size() || axes->size() != starts->size() ||
          (steps && steps->size() != starts->size()))
        fail(ErrorCode::bad_model, "starts, ends, axes and steps differ in length");
      for (size_t i = 0; i < starts->size(); ++i) {
        const auto axis = static_cast<size_t>(normalize_axis((*axes)[i], rank));
        const Dim step = steps ? (*steps)[i] : context.has_input(4) ? Dim::unknown() : Dim(1);
        if (step.is_constant(0)) fail(ErrorCode::bad_model, "the step of axis {} is 0", axis);
        to[axis] = inferred_length((*starts)[i], (*ends)[i], step, (*from)[axis]);
      }
    }
    const auto type = graph::ValueType::tensor(context.dtype(0), std::move(to));
    context.set_output(0, type);
    const auto ints = known_ints(context, 0);
    if (!ints || rank != 1 || !starts || !ends || !axes || starts->size() != 1) return;
    const Dim step = steps ? (*steps)[0] : context.has_input(4) ? Dim::unknown() : Dim(1);
    if (!(*starts)[0].is_constant() || !(*ends)[0].is_constant() || !step.is_constant()) return;
    const Range range = clamp_range((*starts)[0].constant(), (*ends)[0].constant(), step.constant(),
                                    static_cast<int64_t>(ints->size()));
    Ints elements;
    for (int64_t i = 0; i < range.length; ++i)
      elements.push_back((*ints)[static_cast<size_t>(range.start + i * range.step)]);
    publish_ints(context, 0, type, std::move(elements));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (!state.is_batched() || !require_fixed_inputs(context, 1))
      return context.block("the range depends on the batch");
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    const auto starts = attrs_ ? std::optional(graph::to_shape(attrs_->starts)) : context.input_ints(1);
    const auto ends = attrs_ ? std::optional(graph::to_shape(attrs_->ends)) : context.input_ints(2);
    if (!starts || !ends) return context.block("the range is not known");
    Numbers axes;
    if (attrs_ ? attrs_->axes.has_value() : context.has_input(3)) {
      const auto ints = attrs_ ? std::optional(graph::to_shape(*attrs_->axes)) : context.input_ints(3);
      const auto constants = ints ? graph::constant_dims(*ints) : std::nullopt;
      if (!constants) return context.block("the axes are not known");
      axes = *constants;
    } else {
      for (size_t i = 0; i < starts->size(); ++i) axes.push_back(static_cast<int64_t>(i));
    }
    for (size_t i = 0; i < axes.size(); ++i) {
      if (normalize_axis(axes[i], context.rank(0)) != state.axis) continue;
      const bool all = (*starts)[i].is_constant(0) && (*ends)[i].is_constant() &&
                       (*ends)[i].constant() >= far_away && (attrs_ || step_is_one(context, i));
      if (!all) return context.block("rows of the batch are picked by their place");
    }
    context.set_output(0, state);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Numbers starts = at_run(context, 1);
    const Numbers ends = at_run(context, 2);
    Numbers axes;
    if (attrs_ ? attrs_->axes.has_value() : context.has_input(3)) {
      axes = attrs_ ? *attrs_->axes : to_int64s(context.input(3));
    } else {
      for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    }
    const Numbers steps =
        !attrs_ && context.has_input(4) ? to_int64s(context.input(4)) : Numbers(starts.size(), 1);
    if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
      fail(ErrorCode::invalid_argument, "starts, ends, axes and steps differ in length");
    Dims dims = x.dims();
    std::vector<int64_t> strides = row_major_strides(dims);
    int64_t offset = 0;
    std::vector<bool> seen(dims.size(), false);
    for (size_t i = 0; i < starts.size(); ++i) {
      const auto axis = static_cast<size_t>(normalize_axis(axes[i], x.rank()));
      if (seen[axis]) fail(ErrorCode::invalid_argument, "axis {} is listed twice", axis);
      seen[axis] = true;
      if (steps[i] == 0) fail(ErrorCode::invalid_argument, "the step of axis {} is 0", axis);
      const Range range = clamp_range(starts[i], ends[i], steps[i], dims[axis]);
      offset += range.start * strides[axis];
      dims[axis] = range.length;
      strides[axis] *= range.step;
    }
    copy_strided(x, offset, strides, context.output(0, x.dtype(), dims));
  }

 private:
  std::optional<Ints> known(const InferContext& context, size_t input) const {
    if (!attrs_) return known_or_unknown_ints_if_given(context, input);
    if (input == 1) return graph::to_shape(attrs_->starts);
    if (input == 2) return graph::to_shape(attrs_->ends);
    return std::nullopt;
  }
  static std::optional<Ints> known_or_unknown_ints_if_given(const InferContext& context, size_t input) {
    return context.has_input(input) ? known_or_unknown_ints(context, input) : std::nullopt;
  }
  std::optional<Numbers> known_axes(const InferContext& context, const std::optional<Ints>& starts) const {
    if (attrs_ && attrs_->axes) return attrs_->axes;
    if (!attrs_ && context.has_input(3)) return known_constants(context, 3);
    if (!starts) return std::nullopt;
    Numbers axes;
    for (size_t i = 0; i < starts->size(); ++i) axes.push_back(static_cast<int64_t>(i));
    return axes;
  }
  Numbers at_run(const RunContext& context, size_t input) const {
    if (attrs_) return input == 1 ? attrs_->starts : attrs_->ends;
    return to_int64s(context.input(input));
  }
  static bool step_is_one(const BatchContext& context, size_t at) {
    if (!context.has_input(4)) return true;
    const auto steps = context.input_ints(4);
    return steps && at < steps->size() && (*steps)[at].is_constant(1);
  }

  std::optional<SliceAttrs> attrs_;
};

}  // namespace

OpPtr make_slice(const OpArgs& args) {
  if (args.version() >= 10) return std::make_shared<Slice>(std::nullopt);
  args.require("starts");
  args.require("ends");
  SliceAttrs attrs{args.get_ints("starts"), args.get_ints("ends"), std::nullopt};
  if (args.has("axes")) attrs.axes = args.get_ints("axes");
  if (attrs.starts.size() != attrs.ends.size() || (attrs.axes && attrs.axes->size() != attrs.starts.size()))
    fail(ErrorCode::bad_model, "starts, ends and axes differ in length");
  return std::make_shared<Slice>(std::move(attrs));
}

}  // namespace spinel::ops
