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

const Shape& require_nhwc(const graph::InferContext& context) {
  const Shape* x = context.shape(0);
  if (x == nullptr || x->size() != 4)
    fail(ErrorCode::internal, "a channels-last pool needs an input of rank 4");
  return *x;
}

}  // namespace

void NhwcPool::infer(graph::InferContext& context) const {
  const Shape& x = require_nhwc(context);
  const std::vector<int64_t>& kernel = layer_.window.kernel_shape;
  const Shape out =
      ops::window_output(layer_.window, {x[0], x[3], x[1], x[2]}, {Dim(kernel[0]), Dim(kernel[1])});
  context.set_tensor(0, context.dtype(0), Shape{x[0], out[0], out[1], x[3]});
}

void NhwcPool::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  const ops::WindowAttrs& window = layer_.window;
  const auto output_dims = [&] {
    const auto axes =
        ops::make_windows(window, {x.dim(0), x.dim(3), x.dim(1), x.dim(2)}, window.kernel_shape);
    return Dims{x.dim(0), axes[0].output, axes[1].output, x.dim(3)};
  };
  Tensor& y = context.output_or(0, x.dtype(), output_dims);
  if (y.element_count() == 0) {
    output_dims();  // Throws if that is so because the input is too small.
    return;
  }
  const Patches patches = make_patches(window, window.kernel_shape[0], window.kernel_shape[1], x, y);
  const int64_t rows = y.dim(0) * y.dim(1);
  const int64_t row_elements = y.dim(2) * y.dim(3);
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
        .pad_bottom = pad_end(window, 0, patches.pad_top, y.dim(1), x.dim(1), window.kernel_shape[0]),
        .pad_right = pad_end(window, 1, patches.pad_left, y.dim(2), x.dim(2), window.kernel_shape[1])};
    if (dtype_bits(x.dtype()) == 8)
      isa_.byte_kernels->max_pool(part, x.dtype() == DType::int8, y.raw());
    else
      pool(part, y.raw());
  });
}

void NhwcGlobalAveragePool::infer(graph::InferContext& context) const {
  const Shape& x = require_nhwc(context);
  context.set_tensor(0, context.dtype(0), Shape{x[0], Dim(1), Dim(1), x[3]});
}

void NhwcGlobalAveragePool::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  Tensor& y = context.output_or(0, x.dtype(), [&] { return Dims{x.dim(0), 1, 1, x.dim(3)}; });
  if (y.element_count() == 0) return;
  const int64_t pixels = x.dim(1) * x.dim(2);
  const int64_t channels = x.dim(3);
  const int64_t element = dtype_bits(x.dtype()) / 8;
  context.parallel_for(x.dim(0), [&](int64_t n) {
    isa_.kernels->mean_rows(x.dtype() == DType::float16,
                            static_cast<const std::byte*>(x.raw()) + n * pixels * channels * element, pixels,
                            channels, static_cast<std::byte*>(y.raw()) + n * channels * element);
  });
}

}  // namespace spinel::cpu
