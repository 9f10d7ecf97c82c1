// EyeLike: ones on a diagonal of a matrix of the input's shape.
#include "ops/elements.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class EyeLike final : public Op {
 public:
  /// dtype undefined: the input's.
  EyeLike(int64_t diagonal, DType dtype) : diagonal_(diagonal), dtype_(dtype) {}

  std::string_view name() const override { return "EyeLike"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType dtype = dtype_ == DType::undefined ? context.dtype(0) : dtype_;
    if (dtype != DType::undefined && domain_of(dtype) == Domain::none)
      fail(ErrorCode::unsupported, "EyeLike of {} is not defined", dtype_name(dtype));
    if (context.shape(0) != nullptr && context.shape(0)->size() != 2)
      fail(ErrorCode::bad_model, "the input {} is not a matrix", shape_text(*context.shape(0)));
    context.set_tensor(0, dtype, context.input(0).shape);
  }

  void batch(BatchContext& context) const override {
    context.block("the diagonal depends on the place within the batch");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    if (x.rank() != 2) fail(ErrorCode::invalid_argument, "the input {} is not a matrix", describe(x));
    Tensor& y = context.output(0, dtype_ == DType::undefined ? x.dtype() : dtype_, x.dims());
    for (int64_t row = 0; row < x.dim(0); ++row) {
      for (int64_t column = 0; column < x.dim(1); ++column) {
        const double value = column - row == diagonal_ ? 1 : 0;
        store(&value, y, row * x.dim(1) + column, 1);
      }
    }
  }

  std::shared_ptr<const Op> with_float_type(DType from, DType to) const override {
    return dtype_ == from ? std::make_shared<EyeLike>(diagonal_, to) : nullptr;
  }

 private:
  int64_t diagonal_;
  DType dtype_;
};

}  // namespace

OpPtr make_eye_like(const OpArgs& args) {
  const int64_t dtype = args.get_int("dtype", 0);
  if (dtype != 0 && (dtype != static_cast<int32_t>(dtype) || !is_known_dtype(static_cast<int32_t>(dtype))))
    fail(ErrorCode::bad_model, "the attribute dtype={} is no element type", dtype);
  return std::make_shared<EyeLike>(args.get_int("k", 0), static_cast<DType>(dtype));
}

}  // namespace spinel::ops
