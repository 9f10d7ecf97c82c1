// AveragePool and LpPool.
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/pool.hpp"

namespace spinel::ops {
namespace {

/// How many taps of the window at position `at` of one axis lie on the input or its padding.
int64_t taps_within_padding(const WindowAxis& axis, int64_t at) {
  const int64_t begin = at * axis.stride - axis.pad_begin;
  const int64_t room = axis.input + axis.pad_end - begin;
  return std::min(axis.kernel, (room + axis.dilation - 1) / axis.dilation);
}

/// Calls reduce(plane, position) -> T for every output element.
template <class T, class Reduce>
void run_pool(RunContext& context, const WindowAttrs& window, Reduce&& reduce) {
  const Tensor& x = context.input(0);
  const std::vector<WindowAxis> windows = pool_windows(x, window);
  const auto axes = as_three(windows);
  const ComputeInput<T> from(x);
  ComputeOutput<T> y(context, 0, x.dtype(), pool_dims(x, windows));
  const int64_t in_plane = axes[0].input * axes[1].input * axes[2].input;
  const int64_t out_plane = axes[0].output * axes[1].output * axes[2].output;
  context.parallel_for(out_plane == 0 ? 0 : x.dim(0) * x.dim(1), [&](int64_t plane) {
    for (int64_t at = 0; at < out_plane; ++at)
      y.data()[plane * out_plane + at] = reduce(axes, from.data() + plane * in_plane, at);
  });
  y.store();
}

/// The p-norm of each window.
class LpPoolOp final : public Op {
 public:
  LpPoolOp(WindowAttrs window, int64_t p) : window_(std::move(window)), p_(p) {}
  std::string_view name() const override { return "LpPool"; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_float(context, 0, "X");
    context.set_tensor(0, context.dtype(0), infer_pool(context, window_));
  }
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  void run(RunContext& context) const override {
    require_float(context.input(0), "X");
    compute_in(context.input(0).dtype(), [&](auto type) {
      using T = decltype(type);
      run_pool<T>(context, window_, [this](const auto& axes, const T* plane, int64_t at) {
        double sum = 0;
        for_each_tap(axes, at, [&](int64_t offset) {
          sum += std::pow(std::abs(static_cast<double>(plane[offset])), static_cast<double>(p_));
        });
        return static_cast<T>(std::pow(sum, 1.0 / static_cast<double>(p_)));
      });
    });
  }

 private:
  WindowAttrs window_;
  int64_t p_;
};

}  // namespace

void AveragePoolOp::infer(InferContext& context) const {
  require_only_tensors(context, 1);
  require_float(context, 0, "X");
  context.set_tensor(0, context.dtype(0), infer_pool(context, attrs_.window));
}

void AveragePoolOp::run(RunContext& context) const {
  require_float(context.input(0), "X");
  compute_in(context.input(0).dtype(), [&](auto type) {
    using T = decltype(type);
    run_pool<T>(context, attrs_.window, [this](const auto& axes, const T* plane, int64_t at) {
      double sum = 0;
      int64_t count = 0;
      for_each_tap(axes, at, [&](int64_t offset) {
        sum += static_cast<double>(plane[offset]);
        ++count;
      });
      if (attrs_.count_include_pad)
        count = taps_within_padding(axes[0], at / axes[2].output / axes[1].output) *
                taps_within_padding(axes[1], at / axes[2].output % axes[1].output) *
                taps_within_padding(axes[2], at % axes[2].output);
      return count == 0 ? T{0} : static_cast<T>(sum / static_cast<double>(count));
    });
  });
}

OpPtr make_average_pool(const OpArgs& args) {
  args.require("kernel_shape");
  AveragePoolAttrs attrs;
  attrs.window = read_window(args);
  attrs.count_include_pad = args.get_flag("count_include_pad", false);
  return std::make_shared<AveragePoolOp>(std::move(attrs));
}

OpPtr make_lp_pool(const OpArgs& args) {
  args.require("kernel_shape");
  WindowAttrs window = read_window(args);
  const int64_t p = args.get_int("p", 2);
  if (p < 1) fail(ErrorCode::bad_model, "LpPool: p is {}, it must be 1 or more", p);
  return std::make_shared<LpPoolOp>(std::move(window), p);
}

}  // namespace spinel::ops
