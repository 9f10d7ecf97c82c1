#include "ops/pool.hpp"

#include "base/text.hpp"
#include "ops/compute_type.hpp"

namespace spinel::ops {

std::optional<Shape> infer_pool(const InferContext& context, const WindowAttrs& window) {
  require_rank(context, 0, "X", 3, 5);
  const Shape* x = context.shape(0);
  if (x == nullptr) return std::nullopt;
  Shape kernel;
  for (int64_t size : window.kernel_shape) kernel.emplace_back(size);
  if (kernel.size() + 2 != x->size())
    fail(ErrorCode::bad_model, "attribute kernel_shape is {}, but X is {}", dims_text(window.kernel_shape),
         shape_text(*x));
  Shape out{(*x)[0], (*x)[1]};
  for (const Dim& dim : window_output(window, *x, kernel)) out.push_back(dim);
  return out;
}

std::vector<WindowAxis> pool_windows(const Tensor& x, const WindowAttrs& window) {
  if (x.rank() < 3 || x.rank() > 5 || window.kernel_shape.size() + 2 != x.dims().size())
    fail(ErrorCode::invalid_argument, "X {} does not fit kernel_shape {}: it must be [N, C, spatial...]",
         describe(x), dims_text(window.kernel_shape));
  return make_windows(window, x.dims(), window.kernel_shape);
}

Dims pool_dims(const Tensor& x, const std::vector<WindowAxis>& windows) {
  Dims out{x.dim(0), x.dim(1)};
  for (const WindowAxis& axis : windows) out.push_back(axis.output);
  return out;
}

}  // namespace spinel::ops
