// PRelu: x where it is not negative, else slope * x.
#include "base/text.hpp"
#include "ops/binary.hpp"
#include "ops/elements.hpp"

namespace spinel::ops {
namespace {

class PRelu final : public Op {
 public:
  /// Before opset 7 a slope of one dim counts the channels, axis 1 of x.
  explicit PRelu(bool slope_per_channel) : slope_per_channel_(slope_per_channel) {}

  std::string_view name() const override { return "PRelu"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_binary_type(binary_kernels("PRelu"), context.dtype(0));
    if (!slope_per_channel_ && context.shape(0) != nullptr && context.shape(1) != nullptr) {
      if (context.shape(1)->size() > context.shape(0)->size())
        fail(ErrorCode::bad_model, "slope {} has more dims than x {}", shape_text(*context.shape(1)),
             shape_text(*context.shape(0)));
      broadcast_shapes(*context.shape(0), *context.shape(1));
    }
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    if (!slope_per_channel_) return batch_elementwise(context);
    batch_keep_axis(context, {1}, "a slope for each channel of axis");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    Tensor slope = context.input(1);
    if (slope_per_channel_ && slope.rank() == 1 && slope.element_count() > 1 && x.rank() > 1) {
      Dims dims(static_cast<size_t>(x.rank() - 1), 1);
      dims[0] = slope.dim(0);
      slope = slope.reshaped(dims);
    }
    if (broadcast_dims(x.dims(), slope.dims()) != x.dims())
      fail(ErrorCode::invalid_argument, "slope {} cannot be broadcast to x {}", describe(slope), describe(x));
    Tensor& y = context.output(0, x.dtype(), x.dims());
    run_binary(binary_kernels("PRelu"), {}, context, x, slope, y);
  }

 private:
  bool slope_per_channel_;
};

}  // namespace

OpPtr make_prelu(const OpArgs& args) {
  args.ignore("consumed_inputs");
  return std::make_shared<PRelu>(args.version() < 7);
}

}  // namespace spinel::ops
