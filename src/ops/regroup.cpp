#include "ops/regroup.hpp"

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/int_rules.hpp"

namespace spinel::ops {

std::string Regroup::text() const {
  std::string out = "dims=";
  for (const auto& factors : dims_) {
    out += '[';
    for (const RegroupFactor& factor : factors)
      out += factor.axis < 0 ? fmt::format("{} ", factor.size) : fmt::format("axis{} ", factor.axis);
    out += ']';
  }
  return out;
}

void Regroup::infer(InferContext& context) const {
  require_tensors(context, 1);
  const Shape* from = context.shape(0);
  if (from == nullptr) fail(ErrorCode::internal, "Regroup needs an input of known rank");
  Shape to;
  for (const auto& factors : dims_) {
    Dim dim(1);
    for (const RegroupFactor& factor : factors)
      dim = dim * (factor.axis < 0 ? Dim(factor.size) : (*from)[static_cast<size_t>(factor.axis)]);
    to.push_back(std::move(dim));
  }
  context.set_tensor(0, context.dtype(0), std::move(to));
}

void Regroup::batch(BatchContext& context) const { batch_reshape(context); }

void Regroup::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  Tensor& y = context.output_or(0, x.dtype(), [&] {
    Dims to;
    for (const auto& factors : dims_) {
      int64_t dim = 1;
      for (const RegroupFactor& factor : factors) dim *= factor.axis < 0 ? factor.size : x.dim(factor.axis);
      to.push_back(dim);
    }
    return to;
  });
  if (y.element_count() != x.element_count())
    fail(ErrorCode::invalid_argument, "{} cannot get the dims {}", describe(x), dims_text(y.dims()));
  copy_elements(x, y);
}

}  // namespace spinel::ops
