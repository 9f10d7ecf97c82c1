#include "ops/quant_scale.hpp"

#include "base/text.hpp"
#include "ops/elements.hpp"
#include "ops/narrow.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

std::vector<float> as_floats(const Tensor& tensor) {
  std::vector<float> out(static_cast<size_t>(tensor.element_count()));
  float buffer[chunk_elements];
  for (int64_t begin = 0; begin < tensor.element_count(); begin += chunk_elements) {
    const int64_t count = std::min(chunk_elements, tensor.element_count() - begin);
    std::copy_n(load_any(tensor, begin, count, buffer), count, out.begin() + begin);
  }
  return out;
}

/// The axis of a vector of scales; a tensor of rank 1 has only one.
int scale_axis(const ScaleAttrs& attrs, int rank) { return rank == 1 ? 0 : normalize_axis(attrs.axis, rank); }

}  // namespace

ScaleWalk::ScaleWalk(const ScaleAttrs& attrs, const Dims& x, const Dims& scale) {
  const int rank = static_cast<int>(x.size());
  if (attrs.block_size == 0 && element_count(scale) == 1) return;
  const auto mismatch = [&] {
    fail(ErrorCode::invalid_argument, "a scale of dims {} does not fit x {} along axis {} with block_size {}",
         dims_text(scale), dims_text(x), attrs.axis, attrs.block_size);
  };
  if (rank == 0) mismatch();
  const int axis = scale_axis(attrs, rank);
  const auto at = static_cast<size_t>(axis);
  axis_ = x[at];
  inner_ = dim_product(x, at + 1, x.size());
  if (attrs.block_size == 0) {
    kind_ = Kind::axis;
    if (scale.size() != 1 || scale[0] != axis_) mismatch();
    return;
  }
  kind_ = Kind::blocks;
  block_ = attrs.block_size;
  groups_ = (axis_ + block_ - 1) / block_;
  Dims wanted = x;
  wanted[at] = groups_;
  if (scale != wanted) mismatch();
}

void batch_scaled(BatchContext& context, const ScaleAttrs& attrs) {
  if (!require_shared_inputs(context, 1)) return;
  const BatchState state = context.input(0);
  if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
  const Shape* scale = context.input_shape(1);
  if (scale == nullptr || !context.has_rank(0)) return context.block("the scale's rank is not known");
  const bool single =
      attrs.block_size == 0 && std::ranges::all_of(*scale, [](const Dim& dim) { return dim.is_constant(1); });
  if (!single && (attrs.block_size != 0 || state.axis == scale_axis(attrs, context.rank(0))))
    return context.block("the scales differ along the batch axis");
  context.set_all_outputs(state);
}

std::vector<float> scale_values(const Tensor& scale) { return as_floats(scale); }

std::vector<float> zero_point_values(const RunContext& context, size_t index, size_t count) {
  if (!context.has_input(index)) return std::vector<float>(count, 0.0f);
  std::vector<float> out = as_floats(context.input(index));
  if (out.size() == 1) out.resize(count, out[0]);
  if (out.size() != count)
    fail(ErrorCode::invalid_argument, "the zero point {} does not fit a scale of {} elements",
         describe(context.input(index)), count);
  return out;
}

float scalar_scale(const Tensor& scale, const char* name) {
  if (scale.element_count() != 1)
    fail(ErrorCode::invalid_argument, "{} is {}; it must have one element", name, describe(scale));
  return as_floats(scale)[0];
}

int32_t scalar_zero_point(const RunContext& context, size_t index, const char* name) {
  return context.has_input(index) ? static_cast<int32_t>(scalar_scale(context.input(index), name)) : 0;
}

}  // namespace spinel::ops
