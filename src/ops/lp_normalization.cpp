// LpNormalization and MeanVarianceNormalization.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/reduce_walk.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Each line along an axis divided by its sum of absolutes (p = 1) or its Euclidean length (p = 2); a line
/// of length 0 becomes 0.
class LpNormalizationOp final : public Op {
 public:
  LpNormalizationOp(int64_t axis, int64_t p) : axis_(axis), p_(p) {}
  std::string_view name() const override { return "LpNormalization"; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_float(context, 0, "input");
    if (const Shape* x = context.shape(0)) normalize_axis(axis_, static_cast<int>(x->size()));
    infer_same(context);
  }
  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    batch_keep_axis(context, {normalize_axis(axis_, context.rank(0))}, "normalising along axis");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "input");
    const int axis = normalize_axis(axis_, x.rank());
    compute_in(x.dtype(), [&](auto type) {
      using T = decltype(type);
      int64_t inner = 1;
      for (int i = axis + 1; i < x.rank(); ++i) inner *= x.dim(i);
      const int64_t length = x.dim(axis);
      const ComputeInput<T> from(x);
      ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
      if (y.count() == 0) return;
      context.parallel_for(y.count() / length, [&](int64_t line) {
        const int64_t begin = line / inner * length * inner + line % inner;
        double norm = 0;
        for (int64_t i = 0; i < length; ++i) {
          const double value = static_cast<double>(from[begin + i * inner]);
          norm += p_ == 1 ? std::abs(value) : value * value;
        }
        if (p_ == 2) norm = std::sqrt(norm);
        for (int64_t i = 0; i < length; ++i)
          y.data()[begin + i * inner] = norm == 0 ? T{0} : from[begin + i * inner] / static_cast<T>(norm);
      });
      y.store();
    });
  }

 private:
  int64_t axis_;
  int64_t p_;
};

/// (X - mean) / (deviation + 1e-9) over the given axes: the function of the specification.
class MeanVarianceNormalizationOp final : public Op {
 public:
  explicit MeanVarianceNormalizationOp(std::vector<int64_t> axes) : axes_(std::move(axes)) {}
  std::string_view name() const override { return "MeanVarianceNormalization"; }
  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_float(context, 0, "X");
    if (const Shape* x = context.shape(0)) reduced(static_cast<int>(x->size()));
    infer_same(context);
  }
  void batch(BatchContext& context) const override {
    if (!context.has_rank(0)) return context.block("the input's rank is not known");
    std::vector<int> mixed;
    for (int64_t axis : axes_) mixed.push_back(normalize_axis(axis, context.rank(0)));
    batch_keep_axis(context, mixed, "normalising over axis");
  }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "X");
    const ReduceWalk walk(x.dims(), reduced(x.rank()));
    compute_in(x.dtype(), [&](auto type) { normalize<decltype(type)>(context, walk); });
  }

 private:
  std::vector<bool> reduced(int rank) const {
    std::vector<bool> out(static_cast<size_t>(rank), false);
    for (int64_t axis : axes_) out[static_cast<size_t>(normalize_axis(axis, rank))] = true;
    return out;
  }

  template <class T>
  static void normalize(RunContext& context, const ReduceWalk& walk) {
    const Tensor& x = context.input(0);
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
    const double count = static_cast<double>(walk.reduced_count());
    context.parallel_for(walk.slices(), [&](int64_t slice) {
      const int64_t first = slice * walk.slice_outputs();
      std::vector<double> means(static_cast<size_t>(walk.slice_outputs()), 0.0);
      std::vector<double> deviations = means;
      const auto each = [&](auto&& visit) {
        walk.rows(slice, [&](int64_t input, int64_t output, int64_t length, int64_t step) {
          for (int64_t i = 0; i < length; ++i)
            visit(input + i, static_cast<size_t>(output - first + i * step));
        });
      };
      each([&](int64_t at, size_t out) { means[out] += static_cast<double>(from[at]); });
      for (double& mean : means) mean /= count;
      each([&](int64_t at, size_t out) {
        const double difference = static_cast<double>(from[at]) - means[out];
        deviations[out] += difference * difference;
      });
      for (double& deviation : deviations) deviation = std::sqrt(deviation / count);
      each([&](int64_t at, size_t out) {
        y.data()[at] =
            static_cast<T>((static_cast<double>(from[at]) - means[out]) / (deviations[out] + 1e-9));
      });
    });
    y.store();
  }

  std::vector<int64_t> axes_;
};

}  // namespace

OpPtr make_lp_normalization(const OpArgs& args) {
  const int64_t p = args.get_int("p", 2);
  if (p != 1 && p != 2) fail(ErrorCode::bad_model, "LpNormalization: p is {}, it must be 1 or 2", p);
  return std::make_shared<LpNormalizationOp>(args.get_int("axis", -1), p);
}

OpPtr make_mean_variance_normalization(const OpArgs& args) {
  return std::make_shared<MeanVarianceNormalizationOp>(args.get_ints("axes", {0, 2, 3}));
}

}  // namespace spinel::ops
