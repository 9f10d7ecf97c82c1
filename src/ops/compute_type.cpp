#include "ops/compute_type.hpp"

#include "base/text.hpp"

namespace spinel::ops {

void require_float(const graph::InferContext& context, size_t index, const char* name) {
  if (!context.has_input(index)) return;
  const DType dtype = context.dtype(index);
  if (dtype != DType::undefined && !is_float_dtype(dtype))
    fail(ErrorCode::unsupported, "input {} of type {} is not supported; it must be a float type", name,
         dtype_name(dtype));
}

void require_float(const Tensor& tensor, const char* name) {
  if (!is_float_dtype(tensor.dtype()))
    fail(ErrorCode::unsupported, "input {} of type {} is not supported; it must be a float type", name,
         dtype_name(tensor.dtype()));
}

void require_rank(const graph::InferContext& context, size_t index, const char* name, size_t low,
                  size_t high) {
  const graph::Shape* shape = context.shape(index);
  if (shape == nullptr || (shape->size() >= low && shape->size() <= high)) return;
  if (low == high)
    fail(ErrorCode::bad_model, "input {} must have rank {}, not {}", name, low, shape_text(*shape));
  fail(ErrorCode::bad_model, "input {} must have rank {} to {}, not {}", name, low, high, shape_text(*shape));
}

}  // namespace spinel::ops
