// Dropout when inferring: the identity, and a mask that keeps all.
#include <cstring>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class DropoutOp final : public Op {
 public:
  DropoutOp(bool mask_is_bool, bool has_training_input)
      : mask_is_bool_(mask_is_bool), has_training_input_(has_training_input) {}
  std::string_view name() const override { return "Dropout"; }
  /// With a training_mode input the node has to look at it before it passes its data on.
  int view_of() const override { return has_training_input_ ? -1 : 0; }
  bool keeps_float32(size_t input) const override { return input == 1; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    if (context.has_input(2))
      if (const Tensor* training = context.constant(2)) refuse_training(*training);
    infer_same(context);
    if (context.output_count() > 1) {
      graph::ValueType mask = context.input(0);
      if (mask_is_bool_) mask.dtype = DType::boolean;
      context.set_output(1, std::move(mask));
    }
  }

  void batch(BatchContext& context) const override { batch_keep_axis(context, {}, "axis"); }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (context.has_input(2)) refuse_training(context.input(2));
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
  static void refuse_training(const Tensor& training) {
    if (training.dtype() != DType::boolean || training.element_count() != 1)
      fail(ErrorCode::bad_model, "training_mode is {}, it must be one bool", describe(training));
    if (training.data<bool>()[0])
      fail(ErrorCode::unsupported,
           "Dropout with training_mode = true is not supported; export the model for inference");
  }

  bool mask_is_bool_;
  bool has_training_input_;
};

}  // namespace

OpPtr make_dropout(const OpArgs& args) {
  args.ignore("ratio");
  args.ignore("seed");
  args.ignore("consumed_inputs");
  if (args.version() < 7 && !args.get_flag("is_test", false))
    fail(ErrorCode::unsupported,
         "Dropout of opset {} with is_test = 0 is not supported; export the model for inference",
         args.version());
  return std::make_shared<DropoutOp>(args.version() >= 10, args.input_count() > 2);
}

}  // namespace spinel::ops
