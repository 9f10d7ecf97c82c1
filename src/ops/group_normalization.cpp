// InstanceNormalization and GroupNormalization: each group of channels of a sample is normalised by its own
// mean and variance.
#include "ops/group_normalization.hpp"

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/moments.hpp"

namespace spinel::ops {
namespace {

template <class T>
void normalize(RunContext& context, const GroupNormalizationAttrs& attrs, int64_t groups) {
  const Tensor& x = context.input(0);
  const ComputeInput<T> from(x);
  const ComputeInput<T> scale(context.input(1));
  const ComputeInput<T> bias(context.input(2));
  ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
  if (y.count() == 0) return;
  const int64_t plane = y.count() / x.dim(0) / x.dim(1);
  const int64_t group_channels = x.dim(1) / groups;
  context.parallel_for(x.dim(0) * groups, [&](int64_t task) {
    const int64_t begin = task * group_channels * plane;
    const Moments m = moments(from.data() + begin, group_channels * plane);
    const double inverse = m.inverse_deviation(static_cast<double>(attrs.epsilon));
    for (int64_t c = 0; c < group_channels; ++c) {
      const int64_t group = task % groups;
      const int64_t parameter = attrs.parameters_per_channel ? group * group_channels + c : group;
      const T* in = from.data() + begin + c * plane;
      T* out = y.data() + begin + c * plane;
      for (int64_t i = 0; i < plane; ++i) {
        const T normalized = static_cast<T>((static_cast<double>(in[i]) - m.mean) * inverse);
        out[i] = normalized * scale[parameter] + bias[parameter];
      }
    }
  });
  y.store();
}

}  // namespace

void GroupNormalizationOp::infer(InferContext& context) const {
  require_only_tensors(context, 3);
  require_float(context, 0, "X");
  require_rank(context, 0, "X", 2, 64);
  require_rank(context, 1, "scale", 1, 1);
  require_rank(context, 2, "bias", 1, 1);
  if (const Shape* x = context.shape(0))
    if (attrs_.groups > 0 && (*x)[1].is_constant() && (*x)[1].constant() % attrs_.groups != 0)
      fail(ErrorCode::bad_model, "X {} has {} channels, not a multiple of num_groups {}", shape_text(*x),
           (*x)[1].text(), attrs_.groups);
  infer_same(context);
}

void GroupNormalizationOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  require_float(x, "X");
  if (x.rank() < 2) fail(ErrorCode::invalid_argument, "X {} must be [N, C, ...]", describe(x));
  const int64_t channels = x.dim(1);
  const int64_t groups = attrs_.groups == 0 ? channels : attrs_.groups;
  if (groups > 0 && channels % groups != 0)
    fail(ErrorCode::invalid_argument, "X {} has {} channels, not a multiple of num_groups {}", describe(x),
         channels, groups);
  const int64_t parameters = attrs_.parameters_per_channel ? channels : groups;
  for (size_t i = 1; i < 3; ++i)
    if (context.input(i).element_count() != parameters)
      fail(ErrorCode::invalid_argument, "{} is {}, but X {} needs {} elements", i == 1 ? "scale" : "bias",
           describe(context.input(i)), describe(x), parameters);
  compute_in(x.dtype(), [&](auto type) { normalize<decltype(type)>(context, attrs_, groups); });
}

OpPtr make_group_normalization(const OpArgs& args) {
  GroupNormalizationAttrs attrs;
  attrs.epsilon = args.get_float("epsilon", 1e-5f);
  if (args.op_type() == "InstanceNormalization") {
    args.ignore("consumed_inputs");
  } else {
    args.require("num_groups");
    attrs.groups = args.get_int("num_groups", 1);
    if (attrs.groups < 1)
      fail(ErrorCode::bad_model, "GroupNormalization: num_groups is {}, it must be 1 or more", attrs.groups);
    attrs.parameters_per_channel = args.version() >= 21;
    if (const int64_t stash = args.get_int("stash_type", 1); stash != 1)
      fail(ErrorCode::unsupported, "GroupNormalization: stash_type {} is not supported, only 1 (float32)",
           stash);
  }
  return std::make_shared<GroupNormalizationOp>(args.op_type(), attrs);
}

}  // namespace spinel::ops
