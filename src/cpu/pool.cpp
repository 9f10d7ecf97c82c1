#include "cpu/pool.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cpu/byte_kernels.hpp"
#include "cpu/patches.hpp"

namespace spinel::cpu {
namespace {

using graph::Dim;
using graph::Shape;

constexpr int64_t min_task_elements = int64_t{1} << 15;

const Shape& require_ranked(const graph::InferContext& context) {
  const Shape* x = context.shape(0);
  if (x == nullptr || x->size() < 4 || x->size() > 5)
    fail(ErrorCode::internal, "a channels-last pool needs an input of rank 4 or 5");
  return *x;
}

}  // namespace

void NhwcPool::infer(graph::InferContext& context) const {
  const Shape& x = require_ranked(context);
  if (x.size() != layer_.rank()) fail(ErrorCode::internal, "a pool of rank {}", layer_.rank());
  context.set_tensor(0, context.dtype(0),
                     window_output_shape(layer_.depth_window, layer_.window, x, x.back()));
}

void NhwcPool::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  const ops::WindowAttrs& window = layer_.window;
  const auto output_dims = [&] {
    return window_output_dims(layer_.depth_window, window, x.dims(), x.dim(-1));
  };
  Tensor& y = context.output_or(0, x.dtype(), output_dims);
  if (y.element_count() == 0) {
    output_dims();  // Throws if that is so because the input is too small.
    return;
  }
  const Patches patches =
      make_patches(layer_.depth_window, window, window.kernel_shape[0], window.kernel_shape[1], x, y);
  const int64_t row_elements = y.dim(-2) * y.dim(-1);
  const int64_t rows = y.element_count() / row_elements;
  const int64_t pad_back = takes_planes_alone(layer_.depth_window)
                               ? 0
                               : pad_end(layer_.depth_window, 0, patches.pad_front, patches.out_depth,
                                         patches.depth, patches.kernel_d);
  const int64_t task_rows = std::max<int64_t>(1, min_task_elements / std::max<int64_t>(row_elements, 1));
  const auto pool = layer_.kind == PoolLayer::Kind::max ? isa_.kernels->max_pool : isa_.kernels->average_pool;
  const bool counts_padding = layer_.kind == PoolLayer::Kind::average_counting_padding;
  context.parallel_for((rows + task_rows - 1) / task_rows, [&](int64_t task) {
    const int64_t row = task * task_rows;
    const PoolRows part{
        .patches = patches,
        .row = row,
        .rows = std::min(task_rows, rows - row),
        .counts_padding = counts_padding,
        .pad_back = pad_back,
        .pad_bottom = pad_end(window, 0, patches.pad_top, y.dim(-3), x.dim(-3), window.kernel_shape[0]),
        .pad_right = pad_end(window, 1, patches.pad_left, y.dim(-2), x.dim(-2), window.kernel_shape[1])};
    if (dtype_bits(x.dtype()) == 8)
      isa_.byte_kernels->max_pool(part, x.dtype() == DType::int8, y.raw());
    else
      pool(part, y.raw());
  });
}

void NhwcGlobalAveragePool::infer(graph::InferContext& context) const {
  Shape out = require_ranked(context);
  for (size_t axis = 1; axis + 1 < out.size(); ++axis) out[axis] = Dim(1);
  context.set_tensor(0, context.dtype(0), out);
}

void NhwcGlobalAveragePool::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  Tensor& y = context.output_or(0, x.dtype(), [&] {
    Dims dims(static_cast<size_t>(x.rank()), 1);
    dims.front() = x.dim(0);
    dims.back() = x.dim(-1);
    return dims;
  });
  if (y.element_count() == 0) return;
  const int64_t channels = x.dim(-1);
  const int64_t pixels = x.element_count() / x.dim(0) / channels;
  const int64_t element = dtype_bits(x.dtype()) / 8;
  context.parallel_for(x.dim(0), [&](int64_t n) {
    isa_.kernels->mean_rows(x.dtype() == DType::float16,
                            static_cast<const std::byte*>(x.raw()) + n * pixels * channels * element, pixels,
                            channels, static_cast<std::byte*>(y.raw()) + n * channels * element);
  });
}

}  // namespace spinel::cpu
