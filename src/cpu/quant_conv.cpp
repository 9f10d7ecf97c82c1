#include "cpu/quant_conv.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/patches.hpp"
#include "cpu/tasks.hpp"

namespace spinel::cpu {
namespace {

using graph::Dim;
using graph::Shape;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

Dims output_dims(const QuantConvLayer& layer, const Dims& x) {
  const auto axes =
      ops::make_windows(layer.window, {x[0], x[3], x[1], x[2]}, {layer.kernel_h, layer.kernel_w});
  return {x[0], axes[0].output, axes[1].output, layer.out_channels};
}

bool is_pointwise(const QuantConvLayer& layer) {
  const ops::WindowAttrs& window = layer.window;
  return layer.taps() == 1 && std::ranges::count(window.strides, 1) == 2 &&
         (window.auto_pad != ops::AutoPad::notset || std::ranges::count(window.pads, 0) == 4);
}

/// Repeats a single element; pads with zeros group by group.
template <class T>
Tensor by_column(DType dtype, std::span<const T> values, int64_t groups, int64_t columns, int64_t whole) {
  Tensor out(dtype, {groups * whole});
  for (int64_t g = 0; g < groups; ++g)
    for (int64_t n = 0; n < columns; ++n)
      out.data<T>()[static_cast<size_t>(g * whole + n)] =
          values[values.size() == 1 ? 0 : static_cast<size_t>(g * columns + n)];
  return out;
}

/// A layer's weights as they lie in W.
struct Weights {
  const QuantConvLayer& layer;
  const uint8_t* bytes;
  bool is_signed;

  uint8_t byte(int64_t channel, int64_t in, int64_t tap) const {
    return bytes[(channel * (layer.in_channels / layer.group) + in) * layer.taps() + tap];
  }
  int32_t number(int64_t channel, int64_t in, int64_t tap) const {
    const uint8_t each = byte(channel, in, tap);
    return is_signed ? static_cast<int8_t>(each) : int32_t{each};
  }
};

Tensor pack_depthwise(const QuantConvLayer& layer, const Weights& w, std::span<const int32_t> zero_points,
                      int64_t whole) {
  Tensor packed(DType::int16, {layer.taps() * whole});
  for (int64_t tap = 0; tap < layer.taps(); ++tap)
    for (int64_t c = 0; c < layer.out_channels; ++c)
      packed.data<int16_t>()[static_cast<size_t>(tap * whole + c)] = static_cast<int16_t>(
          w.number(c, 0, tap) - zero_points[zero_points.size() == 1 ? 0 : static_cast<size_t>(c)]);
  return packed;
}

}  // namespace

QuantConvSizes quant_conv_sizes(const ByteKernels& kernels, const QuantConvLayer& layer) {
  if (layer.depthwise()) {
    const int64_t whole = ceil_div(layer.out_channels, depthwise_channels) * depthwise_channels;
    return {DType::int16, layer.taps() * whole, whole};
  }
  return {kernels.element_bytes == 1 ? DType::uint8 : DType::int16,
          layer.group * kernels.packed_bytes(layer.depth(), layer.columns()) / kernels.element_bytes,
          layer.group * kernels.whole_columns(layer.columns())};
}

QuantConvConstants pack_quant_conv(const ByteKernels& kernels, const QuantConvLayer& layer, const Tensor& w,
                                   std::span<const int32_t> zero_points, std::span<const float> multipliers,
                                   const Tensor& bias) {
  const QuantConvSizes sizes = quant_conv_sizes(kernels, layer);
  const int64_t groups = layer.depthwise() ? 1 : layer.group;
  const int64_t columns = layer.out_channels / groups;
  const int64_t whole = sizes.columns / groups;
  const Weights weights{layer, static_cast<const uint8_t*>(w.raw()), w.dtype() == DType::int8};
  const int32_t no_bias[] = {0};
  QuantConvConstants out;
  out.multipliers = by_column(DType::float32, multipliers, groups, columns, whole);
  out.start = by_column(DType::int32, bias.defined() ? std::span(bias.data<int32_t>()) : std::span(no_bias),
                        groups, columns, whole);
  if (layer.depthwise()) {
    out.weights = pack_depthwise(layer, weights, zero_points, whole);
    return out;
  }
  const int64_t depth = layer.depth();
  const int64_t channels = layer.in_channels / layer.group;
  const int64_t group_bytes = kernels.packed_bytes(depth, columns);
  out.weights = Tensor::uninitialized(sizes.weights_dtype, {sizes.weights});
  // [column][tap][channel]: the order of K in the patches.
  std::vector<uint8_t> ordered(static_cast<size_t>(depth * columns));
  std::vector<int32_t> zeros(static_cast<size_t>(layer.out_channels));
  for (size_t c = 0; c < zeros.size(); ++c) zeros[c] = zero_points[zero_points.size() == 1 ? 0 : c];
  for (int64_t g = 0; g < groups; ++g) {
    uint8_t* to = ordered.data();
    for (int64_t n = 0; n < columns; ++n)
      for (int64_t t = 0; t < layer.taps(); ++t)
        for (int64_t c = 0; c < channels; ++c) *to++ = weights.byte(g * columns + n, c, t);
    kernels.pack_columns(ordered.data(), weights.is_signed, zeros.data() + g * columns, 1, 1, depth, depth,
                         columns, static_cast<std::byte*>(out.weights.raw()) + g * group_bytes);
  }
  if (!kernels.multiplies_bytes) return out;
  // With elements x' and w' of zero points p and q the sum of (x' - p) (w' - q) is that of x' w', less p
  // times the sum of (w' - q), less q times the sum of x'.
  const int32_t shift = weights.is_signed ? 0 : 128;
  const auto p = static_cast<uint32_t>(layer.x_zero_point + (layer.x_dtype == DType::int8 ? 128 : 0));
  for (int64_t m = 0; m < layer.out_channels; ++m) {
    uint32_t sum = 0;
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < layer.taps(); ++t)
        sum += static_cast<uint32_t>(weights.number(m, c, t) - zeros[static_cast<size_t>(m)]);
    int32_t& start = out.start.data<int32_t>()[static_cast<size_t>(m / columns * whole + m % columns)];
    start = static_cast<int32_t>(static_cast<uint32_t>(start) - p * sum);
  }
  for (int32_t& zero : zeros) zero -= shift;
  if (std::ranges::count(zeros, 0) != std::ssize(zeros))
    out.zero_points = by_column(DType::int32, std::span<const int32_t>(zeros), groups, columns, whole);
  return out;
}

std::string quant_conv_text(const QuantConvLayer& layer) {
  const ops::WindowAttrs& w = layer.window;
  return fmt::format(
      "{} {} -> {} {} kernel={}x{} strides={} dilations={} pads={} auto_pad={} group={} channels={}->{}",
      dtype_name(layer.x_dtype), layer.x_zero_point, dtype_name(layer.y_dtype), layer.y_zero_point,
      layer.kernel_h, layer.kernel_w, dims_text(w.strides), dims_text(w.dilations), dims_text(w.pads),
      static_cast<int>(w.auto_pad), layer.group, layer.in_channels, layer.out_channels);
}

void NhwcQuantConv::infer(graph::InferContext& context) const {
  const Shape* x = context.shape(0);
  if (x == nullptr || x->size() != 4)
    fail(ErrorCode::internal, "a channels-last convolution needs an input of rank 4");
  const Shape nchw{(*x)[0], (*x)[3], (*x)[1], (*x)[2]};
  const Shape out = ops::window_output(layer_.window, nchw, {Dim(layer_.kernel_h), Dim(layer_.kernel_w)});
  context.set_tensor(0, layer_.y_dtype, Shape{(*x)[0], out[0], out[1], Dim(layer_.out_channels)});
}

graph::Scratch NhwcQuantConv::scratch(const graph::ScratchContext&) const {
  if (layer_.depthwise()) return {};
  return {.per_thread_bytes = quant_product_scratch_bytes(kernels_, layer_.depth(), layer_.columns())};
}

void NhwcQuantConv::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  if (x.rank() != 4 || x.dim(3) != layer_.in_channels || x.dtype() != layer_.x_dtype)
    fail(ErrorCode::invalid_argument, "X {} must be {} and have {} channels", describe(x),
         dtype_name(layer_.x_dtype), layer_.in_channels);
  Tensor& y = context.output_or(0, layer_.y_dtype, [&] { return output_dims(layer_, x.dims()); });
  if (y.element_count() == 0) {
    output_dims(layer_, x.dims());  // Throws if that is so because the input is too small.
    return;
  }
  const Patches patches = make_patches(layer_.window, layer_.kernel_h, layer_.kernel_w, x, y);
  layer_.depthwise() ? run_depthwise(context, patches, y) : run_product(context, patches, y);
}

ByteEpilogue NhwcQuantConv::epilogue(const graph::RunContext& context) const {
  return byte_epilogue(layer_.y_dtype, layer_.y_zero_point, context.input(3).data<float>().data());
}

void NhwcQuantConv::run_depthwise(graph::RunContext& context, const Patches& patches, Tensor& y) const {
  const ByteEpilogue following = epilogue(context);
  const int64_t rows = y.dim(0) * y.dim(1);
  parallel_rows(context, rows, y.dim(2) * y.dim(3) * layer_.taps(), [&](int64_t begin, int64_t count) {
    kernels_.depthwise_rows({.patches = patches,
                             .x = {layer_.x_dtype == DType::int8, layer_.x_zero_point},
                             .weights = context.input(1).data<int16_t>().data(),
                             .start = context.input(2).data<int32_t>().data(),
                             .padded_channels = context.input(2).element_count(),
                             .y = static_cast<uint8_t*>(y.raw()),
                             .row = begin,
                             .rows = count,
                             .epilogue = &following});
  });
}

void NhwcQuantConv::run_product(graph::RunContext& context, const Patches& patches, Tensor& y) const {
  const int64_t depth = layer_.depth();
  const int64_t columns = layer_.columns();
  const int64_t whole_columns = kernels_.whole_columns(columns);
  const int64_t channels = layer_.in_channels / layer_.group;
  QuantProduct all;
  all.patches = patches;
  all.patches.channels = channels;
  all.is_matrix = is_pointwise(layer_);
  all.a = {layer_.x_dtype == DType::int8, layer_.x_zero_point};
  all.rows = y.dim(0) * y.dim(1) * y.dim(2);
  all.depth = depth;
  all.columns = columns;
  all.result = QuantProduct::Result::bytes;
  all.bytes = epilogue(context);
  all.c_stride = layer_.out_channels;
  run_quant_products(context, kernels_, layer_.group, [&](int64_t g) {
    QuantProduct p = all;
    p.patches.x = static_cast<const std::byte*>(patches.x) + g * channels;
    p.b = static_cast<const std::byte*>(context.input(1).raw()) + g * kernels_.packed_bytes(depth, columns);
    p.start = context.input(2).data<int32_t>().data() + g * whole_columns;
    p.bytes.multipliers += g * whole_columns;
    if (context.has_input(4)) p.b_zero_points = context.input(4).data<int32_t>().data() + g * whole_columns;
    p.c = static_cast<uint8_t*>(y.raw()) + g * columns;
    return p;
  });
}

}  // namespace spinel::cpu
