// LRN: each element is divided by a power of the squares of its neighbours along the channels.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/window.hpp"

namespace spinel::ops {
namespace {

struct LrnAttrs {
  int64_t size = 1;
  float alpha = 1e-4f;
  float beta = 0.75f;
  float bias = 1;
};

class LrnOp final : public Op {
 public:
  explicit LrnOp(LrnAttrs attrs) : attrs_(attrs) {}
  std::string_view name() const override { return "LRN"; }
  void batch(BatchContext& context) const override { batch_axis_0(context); }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_float(context, 0, "X");
    require_rank(context, 0, "X", 2, 64);
    infer_same(context);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "X");
    if (x.rank() < 2) fail(ErrorCode::invalid_argument, "X {} must be [N, C, ...]", describe(x));
    compute_in(x.dtype(), [&](auto type) {
      using T = decltype(type);
      const ComputeInput<T> from(x);
      ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
      if (y.count() == 0) return;
      const int64_t channels = x.dim(1);
      const int64_t plane = y.count() / x.dim(0) / channels;
      context.parallel_for(x.dim(0) * channels, [&](int64_t task) {
        const int64_t c = task % channels;
        const int64_t first = std::max<int64_t>(0, c - (attrs_.size - 1) / 2);
        const int64_t last = std::min(channels - 1, c + attrs_.size / 2);
        const T* sample = from.data() + (task - c) * plane;
        std::vector<T> squares(static_cast<size_t>(plane), T{0});
        for (int64_t k = first; k <= last; ++k)
          for (int64_t i = 0; i < plane; ++i)
            squares[static_cast<size_t>(i)] += sample[k * plane + i] * sample[k * plane + i];
        const T alpha = static_cast<T>(attrs_.alpha) / static_cast<T>(attrs_.size);
        for (int64_t i = 0; i < plane; ++i)
          y.data()[task * plane + i] =
              sample[c * plane + i] /
              std::pow(static_cast<T>(attrs_.bias) + alpha * squares[static_cast<size_t>(i)],
                       static_cast<T>(attrs_.beta));
      });
      y.store();
    });
  }

 private:
  LrnAttrs attrs_;
};

}  // namespace

OpPtr make_lrn(const OpArgs& args) {
  args.require("size");
  LrnAttrs attrs;
  attrs.size = args.get_int("size", 1);
  attrs.alpha = args.get_float("alpha", 1e-4f);
  attrs.beta = args.get_float("beta", 0.75f);
  attrs.bias = args.get_float("bias", 1);
  if (attrs.size < 1) fail(ErrorCode::bad_model, "LRN: size is {}, it must be 1 or more", attrs.size);
  return std::make_shared<LrnOp>(attrs);
}

}  // namespace spinel::ops
