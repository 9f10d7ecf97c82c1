// Dropout: the identity and a mask that keeps all, or with training_mode a random mask.
#include <cstring>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/int_rules.hpp"
#include "ops/op_args.hpp"
#include "ops/random.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class DropoutOp final : public Op {
 public:
  DropoutOp(uint64_t seed, bool mask_is_bool, bool has_training_input)
      : seed_(seed), mask_is_bool_(mask_is_bool), has_training_input_(has_training_input) {}
  std::string_view name() const override { return "Dropout"; }
  /// With a training_mode input the node has to look at it before it passes its data on.
  int view_of() const override { return has_training_input_ ? -1 : 0; }
  bool deterministic() const override { return !has_training_input_; }
  bool keeps_float32(size_t input) const override { return input == 1; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    infer_same(context);
    if (context.output_count() > 1) {
      graph::ValueType mask = context.input(0);
      if (mask_is_bool_) mask.dtype = DType::boolean;
      context.set_output(1, std::move(mask));
    }
  }

  void batch(BatchContext& context) const override {
    if (has_training_input_ && context.has_input(2)) {
      const auto training = context.input_ints(2);
      if (!training || training->size() != 1 || !(*training)[0].is_constant(0))
        return context.block("random numbers depend on the place in the batch");
    }
    batch_keep_axis(context, {}, "axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (has_training_input_ && context.has_input(2) && trains(context.input(2))) return drop(context);
    copy_elements(x, context.output(0, x.dtype(), x.dims()));
    if (context.output_count() < 2 || !context.wants_output(1)) return;
    Tensor& mask = context.output(1, mask_is_bool_ ? DType::boolean : x.dtype(), x.dims());
    if (mask_is_bool_) {
      std::memset(mask.raw(), 1, mask.size_bytes());
    } else {
      Tensor ones(DType::float32, x.dims());
      for (float& one : ones.data<float>()) one = 1;
      copy_elements(convert(ones, x.dtype()), mask);
    }
  }

 private:
  static bool trains(const Tensor& training) {
    if (training.dtype() != DType::boolean || training.element_count() != 1)
      fail(ErrorCode::bad_model, "training_mode is {}, it must be one bool", describe(training));
    return training.data<bool>()[0];
  }

  /// Each element is kept with the probability 1 - ratio, and then divided by that.
  void drop(RunContext& context) const {
    const Tensor& x = context.input(0);
    require_float(x, "data");
    double ratio = 0.5;
    if (context.has_input(1)) {
      const Tensor given = convert(context.input(1), DType::float64);
      ratio = given.element_count() == 1 ? given.data<double>()[0] : -1;
    }
    if (!(ratio >= 0 && ratio < 1))
      fail(ErrorCode::invalid_argument, "ratio is {}, it must be one number in [0, 1)", ratio);
    Tensor kept(DType::boolean, x.dims());
    const auto mask = kept.data<bool>();
    const RandomStream stream(seed_);
    for (size_t i = 0; i < mask.size(); ++i) mask[i] = stream.uniform(static_cast<int64_t>(i)) >= ratio;
    compute_in(x.dtype(), [&](auto type) {
      using T = decltype(type);
      const ComputeInput<T> from(x);
      ComputeOutput<T> y(context, 0, x.dtype(), x.dims());
      const T scale = static_cast<T>(1 / (1 - ratio));
      for (int64_t i = 0; i < y.count(); ++i)
        y.data()[i] = mask[static_cast<size_t>(i)] ? from[i] * scale : T{0};
      y.store();
    });
    if (context.output_count() > 1 && context.wants_output(1))
      copy_elements(kept, context.output(1, DType::boolean, x.dims()));
  }

  uint64_t seed_;
  bool mask_is_bool_;
  bool has_training_input_;
};

}  // namespace

OpPtr make_dropout(const OpArgs& args) {
  args.ignore("ratio");
  args.ignore("consumed_inputs");
  if (args.version() < 7 && !args.get_flag("is_test", false))
    fail(ErrorCode::unsupported,
         "Dropout of opset {} with is_test = 0 is not supported; export the model for inference",
         args.version());
  return std::make_shared<DropoutOp>(read_seed(args), args.version() >= 10,
                                     args.version() >= 12 && args.input_count() > 2);
}

}  // namespace spinel::ops
