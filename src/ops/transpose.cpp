// Transpose: axes permuted.
#include "ops/transpose.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/elements.hpp"

namespace spinel::ops {
void Transpose::infer(InferContext& context) const {
  require_tensors(context, 1);
  const Shape* from = context.shape(0);
  if (from == nullptr) return context.set_tensor(0, context.dtype(0));
  Shape to;
  for (const size_t axis : order(from->size())) to.push_back((*from)[axis]);
  context.set_tensor(0, context.dtype(0), std::move(to));
}

void Transpose::batch(BatchContext& context) const {
  const BatchState state = context.input(0);
  if (!state.is_batched() || !context.has_rank(0)) return context.block("the input's rank is not known");
  const std::vector<size_t> axes = order(static_cast<size_t>(context.rank(0)));
  const auto at = std::ranges::find(axes, static_cast<size_t>(state.axis));
  context.set_output(0, BatchState::batched(static_cast<int>(at - axes.begin())));
}

void Transpose::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  const std::vector<int64_t> from = row_major_strides(x.dims());
  Dims dims;
  std::vector<int64_t> strides;
  for (const size_t axis : order(x.dims().size())) {
    dims.push_back(x.dims()[axis]);
    strides.push_back(from[axis]);
  }
  copy_strided(x, 0, strides, context.output(0, x.dtype(), dims));
}

std::vector<size_t> Transpose::order(size_t rank) const {
  std::vector<size_t> axes;
  if (perm_.empty()) {
    for (size_t i = rank; i-- > 0;) axes.push_back(i);
    return axes;
  }
  std::vector<bool> seen(rank, false);
  for (const int64_t axis : perm_) {
    const auto at = axis < 0 ? rank : static_cast<size_t>(axis);
    if (perm_.size() != rank || at >= rank || seen[at])
      fail(ErrorCode::bad_model, "perm {} is no permutation of the axes of a tensor of rank {}",
           dims_text(perm_), rank);
    seen[at] = true;
    axes.push_back(at);
  }
  return axes;
}

OpPtr make_transpose(const OpArgs& args) { return std::make_shared<Transpose>(args.get_ints("perm")); }

}  // namespace spinel::ops
