// CumSum and CumProd: running sums and products along an axis, forwards or backwards.
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

/// Inputs x and axis, one integer; output x's type and shape.
class Cumulative final : public Op {
 public:
  Cumulative(std::string name, bool product, bool exclusive, bool reverse)
      : name_(std::move(name)), product_(product), exclusive_(exclusive), reverse_(reverse) {}

  std::string_view name() const override { return name_; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && !is_float(dtype) && !is_integer(dtype))
      fail(ErrorCode::unsupported, "{} of {} is not defined", name_, dtype_name(dtype));
    const auto axis = known_constants(context, 1);
    if (axis && axis->size() == 1 && context.shape(0) != nullptr)
      normalize_axis((*axis)[0], static_cast<int>(context.shape(0)->size()));
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    if (!require_fixed_inputs(context, 1)) return;
    const auto ints = context.input_ints(1);
    if (!ints || ints->size() != 1 || !(*ints)[0].is_constant() || !context.has_rank(0))
      return context.block("the axis is not known");
    if (context.input(0).axis == normalize_axis((*ints)[0].constant(), context.rank(0)))
      return context.block("the totals run along the batch axis");
    context.set_output(0, context.input(0));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const std::vector<int64_t> given = to_int64s(context.input(1));
    if (given.size() != 1) fail(ErrorCode::invalid_argument, "the axis is not one number");
    const auto axis = static_cast<size_t>(normalize_axis(given[0], x.rank()));
    Tensor& y = context.output(0, x.dtype(), x.dims());
    switch (domain_of(x.dtype())) {
      case Domain::float32:
        return accumulate<float>(x, axis, y);
      case Domain::float64:
        return accumulate<double>(x, axis, y);
      default:
        return accumulate<uint64_t>(x, axis, y);
    }
  }

 private:
  template <class C>
  void accumulate(const Tensor& x, size_t axis, Tensor& y) const {
    const int64_t size = x.dims()[axis];
    const int64_t outer = dim_product(x.dims(), 0, axis);
    const int64_t inner = dim_product(x.dims(), axis + 1, x.dims().size());
    for (int64_t o = 0; o < outer; ++o) {
      for (int64_t i = 0; i < inner; ++i) {
        C total = product_ ? 1 : 0;
        for (int64_t s = 0; s < size; ++s) {
          const int64_t at = (o * size + (reverse_ ? size - 1 - s : s)) * inner + i;
          C buffer;
          const C value = *load(x, at, 1, &buffer);
          const C before = total;
          total = product_ ? total * value : total + value;
          store(exclusive_ ? &before : &total, y, at, 1);
        }
      }
    }
  }

  std::string name_;
  bool product_;
  bool exclusive_;
  bool reverse_;
};

}  // namespace

OpPtr make_cumulative(const OpArgs& args) {
  return std::make_shared<Cumulative>(args.op_type(), args.op_type() == "CumProd",
                                      args.get_flag("exclusive", false), args.get_flag("reverse", false));
}

}  // namespace spinel::ops
