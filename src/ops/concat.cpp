// Concat: tensors joined along an axis.
#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

class Concat final : public Op {
 public:
  explicit Concat(int64_t axis) : axis_(axis) {}

  std::string_view name() const override { return "Concat"; }

  void infer(InferContext& context) const override {
    require_tensors(context, context.input_count());
    const DType dtype = context.dtype(0);
    require_movable(dtype);
    std::optional<Shape> joined;
    bool complete = true;
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (context.dtype(i) != dtype && dtype != DType::undefined && context.dtype(i) != DType::undefined)
        fail(ErrorCode::bad_model, "inputs 0 and {} have the types {} and {}", i, dtype_name(dtype),
             dtype_name(context.dtype(i)));
      const Shape* shape = context.shape(i);
      if (shape == nullptr)
        complete = false;
      else
        joined = joined ? join(*joined, *shape) : *shape;
    }
    if (joined) normalize_axis(axis_, static_cast<int>(joined->size()));
    if (joined && !complete)
      (*joined)[static_cast<size_t>(normalize_axis(axis_, static_cast<int>(joined->size())))] =
          Dim::unknown();
    const auto type = graph::ValueType::tensor(dtype, std::move(joined));
    context.set_output(0, type);
    Ints elements;
    for (size_t i = 0; i < context.input_count(); ++i) {
      const auto ints = known_or_unknown_ints(context, i);
      if (!ints) return;
      elements.insert(elements.end(), ints->begin(), ints->end());
    }
    publish_ints(context, 0, type, std::move(elements));
  }

  void batch(BatchContext& context) const override {
    std::optional<int> axis;
    for (size_t i = 0; i < context.input_count(); ++i) {
      const BatchState state = context.input(i);
      if (!context.has_rank(i)) return context.block("an input's rank is not known");
      if (!state.is_batched())
        return context.block("a tensor of fixed size is joined to tensors of the batch");
      if (axis && *axis != state.axis) return context.block("the inputs' batch axes do not meet");
      axis = state.axis;
    }
    if (*axis == normalize_axis(axis_, context.rank(0)))
      return context.block("tensors are joined along the batch axis");
    context.set_output(0, BatchState::batched(*axis));
  }

  std::optional<int64_t> joins_along() const override { return axis_; }

  void run(RunContext& context) const override {
    const Tensor& first = context.input(0);
    const auto axis = static_cast<size_t>(normalize_axis(axis_, first.rank()));
    Dims dims = first.dims();
    for (size_t i = 1; i < context.input_count(); ++i) {
      const Tensor& x = context.input(i);
      bool fits = x.dtype() == first.dtype() && x.rank() == first.rank();
      for (size_t d = 0; fits && d < dims.size(); ++d) fits = d == axis || x.dims()[d] == first.dims()[d];
      if (!fits)
        fail(ErrorCode::invalid_argument, "{} and {} cannot be joined along axis {}", describe(first),
             describe(x), axis);
      dims[axis] += x.dims()[axis];
    }
    Tensor& y = context.output(0, first.dtype(), dims);
    const int64_t outer = dim_product(dims, 0, axis);
    const int64_t row = dim_product(dims, axis, dims.size());
    int64_t place = 0;
    for (size_t i = 0; i < context.input_count(); ++i) {
      const Tensor& x = context.input(i);
      const int64_t length = dim_product(x.dims(), axis, dims.size());
      for (int64_t o = 0; o < outer; ++o) copy_range(x, o * length, y, o * row + place, length);
      place += length;
    }
  }

 private:
  Shape join(const Shape& a, const Shape& b) const {
    if (a.size() != b.size())
      fail(ErrorCode::bad_model, "shapes {} and {} differ in rank", shape_text(a), shape_text(b));
    const auto axis = static_cast<size_t>(normalize_axis(axis_, static_cast<int>(a.size())));
    Shape out = a;
    for (size_t i = 0; i < a.size(); ++i) {
      if (i == axis) {
        out[i] = a[i] + b[i];
      } else if (b[i].is_constant()) {
        if (a[i].is_constant() && !equal(a[i], b[i]))
          fail(ErrorCode::bad_model, "shapes {} and {} cannot be joined along axis {}", shape_text(a),
               shape_text(b), axis);
        out[i] = b[i];
      } else if (a[i].is_unknown()) {
        out[i] = b[i];
      }
    }
    return out;
  }

  int64_t axis_;
};

}  // namespace

OpPtr make_concat(const OpArgs& args) {
  if (args.input_count() == 0) fail(ErrorCode::bad_model, "Concat needs at least one input");
  if (args.version() >= 4) args.require("axis");
  return std::make_shared<Concat>(args.get_int("axis", 1));
}

}  // namespace spinel::ops
