// BitCast: the same bits as elements of another type of equal size.
#include <cstring>

#include "base/text.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class BitCast final : public Op {
 public:
  explicit BitCast(DType to) : to_(to) {}

  std::string_view name() const override { return "BitCast"; }
  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType from = context.dtype(0);
    if (from != DType::undefined && (dtype_bits(from) != dtype_bits(to_) || dtype_bits(to_) == 0))
      fail(ErrorCode::bad_model, "{} and {} have elements of different size", dtype_name(from),
           dtype_name(to_));
    context.set_tensor(0, to_, context.input(0).shape);
  }
  void batch(BatchContext& context) const override { batch_keep_axis(context, {}, "axis"); }
  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    Tensor& y = context.output(0, to_, x.dims());
    if (x.element_count() == 0) return;
    if (to_ != DType::boolean) {
      std::memcpy(y.raw(), x.raw(), x.size_bytes());
      return;
    }
    const auto* from = static_cast<const uint8_t*>(x.raw());
    for (bool& each : y.data<bool>()) each = *from++ != 0;
  }

 private:
  DType to_;
};

}  // namespace

OpPtr make_bit_cast(const OpArgs& args) {
  args.require("to");
  const int64_t to = args.get_int("to", 0);
  if (to != static_cast<int32_t>(to) || !is_known_dtype(static_cast<int32_t>(to)))
    fail(ErrorCode::bad_model, "the attribute to={} is no element type", to);
  return std::make_shared<BitCast>(static_cast<DType>(to));
}

}  // namespace spinel::ops
