// IsNaN and IsInf: which elements are not numbers, or are infinite.
#include <cmath>

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// What counts: NaN, or the infinities that the attributes ask for.
struct Wanted {
  bool nan = false;
  bool positive = false;
  bool negative = false;
};

class IsSpecial final : public Op {
 public:
  IsSpecial(std::string name, Wanted wanted) : name_(std::move(name)), wanted_(wanted) {}

  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && !is_float(dtype))
      fail(ErrorCode::unsupported, "{} of {} is not defined", name_, dtype_name(dtype));
    context.set_tensor(0, DType::boolean, context.input(0).shape);
  }
  void batch(BatchContext& context) const override { batch_elementwise(context); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    Tensor& y = context.output(0, DType::boolean, x.dims());
    auto* out = storage<uint8_t>(y);
    for_each_block(context, x.element_count(), [&](int64_t begin, int64_t count) {
      double buffer[chunk_elements];
      for (const int64_t end = begin + count; begin < end; begin += chunk_elements) {
        const int64_t length = std::min(chunk_elements, end - begin);
        const double* values = load(x, begin, length, buffer);
        for (int64_t i = 0; i < length; ++i) out[begin + i] = is_wanted(values[i]) ? 1 : 0;
      }
    });
  }

 private:
  bool is_wanted(double v) const {
    if (std::isnan(v)) return wanted_.nan;
    return std::isinf(v) && (v > 0 ? wanted_.positive : wanted_.negative);
  }

  std::string name_;
  Wanted wanted_;
};

}  // namespace

OpPtr make_is_nan(const OpArgs&) { return std::make_shared<IsSpecial>("IsNaN", Wanted{true, false, false}); }

OpPtr make_is_inf(const OpArgs& args) {
  const bool positive = args.get_flag("detect_positive", true);
  const bool negative = args.get_flag("detect_negative", true);
  return std::make_shared<IsSpecial>("IsInf", Wanted{false, positive, negative});
}

}  // namespace spinel::ops
