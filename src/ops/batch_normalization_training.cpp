// BatchNormalization in training mode: by the statistics of the batch itself.
#include "ops/batch_normalization_training.hpp"

#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Inputs X [N, C, ...], scale, B, input_mean and input_var [C]; outputs Y and, wanted or not, the running
/// mean and variance (input * momentum + batch * (1 - momentum)), and before opset 14 the batch's own mean
/// and, as ONNX Runtime has it, the inverse of its deviation. Variances are those of the population.
class BatchNormalizationTraining final : public Op {
 public:
  BatchNormalizationTraining(float epsilon, float momentum) : epsilon_(epsilon), momentum_(momentum) {}

  std::string_view name() const override { return "BatchNormalization"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 5);
    static constexpr const char* names[] = {"X", "scale", "B", "input_mean", "input_var"};
    for (size_t i = 0; i < 5; ++i) {
      require_float(context, i, names[i]);
      if (i > 0) require_rank(context, i, names[i], 1, 1);
    }
    infer_same(context);
    for (size_t i = 1; i < context.output_count(); ++i)
      context.set_tensor(i, context.dtype(3), context.input(3).shape);
  }

  void batch(BatchContext& context) const override {
    context.block("the batch is normalised by its own statistics");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    require_float(x, "X");
    if (x.rank() < 1) fail(ErrorCode::invalid_argument, "X is a scalar; it must be [N, C, ...]");
    const int64_t channels = x.rank() > 1 ? x.dim(1) : 1;
    for (size_t i = 1; i < 5; ++i)
      if (context.input(i).element_count() != channels)
        fail(ErrorCode::invalid_argument, "input {} is {}, but X {} needs {} elements", i,
             describe(context.input(i)), describe(x), channels);
    compute_in(x.dtype(), [&](auto type) { compute<decltype(type)>(context, channels); });
  }

 private:
  template <class T>
  void compute(RunContext& context, int64_t channels) const {
    const Tensor& x = context.input(0);
    int64_t plane = 1;
    for (int axis = 2; axis < x.rank(); ++axis) plane *= x.dim(axis);
    const ComputeInput<T> from(x), scale(context.input(1)), bias(context.input(2));
    ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
    const double count = static_cast<double>(x.dim(0) * plane);
    std::vector<double> means(static_cast<size_t>(channels)), variances = means;
    // Of one channel, in eight sums side by side, which the compiler turns into vector instructions.
    const auto sum_planes = [&](int64_t c, auto&& term) {
      double sums[8] = {};
      for (int64_t n = 0; n < x.dim(0); ++n) {
        const T* row = from.data() + (n * channels + c) * plane;
        int64_t i = 0;
        for (; i + 8 <= plane; i += 8)
          for (int64_t lane = 0; lane < 8; ++lane) sums[lane] += term(static_cast<double>(row[i + lane]));
        for (; i < plane; ++i) sums[0] += term(static_cast<double>(row[i]));
      }
      return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    };
    context.parallel_for(channels, [&](int64_t c) {
      const double mean = sum_planes(c, [](double value) { return value; }) / count;
      const double variance =
          sum_planes(c, [mean](double value) { return (value - mean) * (value - mean); }) / count;
      const double factor =
          static_cast<double>(scale[c]) / std::sqrt(variance + static_cast<double>(epsilon_));
      for (int64_t n = 0; n < x.dim(0); ++n) {
        const T* row = from.data() + (n * channels + c) * plane;
        T* to = y.data() + (n * channels + c) * plane;
        for (int64_t i = 0; i < plane; ++i)
          to[i] =
              static_cast<T>((static_cast<double>(row[i]) - mean) * factor + static_cast<double>(bias[c]));
      }
      means[static_cast<size_t>(c)] = mean;
      variances[static_cast<size_t>(c)] = variance;
    });
    y.store();
    const double momentum = static_cast<double>(momentum_);
    const auto write = [&](size_t output, size_t like, auto&& value) {
      if (output >= context.output_count() || !context.wants_output(output)) return;
      const ComputeInput<T> before(context.input(like));
      ComputeOutput<T> after(context, output, context.input(like).dtype(), context.input(like).dims());
      for (int64_t c = 0; c < channels; ++c)
        after.data()[c] = static_cast<T>(value(static_cast<double>(before[c]), static_cast<size_t>(c)));
      after.store();
    };
    write(1, 3, [&](double mean, size_t c) { return mean * momentum + means[c] * (1 - momentum); });
    write(2, 4,
          [&](double variance, size_t c) { return variance * momentum + variances[c] * (1 - momentum); });
    write(3, 3, [&](double, size_t c) { return means[c]; });
    write(4, 4,
          [&](double, size_t c) { return 1 / std::sqrt(variances[c] + static_cast<double>(epsilon_)); });
  }

  float epsilon_, momentum_;
};

}  // namespace

OpPtr make_batch_normalization_training(const OpArgs& args) {
  return std::make_shared<BatchNormalizationTraining>(args.get_float("epsilon", 1e-5f),
                                                      args.get_float("momentum", 0.9f));
}

}  // namespace spinel::ops
