#include "ops/shape_rules.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::ops {

int normalize_axis(int64_t axis, int rank) {
  if (axis < -rank || axis >= rank)
    fail(ErrorCode::bad_model, "axis {} is outside [-{}, {}) of a tensor of rank {}", axis, rank, rank, rank);
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Dims broadcast_dims(const Dims& a, const Dims& b) {
  Dims out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < out.size() - a.size() ? 1 : a[i - (out.size() - a.size())];
    const int64_t y = i < out.size() - b.size() ? 1 : b[i - (out.size() - b.size())];
    if (x != y && x != 1 && y != 1)
      fail(ErrorCode::invalid_argument, "shapes {} and {} cannot be broadcast together", dims_text(a),
           dims_text(b));
    out[i] = x == 1 ? y : x;
  }
  return out;
}

Shape broadcast_shapes(const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const Dim x = i < out.size() - a.size() ? Dim(1) : a[i - (out.size() - a.size())];
    const Dim y = i < out.size() - b.size() ? Dim(1) : b[i - (out.size() - b.size())];
    if (x.is_constant(1))
      out[i] = y;
    else if (y.is_constant(1) || equal(x, y))
      out[i] = x;
    else if (x.is_constant() && y.is_constant())
      fail(ErrorCode::bad_model, "shapes {} and {} cannot be broadcast together", shape_text(a),
           shape_text(b));
    else if (x.is_constant())
      out[i] = x;
    else if (y.is_constant())
      out[i] = y;
    else
      out[i] = Dim::unknown();
  }
  return out;
}

std::vector<int64_t> broadcast_strides(const Dims& dims, const Dims& to) {
  std::vector<int64_t> strides(to.size(), 0);
  int64_t stride = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    const size_t from = dims.size() - 1 - i;
    strides[to.size() - 1 - i] = dims[from] == 1 ? 0 : stride;
    stride *= dims[from];
  }
  return strides;
}

void infer_broadcast(InferContext& context, DType dtype) {
  if (dtype == DType::undefined) dtype = context.dtype(0);
  Shape shape;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.has_input(i)) continue;
    const Shape* input = context.shape(i);
    if (input == nullptr) return context.set_tensor(0, dtype);
    shape = broadcast_shapes(shape, *input);
  }
  context.set_tensor(0, dtype, std::move(shape));
}

void infer_same(InferContext& context) { context.set_output(0, context.input(0)); }

void batch_elementwise(BatchContext& context) {
  const Shape* output = context.output_shape(0);
  if (output == nullptr) return context.block("the output's rank is not known");
  std::optional<int> axis;
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.has_input(i)) continue;
    const BatchState state = context.input(i);
    if (state.is_size()) return context.block("a value computed from the batch size is used as data");
    if (!state.is_batched()) continue;
    if (!context.has_rank(i)) return context.block("an input's rank is not known");
    const int here = state.axis + static_cast<int>(output->size()) - context.rank(i);
    if (axis && *axis != here) return context.block("the inputs' batch axes do not meet");
    axis = here;
  }
  if (!axis) return context.set_all_outputs(BatchState::shared());
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.has_input(i) || !context.input(i).is_shared()) continue;
    if (!context.has_rank(i)) return context.block("an input's rank is not known");
    const int here = *axis - (static_cast<int>(output->size()) - context.rank(i));
    if (here >= 0 && !(*context.input_shape(i))[static_cast<size_t>(here)].is_constant(1))
      return context.block("a tensor of fixed size is combined with the batch axis");
  }
  context.set_all_outputs(BatchState::batched(*axis));
}

bool require_shared_inputs(BatchContext& context, size_t first) {
  for (size_t i = first; i < context.input_count(); ++i)
    if (context.has_input(i) && !context.input(i).is_shared()) {
      context.block(fmt::format("input {} depends on the batch", i));
      return false;
    }
  return true;
}

void batch_keep_axis(BatchContext& context, const std::vector<int>& mixed, const char* what) {
  if (!require_shared_inputs(context, 1)) return;
  const BatchState state = context.input(0);
  if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
  if (std::ranges::find(mixed, state.axis) != mixed.end())
    return context.block(fmt::format("{} {} mixes the rows of the batch", what, state.axis));
  context.set_all_outputs(state);
}

void batch_keep_axis(BatchContext& context, std::initializer_list<int> mixed, const char* what) {
  batch_keep_axis(context, std::vector<int>(mixed), what);
}

void require_tensors(const InferContext& context, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (!context.has_input(i)) fail(ErrorCode::bad_model, "input {} is missing", i);
    if (!context.input(i).is_tensor())
      fail(ErrorCode::bad_model, "input {} is {}, not a tensor", i, context.input(i).text());
  }
}

void require_only_tensors(const InferContext& context, size_t count) {
  require_tensors(context, count);
  for (size_t i = count; i < context.input_count(); ++i)
    if (context.has_input(i) && !context.input(i).is_tensor())
      fail(ErrorCode::bad_model, "input {} is {}, not a tensor", i, context.input(i).text());
}

std::vector<int64_t> to_int64s(const Tensor& tensor) {
  if (tensor.dtype() == DType::int64) {
    const auto values = tensor.data<int64_t>();
    return {values.begin(), values.end()};
  }
  const auto values = tensor.data<int32_t>();
  return {values.begin(), values.end()};
}

Tensor to_float32(const Tensor& tensor) { return convert(tensor, DType::float32); }

void require_dtype(const Tensor& tensor, std::initializer_list<DType> allowed, const char* what) {
  if (std::ranges::find(allowed, tensor.dtype()) == allowed.end())
    fail(ErrorCode::unsupported, "{} of type {} is not supported", what, dtype_name(tensor.dtype()));
}

}  // namespace spinel::ops
