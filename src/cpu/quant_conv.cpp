#include "cpu/quant_conv.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/patches.hpp"
#include "cpu/tasks.hpp"
#include "ops/quant_scale.hpp"

namespace spinel::cpu {
namespace {

using graph::Dim;
using graph::Shape;

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

}  // namespace

std::string quant_conv_text(const QuantConvLayer& layer) {
  const ops::WindowAttrs& w = layer.window;
  return fmt::format(
      "{} {} -> {} {} kernel={}x{} strides={} dilations={} pads={} auto_pad={} group={} channels={}->{} "
      "narrow={} activation={}({},{})",
      dtype_name(layer.x_dtype), layer.x_zero_point, dtype_name(layer.result_type()), layer.y_zero_point,
      layer.kernel_h, layer.kernel_w, dims_text(w.strides), dims_text(w.dilations), dims_text(w.pads),
      static_cast<int>(w.auto_pad), layer.group, layer.in_channels, layer.out_channels, layer.narrow,
      static_cast<int>(layer.activation), layer.low, layer.high);
}

void NhwcQuantConv::infer(graph::InferContext& context) const {
  const Shape* x = context.shape(0);
  if (x == nullptr || x->size() != 4)
    fail(ErrorCode::internal, "a channels-last convolution needs an input of rank 4");
  const Shape nchw{(*x)[0], (*x)[3], (*x)[1], (*x)[2]};
  const Shape out = ops::window_output(layer_.window, nchw, {Dim(layer_.kernel_h), Dim(layer_.kernel_w)});
  context.set_tensor(0, layer_.result_type(), Shape{(*x)[0], out[0], out[1], Dim(layer_.out_channels)});
}

void NhwcQuantConv::batch(graph::BatchContext& context) const {
  for (size_t i = 0; i < context.input_count(); ++i) {
    if (!context.has_input(i)) continue;
    const graph::BatchState state = context.input(i);
    const bool image = i == 0 || i == 3;
    if (image && (!state.is_batched() || state.axis != 0))
      return context.block("the batch is not axis 0 of the input and of the summand");
    if (!image && !state.is_shared()) return context.block("X's scale or zero point depends on the batch");
  }
  context.set_all_outputs(graph::BatchState::batched(0));
}

std::shared_ptr<const NhwcQuantConv> NhwcQuantConv::with_activation(Activation activation, float low,
                                                                    float high) const {
  QuantConvLayer layer = layer_;
  layer.activation = activation;
  layer.low = low;
  layer.high = high;
  return std::shared_ptr<const NhwcQuantConv>(new NhwcQuantConv(kernels_, std::move(layer)));
}

graph::Scratch NhwcQuantConv::scratch(const graph::ScratchContext&) const {
  if (!layer_.depthwise())
    return {.per_thread_bytes = quant_product_scratch_bytes(kernels_, layer_.depth(), layer_.columns())};
  const int64_t channels = quant_conv_sizes(kernels_, layer_).columns;
  return {.shared_bytes = static_cast<uint64_t>(channels) * sizeof(int32_t),
          .per_thread_bytes = depthwise_scratch_bytes(layer_.taps(), channels)};
}

void NhwcQuantConv::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  if (x.rank() != 4 || x.dim(3) != layer_.in_channels || x.dtype() != layer_.x_dtype)
    fail(ErrorCode::invalid_argument, "X {} must be {} and have {} channels", describe(x),
         dtype_name(layer_.x_dtype), layer_.in_channels);
  Tensor& y = context.output_or(0, layer_.result_type(), [&] { return output_dims(layer_, x.dims()); });
  if (y.element_count() == 0) {
    output_dims(layer_, x.dims());  // Throws if that is so because the input is too small.
    return;
  }
  const Patches patches = make_patches(layer_.window, layer_.kernel_h, layer_.kernel_w, x, y);
  layer_.depthwise() ? run_depthwise(context, patches, y) : run_product(context, patches, y);
}

ByteFormat NhwcQuantConv::x_format(const graph::RunContext& context) const {
  const bool constant = layer_.result == QuantProduct::Result::bytes;
  return {layer_.x_dtype == DType::int8,
          constant ? layer_.x_zero_point : ops::scalar_zero_point(context, 8, "x_zero_point")};
}

ByteEpilogue NhwcQuantConv::bytes(const graph::RunContext& context) const {
  return byte_epilogue(layer_.y_dtype, layer_.y_zero_point, context.input(4).data<float>().data());
}

ByteFloats NhwcQuantConv::floats(const graph::RunContext& context) const {
  return {.scales = context.input(4).data<float>().data(),
          .factor = ops::scalar_scale(context.input(7), "x_scale"),
          .epilogue = {.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
                       .activation = layer_.activation,
                       .low = layer_.low,
                       .high = layer_.high},
          .residual = context.has_input(3) ? context.input(3).data<float>().data() : nullptr,
          .residual_stride = layer_.out_channels};
}

void NhwcQuantConv::run_depthwise(graph::RunContext& context, const Patches& patches, Tensor& y) const {
  const int64_t channels = quant_conv_sizes(kernels_, layer_).columns;
  const int64_t rows = y.dim(0) * y.dim(1);
  ByteDepthwise all{.patches = patches,
                    .x = x_format(context),
                    .weights = context.input(1).raw(),
                    .narrow = layer_.narrow,
                    .padded_channels = channels,
                    .y = y.raw()};
  ByteEpilogue to_bytes;
  ByteFloats to_floats;
  const int32_t* start = context.has_input(5) ? context.input(5).data<int32_t>().data() : nullptr;
  if (layer_.result == QuantProduct::Result::bytes) {
    to_bytes = bytes(context);
    all.epilogue = &to_bytes;
  } else if (start != nullptr) {
    const auto p = static_cast<uint32_t>(all.x.zero_point + (all.x.is_signed ? 128 : 0));
    auto* const own = reinterpret_cast<int32_t*>(context.scratch());
    for (int64_t c = 0; c < channels; ++c)
      own[c] = static_cast<int32_t>(-p * static_cast<uint32_t>(start[c]));
    start = own;
  }
  all.start = start;
  if (layer_.result == QuantProduct::Result::floats) {
    to_floats = floats(context);
    all.floats = &to_floats;
  }
  parallel_rows_scratch(context, rows, y.dim(2) * y.dim(3) * layer_.taps(),
                        [&](int64_t begin, int64_t count, float* scratch) {
                          ByteDepthwise part = all;
                          part.row = begin;
                          part.rows = count;
                          part.scratch = reinterpret_cast<uint8_t*>(scratch);
                          kernels_.depthwise_rows(part);
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
  all.a = x_format(context);
  all.rows = y.dim(0) * y.dim(1) * y.dim(2);
  all.depth = depth;
  all.columns = columns;
  all.result = layer_.result;
  if (layer_.result == QuantProduct::Result::bytes) all.bytes = bytes(context);
  if (layer_.result == QuantProduct::Result::floats) all.floats = floats(context);
  all.c_stride = layer_.out_channels;
  const int64_t element = dtype_bits(y.dtype()) / 8;
  run_quant_products(context, kernels_, layer_.group, [&](int64_t g) {
    QuantProduct p = all;
    p.patches.x = static_cast<const std::byte*>(patches.x) + g * channels;
    p.b = static_cast<const std::byte*>(context.input(1).raw()) + g * kernels_.packed_bytes(depth, columns);
    const auto columns_of = [&](size_t input) {
      return context.has_input(input) ? context.input(input).data<int32_t>().data() + g * whole_columns
                                      : nullptr;
    };
    (layer_.result == QuantProduct::Result::bytes ? p.start : p.column_sums) = columns_of(5);
    p.b_zero_points = columns_of(6);
    if (p.bytes.multipliers != nullptr) p.bytes.multipliers += g * whole_columns;
    if (p.floats.scales != nullptr) p.floats.scales += g * whole_columns;
    if (p.floats.epilogue.bias != nullptr) p.floats.epilogue.bias += g * columns;
    if (p.floats.residual != nullptr) p.floats.residual += g * columns;
    p.c = static_cast<std::byte*>(y.raw()) + g * columns * element;
    return p;
  });
}

}  // namespace spinel::cpu
