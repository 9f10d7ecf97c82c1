// HannWindow, HammingWindow and BlackmanWindow.
#include <cmath>
#include <numbers>

#include "ops/numeric.hpp"
#include "ops/op_args.hpp"
#include "ops/output_type.hpp"
#include "ops/scalar_input.hpp"

namespace spinel::ops {
namespace {

/// a0 - a1 cos(2 pi n / N) + a2 cos(4 pi n / N)
struct Coefficients {
  double a0, a1, a2;
};

/// Input size, one integer; output a window of so many elements. A periodic window of N elements is the
/// symmetric one of N + 1 without its last; the symmetric one of a single element is 1.
class SignalWindow final : public Op {
 public:
  SignalWindow(std::string name, Coefficients coefficients, bool periodic, DType dtype)
      : name_(std::move(name)), coefficients_(coefficients), periodic_(periodic), dtype_(dtype) {}

  std::string_view name() const override { return name_; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 1);
    require_index_type(context, 0);
    const Dim size = known_scalar(context, 0);
    if (size.is_constant() && size.constant() < 0)
      fail(ErrorCode::bad_model, "the size {} of the window is negative", size.constant());
    context.set_tensor(0, dtype_, Shape{size});
  }

  void batch(BatchContext& context) const override {
    context.block("the size of the window depends on the batch");
  }

  void run(RunContext& context) const override {
    const int64_t size = int_scalar(context, 0, "size");
    if (size < 0) fail(ErrorCode::invalid_argument, "the size {} of the window is negative", size);
    Tensor& y = context.output(0, dtype_, {size});
    const double step =
        2 * std::numbers::pi / static_cast<double>(std::max<int64_t>(periodic_ ? size : size - 1, 1));
    const auto& [a0, a1, a2] = coefficients_;
    for (int64_t i = 0; i < size; ++i) {
      const double angle = step * static_cast<double>(i);
      const double value = size == 1 && !periodic_ ? 1 : a0 - a1 * std::cos(angle) + a2 * std::cos(2 * angle);
      store(&value, y, i, 1);
    }
  }

  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return dtype_ == from ? std::make_shared<SignalWindow>(name_, coefficients_, periodic_, to) : nullptr;
  }

 private:
  std::string name_;
  Coefficients coefficients_;
  bool periodic_;
  DType dtype_;
};

}  // namespace

OpPtr make_signal_window(const OpArgs& args) {
  Coefficients coefficients{0.5, 0.5, 0};
  if (args.op_type() == "HammingWindow") coefficients = {25.0 / 46, 21.0 / 46, 0};
  if (args.op_type() == "BlackmanWindow") coefficients = {0.42, 0.5, 0.08};
  return std::make_shared<SignalWindow>(args.op_type(), coefficients, args.get_flag("periodic", true),
                                        numeric_output_type(args));
}

}  // namespace spinel::ops
