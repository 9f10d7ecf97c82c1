// Pad: constant, reflect, edge and wrap; negative pads cut off.
#include <algorithm>

#include "base/text.hpp"
#include "ops/axis_gather.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

enum class Mode { constant, reflect, edge, wrap };

struct PadAttrs {
  Mode mode = Mode::constant;
  bool from_attributes = false;  ///< Opset 10 and before: pads and value are attributes.
  std::vector<int64_t> pads;
  float value = 0;
};

/// Where in the input the output element at `position` (counted from the first input element) comes from; -1
/// if it is padding.
int64_t source(Mode mode, int64_t position, int64_t size) {
  if (position >= 0 && position < size) return position;
  switch (mode) {
    case Mode::constant:
      return -1;
    case Mode::edge:
      return position < 0 ? 0 : size - 1;
    case Mode::wrap:
      return (position % size + size) % size;
    case Mode::reflect: {
      if (size == 1) return 0;
      const int64_t period = 2 * (size - 1);
      const int64_t at = (position % period + period) % period;
      return at < size ? at : period - at;
    }
  }
  return -1;
}

class PadOp final : public Op {
 public:
  explicit PadOp(PadAttrs attrs) : attrs_(std::move(attrs)) {}
  std::string_view name() const override { return "Pad"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, attrs_.from_attributes ? 1 : 2);
    require_movable(context.dtype(0));
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, context.dtype(0));
    const size_t rank = x->size();
    std::optional<Ints> pads = Ints(attrs_.pads.begin(), attrs_.pads.end());
    std::optional<std::vector<int64_t>> axes;
    if (!attrs_.from_attributes) pads = known_ints(context, 1);
    if (context.has_input(3)) {
      axes = known_constants(context, 3);
      if (!axes) pads.reset();
    }
    Shape y(rank, Dim::unknown());
    if (pads) {
      const std::vector<size_t> order = padded_axes(axes, rank, pads->size(), ErrorCode::bad_model);
      y = *x;
      for (size_t i = 0; i < order.size(); ++i) {
        Dim& dim = y[order[i]];
        dim = dim + (*pads)[i] + (*pads)[order.size() + i];
        if (dim.is_constant() && dim.constant() < 0)
          fail(ErrorCode::bad_model, "pads {} cut more off axis {} of {} than there is", shape_text(*pads),
               order[i], shape_text(*x));
      }
    }
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
    if (!require_fixed_inputs(context, 1)) return;
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    const size_t rank = static_cast<size_t>(context.rank(0));
    std::optional<Ints> pads = Ints(attrs_.pads.begin(), attrs_.pads.end());
    if (!attrs_.from_attributes) pads = context.input_ints(1);
    if (!pads) return context.block("the pads are not known before running");
    std::optional<std::vector<int64_t>> axes;
    if (context.has_input(3)) {
      const auto known = context.input_ints(3);
      if (!known) return context.block("the padded axes are not known before running");
      axes.emplace();
      for (const Dim& axis : *known) {
        if (!axis.is_constant()) return context.block("the padded axes are not known before running");
        axes->push_back(axis.constant());
      }
    }
    const std::vector<size_t> order = padded_axes(axes, rank, pads->size(), ErrorCode::bad_model);
    for (size_t i = 0; i < order.size(); ++i)
      if (order[i] == static_cast<size_t>(state.axis) &&
          !((*pads)[i].is_constant(0) && (*pads)[order.size() + i].is_constant(0)))
        return context.block(fmt::format("axis {}, the batch, is padded", state.axis));
    context.set_output(0, state);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const size_t rank = x.dims().size();
    const std::vector<int64_t> pads = attrs_.from_attributes ? attrs_.pads : to_int64s(context.input(1));
    std::optional<std::vector<int64_t>> axes;
    if (context.has_input(3)) axes = to_int64s(context.input(3));
    const std::vector<size_t> order = padded_axes(axes, rank, pads.size(), ErrorCode::invalid_argument);
    Dims dims = x.dims();
    std::vector<int64_t> begins(rank, 0);
    for (size_t i = 0; i < order.size(); ++i) {
      begins[order[i]] = pads[i];
      int64_t& dim = dims[order[i]];
      if (__builtin_add_overflow(dim, pads[i], &dim) ||
          __builtin_add_overflow(dim, pads[order.size() + i], &dim) || dim < 0)
        fail(ErrorCode::invalid_argument, "pads {} do not fit axis {} of {}", dims_text(pads), order[i],
             describe(x));
    }
    Tensor& y = context.output(0, x.dtype(), dims);
    if (y.element_count() == 0) return;

    // For each axis, the source of each output position.
    std::vector<std::vector<int64_t>> sources(rank);
    for (size_t axis = 0; axis < rank; ++axis) {
      if (attrs_.mode != Mode::constant && x.dims()[axis] == 0)
        fail(ErrorCode::invalid_argument, "axis {} of {} is empty: there is nothing to repeat", axis,
             describe(x));
      for (int64_t at = 0; at < dims[axis]; ++at)
        sources[axis].push_back(source(attrs_.mode, at - begins[axis], x.dims()[axis]));
    }
    Tensor value(x.dtype(), {1});
    if (context.has_input(2)) {
      if (context.input(2).dtype() != x.dtype() || context.input(2).element_count() != 1)
        fail(ErrorCode::invalid_argument, "constant_value is {}, it must be one {}",
             describe(context.input(2)), dtype_name(x.dtype()));
      value = context.input(2);
    } else if (attrs_.value != 0) {
      value = convert(Tensor::from<float>({1}, {attrs_.value}), x.dtype());
    }
    with_storage_type(x.dtype(), [&](auto type) {
      using T = decltype(type);
      gather_axes<T>(x, y, sources, storage<T>(value)[0]);
    });
  }

 private:
  static std::vector<size_t> padded_axes(const std::optional<std::vector<int64_t>>& axes, size_t rank,
                                         size_t pads, ErrorCode code) {
    std::vector<size_t> out;
    if (axes)
      for (int64_t axis : *axes)
        out.push_back(static_cast<size_t>(normalize_axis(axis, static_cast<int>(rank))));
    else
      for (size_t axis = 0; axis < rank; ++axis) out.push_back(axis);
    if (pads != 2 * out.size())
      fail(code, "there are {} pads for {} axes; there must be a begin and an end for each", pads,
           out.size());
    return out;
  }

  PadAttrs attrs_;
};

}  // namespace

OpPtr make_pad(const OpArgs& args) {
  PadAttrs attrs;
  const std::string mode = args.get_string("mode", "constant");
  if (mode == "constant")
    attrs.mode = Mode::constant;
  else if (mode == "reflect")
    attrs.mode = Mode::reflect;
  else if (mode == "edge")
    attrs.mode = Mode::edge;
  else if (mode == "wrap" && args.version() >= 19)
    attrs.mode = Mode::wrap;
  else
    fail(ErrorCode::bad_model, "Pad of opset {}: mode '{}' is not known", args.version(), mode);
  if (args.version() < 11) {
    const char* pads = args.version() < 2 ? "paddings" : "pads";
    args.require(pads);
    attrs.from_attributes = true;
    attrs.pads = args.get_ints(pads);
    attrs.value = args.get_float("value", 0);
  }
  return std::make_shared<PadOp>(std::move(attrs));
}

}  // namespace spinel::ops
