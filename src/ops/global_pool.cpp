// GlobalAveragePool, GlobalMaxPool and GlobalLpPool: each plane of [N, C, spatial...] becomes one element.
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/window.hpp"

namespace spinel::ops {
namespace {

enum class Kind { average, max, lp };

class GlobalPoolOp final : public Op {
 public:
  GlobalPoolOp(std::string name, Kind kind, int64_t p) : name_(std::move(name)), kind_(kind), p_(p) {}
  std::string_view name() const override { return name_; }
  void batch(BatchContext& context) const override { batch_axis_0(context); }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_float(context, 0, "X");
    require_rank(context, 0, "X", 2, 64);
    const Shape* x = context.shape(0);
    if (x == nullptr) return context.set_tensor(0, context.dtype(0));
    Shape y(x->size(), Dim(1));
    y[0] = (*x)[0];
    y[1] = (*x)[1];
    context.set_tensor(0, context.dtype(0), std::move(y));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "X");
    if (x.rank() < 2) fail(ErrorCode::invalid_argument, "X {} must be [N, C, spatial...]", describe(x));
    compute_in(x.dtype(), [&](auto type) {
      using T = decltype(type);
      Dims dims(x.dims().size(), 1);
      dims[0] = x.dim(0);
      dims[1] = x.dim(1);
      int64_t plane = 1;
      for (int axis = 2; axis < x.rank(); ++axis) plane *= x.dim(axis);
      const ComputeInput<T> from(x);
      ComputeOutput<T> y(context, 0, x.dtype(), dims);
      context.parallel_for(y.count(), [&](int64_t at) {
        y.data()[at] = static_cast<T>(reduce(from.data() + at * plane, plane));
      });
      y.store();
    });
  }

 private:
  template <class T>
  double reduce(const T* values, int64_t count) const {
    if (kind_ == Kind::max) {
      double best = -std::numeric_limits<double>::infinity();
      for (int64_t i = 0; i < count; ++i)
        if (static_cast<double>(values[i]) > best || std::isnan(values[i]))
          best = static_cast<double>(values[i]);
      return best;
    }
    double sum = 0;
    if (kind_ == Kind::average) {
      for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(values[i]);
      return sum / static_cast<double>(count);
    }
    for (int64_t i = 0; i < count; ++i)
      sum += std::pow(std::abs(static_cast<double>(values[i])), static_cast<double>(p_));
    return std::pow(sum, 1.0 / static_cast<double>(p_));
  }

  std::string name_;
  Kind kind_;
  int64_t p_;
};

}  // namespace

OpPtr make_global_pool(const OpArgs& args) {
  if (args.op_type() == "GlobalAveragePool")
    return std::make_shared<GlobalPoolOp>(args.op_type(), Kind::average, 1);
  if (args.op_type() == "GlobalMaxPool") return std::make_shared<GlobalPoolOp>(args.op_type(), Kind::max, 1);
  const int64_t p = args.get_int("p", 2);
  if (p < 1) fail(ErrorCode::bad_model, "GlobalLpPool: p is {}, it must be 1 or more", p);
  return std::make_shared<GlobalPoolOp>(args.op_type(), Kind::lp, p);
}

}  // namespace spinel::ops
