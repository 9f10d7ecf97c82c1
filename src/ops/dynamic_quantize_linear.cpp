// DynamicQuantizeLinear: a tensor as uint8, with the scale and zero point that its own range needs.
#include <algorithm>

#include "ops/compute_type.hpp"
#include "ops/dynamic_quantize.hpp"
#include "ops/elements.hpp"

namespace spinel::ops {

DynamicScale dynamic_scale(const float* values, int64_t count) {
  float low = 0;
  float high = 0;
  for (int64_t i = 0; i < count; ++i) {
    low = values[i] < low ? values[i] : low;
    high = values[i] > high ? values[i] : high;
  }
  return dynamic_scale(low, high);
}

DynamicScale dynamic_scale(float low, float high) {
  DynamicScale out;
  out.scale = low == high ? 1.0f : (high - low) / 255.0f;
  out.zero_point = saturated(-low / out.scale, 0, 255, 0);
  return out;
}

void quantize_uint8(const float* values, int64_t count, DynamicScale scale, uint8_t* to) {
  const auto zero = static_cast<float>(scale.zero_point);
  for (int64_t i = 0; i < count; ++i)
    to[i] = static_cast<uint8_t>(saturated(values[i] / scale.scale, -zero, 255 - zero, scale.zero_point));
}

namespace {

/// x, a float tensor; y uint8 of its dims, y_scale of x's type and y_zero_point uint8, both scalars. Zero is
/// always in the range, and a tensor of zeros gets the scale 1.
class DynamicQuantizeLinear final : public Op {
 public:
  std::string_view name() const override { return "DynamicQuantizeLinear"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    require_float(context, 0, "x");
    context.set_tensor(0, DType::uint8, context.input(0).shape);
    if (context.output_count() > 1) context.set_tensor(1, context.dtype(0), Shape{});
    if (context.output_count() > 2) context.set_tensor(2, DType::uint8, Shape{});
  }
  void batch(BatchContext& context) const override {
    context.block("the scale depends on the range of the whole tensor");
  }
  void run(RunContext& context) const override {
    const Tensor x = to_float32(context.input(0));
    const float* values = x.data<float>().data();
    const DynamicScale scale = dynamic_scale(values, x.element_count());
    Tensor& y = context.output(0, DType::uint8, x.dims());
    for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
      quantize_uint8(values + begin, count, scale, static_cast<uint8_t*>(y.raw()) + begin);
    });
    if (context.output_count() > 1 && context.wants_output(1))
      copy_elements(convert(Tensor::scalar(scale.scale), context.input(0).dtype()),
                    context.output(1, context.input(0).dtype(), {}));
    if (context.output_count() > 2 && context.wants_output(2))
      context.output(2, DType::uint8, {}).data<uint8_t>()[0] = static_cast<uint8_t>(scale.zero_point);
  }
};

}  // namespace

OpPtr make_dynamic_quantize_linear(const OpArgs&) { return std::make_shared<DynamicQuantizeLinear>(); }

}  // namespace spinel::ops
