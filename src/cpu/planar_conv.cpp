#include "cpu/planar_conv.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/patches.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {
namespace {

/// Output rows of a task: neighbours share input rows.
constexpr int64_t task_rows = 8;
constexpr int64_t max_channels = 4;
/// Of strides, dilations and pads: what a task copies stays small.
constexpr int64_t most_steps = 256;
constexpr int64_t alignment_floats = 16;

int64_t aligned(int64_t floats) {
  return (floats + alignment_floats - 1) / alignment_floats * alignment_floats;
}

/// A task's scratch memory, sizes in floats.
struct Planes {
  int64_t rows, width;      ///< Of a padded plane.
  int64_t planes, offsets;  ///< Sizes of the parts, one after the other,
  int64_t sums;             ///< the last only for float16.
};

Planes plan(const ConvLayer& layer, int64_t out_width) {
  const ops::WindowAttrs& w = layer.window;
  Planes planes{};
  planes.rows = (task_rows - 1) * w.strides[0] + (layer.kernel_h - 1) * w.dilations[0] + 1;
  planes.width = (out_width - 1) * w.strides[1] + (layer.kernel_w - 1) * w.dilations[1] + 1;
  planes.planes = aligned(layer.in_channels * planes.rows * planes.width);
  planes.offsets = aligned(layer.depth());
  planes.sums = layer.dtype == DType::float16 ? task_rows * out_width * layer.out_channels : 0;
  return planes;
}

}  // namespace

bool suits_planar_conv(const ConvLayer& layer) {
  const auto sensible = [](const std::vector<int64_t>& list) {
    return std::ranges::all_of(list, [](int64_t v) { return v <= most_steps; });
  };
  return sensible(layer.window.strides) && sensible(layer.window.dilations) && sensible(layer.window.pads) &&
         layer.group == 1 && layer.in_channels <= max_channels && layer.depth() <= depth_block;
}

Tensor pack_planar_weights(const Kernels& kernels, const Tensor& weights) {
  const Tensor wide = ops::to_float32(weights);
  const int64_t columns = wide.dim(0);
  const int64_t depth = wide.element_count() / columns;
  Tensor packed(DType::float32, {kernels.packed_size(depth, columns)});
  kernels.pack_columns(wide.data<float>().data(), 1, depth, depth, columns, packed.data<float>().data());
  return packed;
}

std::shared_ptr<const PlanarConv> PlanarConv::with_activation(Activation activation, float low,
                                                              float high) const {
  ConvLayer layer = layer_;
  layer.activation = activation;
  layer.low = low;
  layer.high = high;
  return std::make_shared<const PlanarConv>(isa_, std::move(layer));
}

void PlanarConv::infer(graph::InferContext& context) const {
  const graph::Shape* x = context.shape(0);
  if (x == nullptr || x->size() != 4)
    fail(ErrorCode::internal, "a planar convolution needs an input of rank 4");
  const graph::Shape out =
      ops::window_output(layer_.window, *x, {graph::Dim(layer_.kernel_h), graph::Dim(layer_.kernel_w)});
  context.set_tensor(0, context.dtype(0),
                     graph::Shape{(*x)[0], out[0], out[1], graph::Dim(layer_.out_channels)});
}

graph::Scratch PlanarConv::scratch(const graph::ScratchContext& context) const {
  const auto y = context.output_dims(0);
  const Planes planes = plan(layer_, y.size() == 4 ? y[2] : 0);
  return {.per_thread_bytes =
              static_cast<uint64_t>(planes.planes + planes.offsets + planes.sums) * sizeof(float)};
}

void PlanarConv::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  if (x.rank() != 4 || x.dim(1) != layer_.in_channels || x.dtype() != layer_.dtype)
    fail(ErrorCode::invalid_argument, "X {} must be {} and have {} channels", describe(x),
         dtype_name(layer_.dtype), layer_.in_channels);
  const auto output_dims = [&] {
    const auto axes = ops::make_windows(layer_.window, x.dims(), {layer_.kernel_h, layer_.kernel_w});
    return Dims{x.dim(0), axes[0].output, axes[1].output, layer_.out_channels};
  };
  Tensor& y = context.output_or(0, x.dtype(), output_dims);
  if (y.element_count() == 0) {
    output_dims();  // Throws if that is so because the input is too small.
    return;
  }
  const Kernels& kernels = *isa_.kernels;
  const ops::WindowAttrs& window = layer_.window;
  const int64_t height = x.dim(2), width = x.dim(3);
  const int64_t out_height = y.dim(1), out_width = y.dim(2);
  const int64_t pad_top = pad_begin(window, 0, out_height, height, layer_.kernel_h);
  const int64_t pad_left = pad_begin(window, 1, out_width, width, layer_.kernel_w);
  const Planes planes = plan(layer_, out_width);
  const bool half = layer_.dtype == DType::float16;
  const int64_t element = dtype_bits(layer_.dtype) / 8;
  const Epilogue epilogue{.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
                          .activation = layer_.activation,
                          .low = layer_.low,
                          .high = layer_.high};
  // Columns of a padded plane that come from the image.
  const int64_t first = std::min(pad_left, planes.width);
  const int64_t inside = std::clamp<int64_t>(width, 0, planes.width - first);

  const int64_t blocks = (out_height + task_rows - 1) / task_rows;
  context.parallel_for_scratch(x.dim(0) * blocks, [&](int64_t task, std::byte* scratch) {
    auto* plane = reinterpret_cast<float*>(scratch);
    auto* offsets = reinterpret_cast<int32_t*>(plane + planes.planes);
    float* sums = plane + planes.planes + planes.offsets;
    const int64_t sample = task / blocks;
    const int64_t row = task % blocks * task_rows;
    const int64_t rows = std::min(task_rows, out_height - row);
    float* to = plane;
    for (int64_t c = 0; c < layer_.in_channels; ++c)
      for (int64_t r = 0; r < planes.rows; ++r, to += planes.width) {
        const int64_t h = row * window.strides[0] - pad_top + r;
        if (h < 0 || h >= height) {
          std::fill_n(to, planes.width, 0.0F);
          continue;
        }
        const auto* from = static_cast<const std::byte*>(x.raw()) +
                           ((sample * layer_.in_channels + c) * height + h) * width * element;
        std::fill_n(to, first, 0.0F);
        if (half)
          kernels.widen_rows(reinterpret_cast<const uint16_t*>(from), 0, 1, inside, to + first, 0);
        else
          std::memcpy(to + first, from, static_cast<size_t>(inside) * sizeof(float));
        std::fill_n(to + first + inside, planes.width - first - inside, 0.0F);
      }
    int32_t* offset = offsets;
    for (int64_t c = 0; c < layer_.in_channels; ++c)
      for (int64_t kh = 0; kh < layer_.kernel_h; ++kh)
        for (int64_t kw = 0; kw < layer_.kernel_w; ++kw)
          *offset++ = static_cast<int32_t>(
              ((c * planes.rows + kh * window.dilations[0]) * planes.width + kw * window.dilations[1]) *
              static_cast<int64_t>(sizeof(float)));
    auto* c = static_cast<std::byte*>(y.raw()) +
              (sample * out_height + row) * out_width * layer_.out_channels * element;
    kernels.planar_rows({.x = plane,
                         .offsets = offsets,
                         .pixel_step = window.strides[1],
                         .row_step = window.strides[0] * planes.width,
                         .b = context.input(1).data<float>().data(),
                         .c = half ? sums : reinterpret_cast<float*>(c),
                         .rows = rows,
                         .out_width = out_width,
                         .depth = layer_.depth(),
                         .columns = layer_.out_channels,
                         .epilogue = &epilogue});
    if (half)
      kernels.narrow_rows(sums, 0, 1, rows * out_width * layer_.out_channels, reinterpret_cast<uint16_t*>(c),
                          0);
  });
}

}  // namespace spinel::cpu
