// ReverseSequence: the first elements of every sequence reversed, as many as its length says.
#include "ops/elements.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class ReverseSequence final : public Op {
 public:
  ReverseSequence(int batch_axis, int time_axis) : batch_axis_(batch_axis), time_axis_(time_axis) {}

  std::string_view name() const override { return "ReverseSequence"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 2);
    require_movable(context.dtype(0));
    if (context.shape(0) != nullptr && context.shape(0)->size() < 2)
      fail(ErrorCode::bad_model, "the input {} has fewer than two axes", shape_text(*context.shape(0)));
    infer_same(context);
  }

  void batch(BatchContext& context) const override {
    const BatchState data = context.input(0);
    const BatchState lengths = context.input(1);
    if (!data.is_batched() || data.axis == time_axis_)
      return context.block("sequences run along the batch axis");
    if (data.axis == batch_axis_ ? !lengths.is_batched() : !lengths.is_shared())
      return context.block("the lengths do not belong to the samples");
    context.set_output(0, data);
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const std::vector<int64_t> lengths = to_int64s(context.input(1));
    if (x.rank() < 2 || static_cast<int64_t>(lengths.size()) != x.dim(batch_axis_))
      fail(ErrorCode::invalid_argument, "{} lengths are given for {}", lengths.size(), describe(x));
    const int64_t steps = x.dim(time_axis_);
    for (const int64_t length : lengths)
      if (length < 0 || length > steps)
        fail(ErrorCode::invalid_argument, "length {} is outside [0, {}]", length, steps);
    Tensor& y = context.output(0, x.dtype(), x.dims());
    const int64_t first = x.dim(0);
    const int64_t second = x.dim(1);
    const int64_t inner = dim_product(x.dims(), 2, x.dims().size());
    for (int64_t a = 0; a < first; ++a) {
      for (int64_t b = 0; b < second; ++b) {
        const int64_t time = time_axis_ == 0 ? a : b;
        const int64_t length = lengths[static_cast<size_t>(time_axis_ == 0 ? b : a)];
        const int64_t from = time < length ? length - 1 - time : time;
        const int64_t source = time_axis_ == 0 ? from * second + b : a * second + from;
        copy_range(x, source * inner, y, (a * second + b) * inner, inner);
      }
    }
  }

 private:
  int batch_axis_;
  int time_axis_;
};

}  // namespace

OpPtr make_reverse_sequence(const OpArgs& args) {
  const int64_t batch_axis = args.get_int("batch_axis", 1);
  const int64_t time_axis = args.get_int("time_axis", 0);
  if (batch_axis < 0 || batch_axis > 1 || time_axis != 1 - batch_axis)
    fail(ErrorCode::bad_model, "batch_axis {} and time_axis {} must be 0 and 1, or 1 and 0", batch_axis,
         time_axis);
  return std::make_shared<ReverseSequence>(static_cast<int>(batch_axis), static_cast<int>(time_axis));
}

}  // namespace spinel::ops
