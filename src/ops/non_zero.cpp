// NonZero: the places of all elements that are not zero, one column each, in row-major order.
#include "ops/elements.hpp"
#include "ops/numeric.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

class NonZero final : public Op {
 public:
  std::string_view name() const override { return "NonZero"; }

  void infer(InferContext& context) const override {
    require_tensors(context, 1);
    const DType dtype = context.dtype(0);
    if (dtype != DType::undefined && domain_of(dtype) == Domain::none)
      fail(ErrorCode::unsupported, "NonZero of {} is not defined", dtype_name(dtype));
    const Shape* from = context.shape(0);
    const Dim rank = from == nullptr ? Dim::unknown() : Dim(static_cast<int64_t>(from->size()));
    context.set_tensor(0, DType::int64, Shape{rank, Dim::unknown()});
  }

  void batch(BatchContext& context) const override {
    context.block("how many elements are not zero depends on all samples");
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    std::vector<int64_t> places;
    double buffer[chunk_elements];
    for (int64_t begin = 0; begin < x.element_count(); begin += chunk_elements) {
      const int64_t count = std::min(chunk_elements, x.element_count() - begin);
      const double* values = load(x, begin, count, buffer);
      for (int64_t i = 0; i < count; ++i)
        if (values[i] != 0) places.push_back(begin + i);
    }
    const auto found = static_cast<int64_t>(places.size());
    Tensor& y = context.output(0, DType::int64, {x.rank(), found});
    const auto out = y.data<int64_t>();
    for (int64_t i = 0; i < found; ++i) {
      int64_t rest = places[static_cast<size_t>(i)];
      for (int axis = x.rank(); axis-- > 0;) {
        out[static_cast<size_t>(axis * found + i)] = rest % x.dim(axis);
        rest /= x.dim(axis);
      }
    }
  }
};

}  // namespace

OpPtr make_non_zero(const OpArgs&) { return std::make_shared<NonZero>(); }

}  // namespace spinel::ops
