// ArgMax and ArgMin: where along an axis the greatest or least element is.
#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

struct ArgMaxAttrs {
  int64_t axis = 0;
  bool keep_dims = true;
  bool select_last = false;
  bool minimum = false;
};

class ArgMaxOp final : public Op {
 public:
  explicit ArgMaxOp(ArgMaxAttrs attrs) : attrs_(attrs) {}
  std::string_view name() const override { return attrs_.minimum ? "ArgMin" : "ArgMax"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, DType::int64);
    const int axis = normalize_axis(attrs_.axis, static_cast<int>(x->size()));
    Shape y = *x;
    if (attrs_.keep_dims)
      y[static_cast<size_t>(axis)] = Dim(1);
    else
      y.erase(y.begin() + axis);
    context.set_tensor(0, DType::int64, std::move(y));
  }

  void batch(BatchContext& context) const override {
    const BatchState state = context.input(0);
    if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    const int axis = normalize_axis(attrs_.axis, context.rank(0));
    if (state.axis == axis)
      return context.block(fmt::format("searching along axis {} mixes the rows of the batch", axis));
    context.set_output(0, BatchState::batched(state.axis - (!attrs_.keep_dims && axis < state.axis ? 1 : 0)));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const int axis = normalize_axis(attrs_.axis, x.rank());
    Dims dims = x.dims();
    if (attrs_.keep_dims)
      dims[static_cast<size_t>(axis)] = 1;
    else
      dims.erase(dims.begin() + axis);
    Tensor& y = context.output(0, DType::int64, dims);
    if (y.element_count() > 0 && x.dim(axis) == 0)
      fail(ErrorCode::invalid_argument, "axis {} of {} has no elements to choose from", axis, describe(x));
    switch (x.dtype()) {
      case DType::float32:
        return search<float>(x, axis, y);
      case DType::float64:
        return search<double>(x, axis, y);
      case DType::float16:
      case DType::bfloat16:
        return search<float>(convert(x, DType::float32), axis, y);
      case DType::uint64:
        return search<uint64_t>(x, axis, y);
      case DType::int64:
        return search<int64_t>(x, axis, y);
      case DType::int8:
      case DType::uint8:
      case DType::int16:
      case DType::uint16:
      case DType::int32:
      case DType::uint32:
        return search<int64_t>(convert(x, DType::int64), axis, y);
      default:
        fail(ErrorCode::unsupported, "input data of type {} is not supported", dtype_name(x.dtype()));
    }
  }

 private:
  template <class T>
  void search(const Tensor& x, int axis, Tensor& y) const {
    const auto from = x.data<T>();
    const auto to = y.data<int64_t>();
    int64_t inner = 1;
    for (int i = axis + 1; i < x.rank(); ++i) inner *= x.dim(i);
    const int64_t length = x.dim(axis);
    for (size_t at = 0; at < to.size(); ++at) {
      const int64_t out = static_cast<int64_t>(at);
      const T* line = from.data() + out / inner * length * inner + out % inner;
      int64_t best = 0;
      for (int64_t i = 1; i < length; ++i) {
        const T value = line[i * inner];
        const T held = line[best * inner];
        const bool better = attrs_.minimum ? value < held : value > held;
        if (better || (attrs_.select_last && value == held)) best = i;
      }
      to[at] = best;
    }
  }

  ArgMaxAttrs attrs_;
};

}  // namespace

OpPtr make_arg_max(const OpArgs& args) {
  ArgMaxAttrs attrs;
  attrs.axis = args.get_int("axis", 0);
  attrs.keep_dims = args.get_flag("keepdims", true);
  attrs.select_last = args.get_flag("select_last_index", false);
  attrs.minimum = args.op_type() == "ArgMin";
  return std::make_shared<ArgMaxOp>(attrs);
}

}  // namespace spinel::ops
