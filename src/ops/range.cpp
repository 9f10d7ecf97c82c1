// Range: start, start + delta, ... up to but not including limit.
#include <cmath>

#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

template <class C>
C scalar(const Tensor& tensor) {
  if (tensor.element_count() != 1)
    fail(ErrorCode::invalid_argument, "{} is not one number", describe(tensor));
  C buffer;
  return *load(tensor, 0, 1, &buffer);
}

int64_t count_of(int64_t start, int64_t limit, int64_t delta) {
  if (delta == 0) fail(ErrorCode::invalid_argument, "delta is 0");
  if (delta > 0 ? start >= limit : start <= limit) return 0;
  const uint64_t span = delta > 0 ? static_cast<uint64_t>(limit) - static_cast<uint64_t>(start)
                                  : static_cast<uint64_t>(start) - static_cast<uint64_t>(limit);
  const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta) : 0 - static_cast<uint64_t>(delta);
  return static_cast<int64_t>((span - 1) / step + 1);
}

class Range final : public Op {
 public:
  std::string_view name() const override { return "Range"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 3);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && !is_float(dtype) && !is_integer(dtype))
      fail(ErrorCode::unsupported, "Range of {} is not defined", dtype_name(dtype));
    const auto start = known_ints(context, 0);
    const auto limit = known_ints(context, 1);
    const auto delta = known_ints(context, 2);
    const bool known =
        start && limit && delta && start->size() == 1 && limit->size() == 1 && delta->size() == 1;
    Dim length = Dim::unknown();
    if (known) {
      const Dim& step = (*delta)[0];
      const Dim span = (*limit)[0] - (*start)[0];
      if (step.is_constant(0)) fail(ErrorCode::bad_model, "delta is 0");
      if (span.is_constant() && step.is_constant())
        length = Dim(count_of(0, span.constant(), step.constant()));
      else if (step.is_constant() && step.constant() > 0 && proven_non_negative(span))
        length = ceil_div(span, step);
    }
    const auto type = graph::ValueType::tensor(dtype, Shape{length});
    context.set_output(0, type);
    if (!length.is_constant() || length.constant() > 1024) return;
    Ints elements;
    for (int64_t i = 0; i < length.constant(); ++i) elements.push_back((*start)[0] + Dim(i) * (*delta)[0]);
    publish_ints(context, 0, type, std::move(elements));
  }

  void batch(BatchContext& context) const override {
    if (!require_fixed_inputs(context, 0)) return context.block("a place within the batch becomes data");
    context.set_output(0, BatchState::shared());
  }

  void run(RunContext& context) const override {
    const Tensor& start = context.input(0);
    const Tensor& limit = context.input(1);
    const Tensor& delta = context.input(2);
    if (is_float(start.dtype()))
      return fill(context, scalar<double>(start), scalar<double>(limit), scalar<double>(delta),
                  start.dtype());
    const auto first = scalar<int64_t>(start);
    const auto step = scalar<int64_t>(delta);
    const int64_t count = count_of(first, scalar<int64_t>(limit), step);
    Tensor& y = context.output(0, start.dtype(), {count});
    for (int64_t i = 0; i < count; ++i) {
      const int64_t value = first + i * step;
      store(&value, y, i, 1);
    }
  }

 private:
  /// Element i is start + i * delta, rounded once.
  static void fill(RunContext& context, double start, double limit, double delta, DType dtype) {
    const double length = std::ceil((limit - start) / delta);
    if (!std::isfinite(length) || length > 0x1p53)
      fail(ErrorCode::invalid_argument, "Range({}, {}, {}) has no end", start, limit, delta);
    const auto count = static_cast<int64_t>(std::max(length, 0.0));
    Tensor& y = context.output(0, dtype, {count});
    for (int64_t i = 0; i < count; ++i) {
      const double value = start + static_cast<double>(i) * delta;
      store(&value, y, i, 1);
    }
  }
};

}  // namespace

OpPtr make_range(const OpArgs&) { return std::make_shared<Range>(); }

}  // namespace spinel::ops
