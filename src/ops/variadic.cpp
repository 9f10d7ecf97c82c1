// Elementwise operators of any number of inputs, folded from the left: Sum, Mean, Min, Max.
#include "base/text.hpp"
#include "ops/binary.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

class Variadic final : public Op {
 public:
  Variadic(std::string name, const BinaryKernels& kernels, bool exact)
      : name_(std::move(name)), kernels_(kernels), exact_(exact) {}

  std::string_view name() const override { return name_; }

  void infer(InferContext& context) const override {
    require_tensors(context, context.input_count());
    for (size_t i = 0; i < context.input_count(); ++i) {
      require_binary_type(kernels_, context.dtype(i));
      if (context.dtype(i) != context.dtype(0) && context.dtype(i) != DType::undefined &&
          context.dtype(0) != DType::undefined)
        fail(ErrorCode::bad_model, "inputs 0 and {} have the types {} and {}", i,
             dtype_name(context.dtype(0)), dtype_name(context.dtype(i)));
    }
    infer_broadcast(context);
    if (context.input_count() == 1) {
      if (auto ints = known_ints(context, 0)) publish_ints(context, 0, context.input(0), std::move(*ints));
    } else if (context.input_count() == 2 && name_ != "Mean" && is_integer(context.dtype(0))) {
      Binary(kernels_, {}).infer(context);
    }
  }

  void batch(BatchContext& context) const override { batch_elementwise(context); }

  void run(RunContext& context) const override {
    const size_t count = context.input_count();
    Dims dims = context.input(0).dims();
    for (size_t i = 1; i < count; ++i) {
      if (exact_ && context.input(i).dims() != dims)
        fail(ErrorCode::invalid_argument, "inputs 0 and {} have the shapes {} and {}, which must be equal", i,
             dims_text(dims), dims_text(context.input(i).dims()));
      dims = broadcast_dims(dims, context.input(i).dims());
    }
    const Tensor& first = context.input(0);
    Tensor& y = context.output(0, first.dtype(), dims);
    if (count == 1) return copy_elements(first, y);
    if (count == 2 && name_ != "Mean") return run_binary(kernels_, {}, context, first, context.input(1), y);

    // Intermediate results of 16-bit floats stay float32, so that only the last one is rounded.
    const DType wide = domain_of(first.dtype()) == Domain::float32 ? DType::float32 : first.dtype();
    Tensor sum = wide == y.dtype() ? y : Tensor::uninitialized(wide, dims);
    run_binary(kernels_, {}, context, first, count == 1 ? first : context.input(1), sum);
    for (size_t i = 2; i < count; ++i) run_binary(kernels_, {}, context, sum, context.input(i), sum);
    if (name_ == "Mean") {
      const Tensor divisor = convert(Tensor::scalar(static_cast<double>(count)), wide);
      run_binary(binary_kernels("Div"), {}, context, sum, divisor, sum);
    }
    if (wide != y.dtype()) copy_elements(convert(sum, y.dtype()), y);
  }

 private:
  std::string name_;
  const BinaryKernels& kernels_;
  bool exact_;
};

}  // namespace

OpPtr make_variadic(const OpArgs& args) {
  if (args.input_count() == 0) fail(ErrorCode::bad_model, "{} needs at least one input", args.op_type());
  args.ignore("consumed_inputs");
  const std::string& name = args.op_type();
  const bool adds = name == "Sum" || name == "Mean";
  return std::make_shared<Variadic>(name, binary_kernels(adds ? "Add" : name), args.version() < 8);
}

}  // namespace spinel::ops
