// CausalConvWithState (opset 27): a depthwise convolution over the present and the past, carried on in a
// state.
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Inputs X [batch, channels, length], W [channels, 1, k], bias [channels] and past [batch, channels, k - 1];
/// outputs Y like X and the last k - 1 columns of past and X joined. 16-bit floats are summed in float32.
class CausalConvWithState final : public Op {
 public:
  explicit CausalConvWithState(bool silu) : silu_(silu) {}

  std::string_view name() const override { return "CausalConvWithState"; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    for (size_t i = 0; i < context.input_count(); ++i) {
      if (!context.has_input(i)) continue;
      require_float(context, i, "an operand");
      const size_t rank = i == bias ? 1 : 3;
      require_rank(context, i, "an operand", rank, rank);
    }
    infer_same(context);
    if (context.output_count() < 2) return;
    const Shape* x = context.shape(0);
    const Shape* w = context.shape(1);
    context.set_tensor(1, context.dtype(0),
                       x != nullptr && w != nullptr
                           ? std::optional<Shape>({(*x)[0], (*x)[1], (*w)[2] - Dim(1)})
                           : std::nullopt);
  }

  void batch(BatchContext& context) const override {
    const auto batched = [&](size_t i) {
      return context.input(i).is_batched() && context.input(i).axis == 0;
    };
    if (!batched(0) || (context.has_input(past) && !batched(past)))
      return context.block("the batch is not axis 0 of the input and its past");
    if (!context.input(1).is_shared() || (context.has_input(bias) && !context.input(bias).is_shared()))
      return context.block("the weights depend on the batch");
    context.set_all_outputs(BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    compute_in(context.input(0).dtype(), [&](auto type) { convolve<decltype(type)>(context); });
  }

 private:
  enum : size_t { bias = 2, past = 3 };

  template <class T>
  void convolve(RunContext& context) const {
    const Tensor& x = context.input(0);
    const Tensor& w = context.input(1);
    const bool has_bias = context.has_input(bias);
    const bool has_past = context.has_input(past);
    if (x.rank() != 3 || w.rank() != 3 || w.dim(0) != x.dim(1) || w.dim(1) != 1 || w.dim(2) < 1 ||
        (has_bias && context.input(bias).dims() != Dims{x.dim(1)}) ||
        (has_past && context.input(past).dims() != Dims{x.dim(0), x.dim(1), w.dim(2) - 1}))
      fail(ErrorCode::invalid_argument, "the weights {}, bias or past do not fit the input {}", describe(w),
           describe(x));
    const int64_t channels = x.dim(1);
    const int64_t length = x.dim(2);
    const int64_t kept = w.dim(2) - 1;
    const ComputeInput<T> from(x);
    const ComputeInput<T> weights(w);
    const ComputeInput<T> biases = has_bias ? ComputeInput<T>(context.input(bias)) : ComputeInput<T>();
    const ComputeInput<T> before = has_past ? ComputeInput<T>(context.input(past)) : ComputeInput<T>();
    ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
    const bool wants_state = context.output_count() > 1 && context.wants_output(1);
    std::optional<ComputeOutput<T>> state;
    if (wants_state) state.emplace(context, 1, x.dtype(), Dims{x.dim(0), channels, kept});
    context.parallel_for(x.dim(0) * channels, [&](int64_t row) {
      const int64_t channel = row % channels;
      std::vector<T> line(static_cast<size_t>(kept + length), T{0});
      if (has_past) std::copy_n(before.data() + row * kept, kept, line.begin());
      std::copy_n(from.data() + row * length, length, line.begin() + kept);
      for (int64_t i = 0; i < length; ++i) {
        T sum = has_bias ? biases[channel] : T{0};
        for (int64_t tap = 0; tap <= kept; ++tap)
          sum += line[static_cast<size_t>(i + tap)] * weights[channel * (kept + 1) + tap];
        y.data()[row * length + i] = silu_ ? sum / (1 + std::exp(-sum)) : sum;
      }
      if (wants_state) std::copy(line.end() - kept, line.end(), state->data() + row * kept);
    });
    y.store();
    if (state) state->store();
  }

  bool silu_;
};

}  // namespace

OpPtr make_causal_conv_with_state(const OpArgs& args) {
  const std::string activation = args.get_string("activation", "none");
  const bool silu = activation == "silu" || activation == "swish";
  if (!silu && activation != "none")
    fail(ErrorCode::bad_model, "activation is '{}'; it is none, silu or swish", activation);
  return std::make_shared<CausalConvWithState>(silu);
}

}  // namespace spinel::ops
