// BatchNormalization for inference.
#include "ops/batch_normalization.hpp"

#include <cmath>

#include "base/text.hpp"
#include "ops/batch_normalization_training.hpp"
#include "ops/compute_type.hpp"

namespace spinel::ops {
namespace {

constexpr const char* parameter_names[] = {"X", "scale", "B", "input_mean", "input_var"};

template <class T>
void normalize(RunContext& context, const BatchNormalizationAttrs& attrs, int64_t channels, int64_t plane) {
  const Tensor& x = context.input(0);
  const ComputeInput<T> from(x);
  const ComputeInput<T> scale(context.input(1));
  const ComputeInput<T> bias(context.input(2));
  const ComputeInput<T> mean(context.input(3));
  const ComputeInput<T> variance(context.input(4));
  ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
  if (y.count() == 0) return;
  context.parallel_for(x.dim(0), [&](int64_t sample) {
    for (int64_t c = 0; c < channels; ++c) {
      const T factor = scale[c] / std::sqrt(variance[c] + static_cast<T>(attrs.epsilon));
      const T* row = from.data() + (sample * channels + c) * plane;
      T* out = y.data() + (sample * channels + c) * plane;
      for (int64_t i = 0; i < plane; ++i) out[i] = (row[i] - mean[c]) * factor + bias[c];
    }
  });
  y.store();
}

}  // namespace

void BatchNormalizationOp::infer(InferContext& context) const {
  require_only_tensors(context, 5);
  const Shape* x = context.shape(0);
  for (size_t i = 0; i < 5; ++i) {
    require_float(context, i, parameter_names[i]);
    if (i == 0 || !attrs_.per_channel) continue;
    require_rank(context, i, parameter_names[i], 1, 1);
    const Shape* parameter = context.shape(i);
    if (x == nullptr || parameter == nullptr || x->size() < 2) continue;
    if ((*x)[1].is_constant() && (*parameter)[0].is_constant() && !equal((*x)[1], (*parameter)[0]))
      fail(ErrorCode::bad_model, "X {} has {} channels, but {} has {} elements", shape_text(*x),
           (*x)[1].text(), parameter_names[i], (*parameter)[0].text());
  }
  infer_same(context);
  // Outputs 1 to 4 of old opsets are written by training alone; their type must be stated nevertheless.
  for (size_t i = 1; i < context.output_count(); ++i)
    context.set_tensor(i, context.dtype(0),
                       context.shape(1) ? std::optional(*context.shape(1)) : std::nullopt);
}

void BatchNormalizationOp::batch(BatchContext& context) const {
  if (context.output_count() > 1) return context.block("the statistics of training are outputs");
  batch_keep_axis(context, {}, "axis");
  const BatchState state = context.input(0);
  if (state.is_batched() && state.axis != 0 && (state.axis == 1 || !attrs_.per_channel))
    context.block(fmt::format("the batch is axis {}, along which the parameters differ", state.axis));
}

void BatchNormalizationOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  require_float(x, "X");
  if (context.output_count() > 1)
    for (size_t i = 1; i < context.output_count(); ++i)
      if (context.wants_output(i))
        fail(ErrorCode::unsupported, "output {} is computed in training mode alone", i);
  int64_t plane = 1;
  int64_t channels = x.rank() > 1 ? x.dim(1) : 1;
  for (int axis = 2; axis < x.rank(); ++axis) (attrs_.per_channel ? plane : channels) *= x.dim(axis);
  for (size_t i = 1; i < 5; ++i)
    if (context.input(i).element_count() != channels)
      fail(ErrorCode::invalid_argument, "{} is {}, but X {} needs {} elements", parameter_names[i],
           describe(context.input(i)), describe(x), channels);
  if (x.rank() < 1) fail(ErrorCode::invalid_argument, "X is a scalar; it must be [N, C, ...]");
  compute_in(x.dtype(), [&](auto type) { normalize<decltype(type)>(context, attrs_, channels, plane); });
}

OpPtr make_batch_normalization(const OpArgs& args) {
  args.ignore("consumed_inputs");
  bool training = args.output_count() > 1;
  if (args.version() < 7)
    // Inference is often not marked in these opsets; without the outputs of training it is meant.
    training = !args.get_flag("is_test", false) && training;
  else if (args.version() >= 14)
    training = args.get_flag("training_mode", false);
  if (training) {
    if (args.version() < 9 && !args.get_flag("spatial", true))
      fail(ErrorCode::unsupported, "BatchNormalization with spatial = 0 is not supported in training mode");
    return make_batch_normalization_training(args);
  }
  BatchNormalizationAttrs attrs;
  attrs.epsilon = args.get_float("epsilon", 1e-5f);
  args.ignore("momentum");
  if (args.version() < 9) attrs.per_channel = args.get_flag("spatial", true);
  return std::make_shared<BatchNormalizationOp>(attrs);
}

}  // namespace spinel::ops
