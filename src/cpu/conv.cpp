#include "cpu/conv.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "cpu/depthwise.hpp"
#include "cpu/patches.hpp"
#include "cpu/product.hpp"
#include "cpu/weights.hpp"
#include "cpu/winograd.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {
namespace {

using graph::Dim;
using graph::Shape;

Dims output_dims(const ConvLayer& layer, const Dims& x) {
  return window_output_dims(layer.depth_window, layer.window, x, layer.out_channels);
}

/// Whether the tiles, cut off at the edges, save at least a third of the multiplications. Images of up to 7
/// pixels are left out: their many channels make the transformed weights, four times larger, the bottleneck
/// of small batches.
bool winograd_pays(const ConvLayer& layer, int64_t height, int64_t width) {
  if (height == 0 || width == 0) return layer.window.dilations[0] == 1 && layer.window.dilations[1] == 1;
  if (height < 8 || width < 8) return false;
  const int64_t multiplications = 36 * winograd_grid(layer, height, width).tiles;
  return 3 * 9 * height * width >= 4 * multiplications;
}

/// Whether the groups are of few channels, as many in as out.
bool has_small_groups(const ConvLayer& layer) {
  const int64_t width = layer.in_channels / layer.group;
  return layer.group > 1 && layer.in_channels == layer.out_channels && width <= 16 &&
         (width & (width - 1)) == 0 && takes_planes_alone(layer.depth_window);
}

/// [taps, channels of a group, channels]
Tensor pack_depthwise_weights(const ConvLayer& layer, const Tensor& weights) {
  const int64_t taps = layer.taps();
  const int64_t width = layer.in_channels / layer.group;
  Tensor packed(DType::float32, {taps * width, layer.out_channels});
  const Tensor wide = ops::to_float32(weights);
  const float* from = wide.data<float>().data();
  for (int64_t c = 0; c < layer.out_channels; ++c)
    for (int64_t k = 0; k < width; ++k)
      for (int64_t t = 0; t < taps; ++t)
        packed.data<float>()[static_cast<size_t>((t * width + k) * layer.out_channels + c)] = *from++;
  return packed;
}

}  // namespace

bool is_pointwise(const ConvLayer& layer) {
  const auto ones = [](const std::vector<int64_t>& list) { return std::ranges::count(list, 1) == 2; };
  return takes_planes_alone(layer.depth_window) && layer.kernel_h == 1 && layer.kernel_w == 1 &&
         ones(layer.window.strides) &&
         (layer.window.auto_pad != ops::AutoPad::notset || std::ranges::count(layer.window.pads, 0) == 4);
}

std::vector<ConvAlgorithm> conv_algorithms(const ConvLayer& layer) {
  const bool is_flat = takes_planes_alone(layer.depth_window);
  if (layer.group > 1 && layer.group == layer.in_channels && layer.group == layer.out_channels) {
    if (!is_flat) return {};
    return {ConvAlgorithm::depthwise};
  }
  if (has_small_groups(layer)) return {ConvAlgorithm::depthwise, ConvAlgorithm::product};
  if (is_flat && layer.kernel_h == 3 && layer.kernel_w == 3 && layer.group == 1 &&
      std::ranges::count(layer.window.strides, 1) == 2)
    return {ConvAlgorithm::winograd, ConvAlgorithm::product};
  return {ConvAlgorithm::product};
}

const char* conv_algorithm_name(ConvAlgorithm algorithm) {
  switch (algorithm) {
    case ConvAlgorithm::product:
      return "product";
    case ConvAlgorithm::depthwise:
      return "depthwise";
    case ConvAlgorithm::winograd:
      return "winograd";
  }
  return "";
}

ConvAlgorithm choose_conv_algorithm(const ConvLayer& layer, int64_t height, int64_t width) {
  const ConvAlgorithm first = conv_algorithms(layer).front();
  const bool too_few = layer.in_channels < 16 || layer.out_channels < 16;
  if (first == ConvAlgorithm::winograd && (too_few || !winograd_pays(layer, height, width)))
    return ConvAlgorithm::product;
  return first;
}

Tensor pack_conv_weights(const Isa& isa, const ConvLayer& layer, const Tensor& weights) {
  if (layer.algorithm == ConvAlgorithm::winograd) return pack_winograd_weights(*isa.kernels, layer, weights);
  const int64_t columns = layer.out_channels / layer.group;
  const int64_t channels = layer.in_channels / layer.group;
  if (layer.algorithm == ConvAlgorithm::depthwise) return pack_depthwise_weights(layer, weights);
  const int64_t depth = layer.depth();
  const int64_t group_size = packed_weights_size(isa, layer.half_chunk, depth, columns);
  Tensor packed = Tensor::uninitialized(layer.dtype, {layer.group * group_size});
  const Tensor from = convert(weights, layer.dtype);
  const int64_t element = dtype_bits(layer.dtype) / 8;
  for (int64_t g = 0; g < layer.group; ++g)
    pack_weights(isa, layer.half_chunk,
                 {.from = static_cast<const std::byte*>(from.raw()) + g * columns * depth * element,
                  .half = layer.dtype == DType::float16,
                  .columns = columns,
                  .channels = channels,
                  .taps = layer.taps(),
                  .column_stride = depth,
                  .channel_stride = layer.taps()},
                 static_cast<std::byte*>(packed.raw()) + g * group_size * element);
  return packed;
}

std::string conv_text(const ConvLayer& layer) {
  const ops::WindowAttrs w = join_windows(layer.depth_window, layer.window);
  return fmt::format(
      "{} kernel={} strides={} dilations={} pads={} auto_pad={} group={} channels={}->{} algorithm={} "
      "finite={} half_chunk={} "
      "activation={}({},{})",
      dtype_name(layer.dtype), dims_text(w.kernel_shape), dims_text(w.strides), dims_text(w.dilations),
      dims_text(w.pads), static_cast<int>(w.auto_pad), layer.group, layer.in_channels, layer.out_channels,
      static_cast<int>(layer.algorithm), layer.finite_weights, layer.half_chunk,
      static_cast<int>(layer.activation), layer.low, layer.high);
}

std::shared_ptr<const NhwcConv> NhwcConv::with_activation(Activation activation, float low,
                                                          float high) const {
  ConvLayer layer = layer_;
  layer.activation = activation;
  layer.low = low;
  layer.high = high;
  return std::make_shared<const NhwcConv>(isa_, std::move(layer));
}

std::string_view NhwcConv::kernel() const {
  switch (layer_.algorithm) {
    case ConvAlgorithm::depthwise:
      return layer_.group == layer_.in_channels ? "depthwise" : "groups";
    case ConvAlgorithm::winograd:
      return "winograd";
    case ConvAlgorithm::product:
      break;
  }
  if (layer_.half_chunk != 0) return is_pointwise(layer_) ? "pointwise_16bit" : "patches_16bit";
  return is_pointwise(layer_) ? "pointwise" : "patches";
}

void NhwcConv::infer(graph::InferContext& context) const {
  const DType dtype = context.dtype(0);
  const Shape* x = context.shape(0);
  if (x == nullptr || x->size() != layer_.rank())
    fail(ErrorCode::internal, "a channels-last convolution needs an input of rank {}", layer_.rank());
  context.set_tensor(0, dtype,
                     window_output_shape(layer_.depth_window, layer_.window, *x, Dim(layer_.out_channels)));
}

void NhwcConv::batch(graph::BatchContext& context) const {
  for (size_t i : {size_t{0}, size_t{3}}) {
    if (!context.has_input(i)) continue;
    if (!context.input(i).is_batched() || context.input(i).axis != 0)
      return context.block("the batch is not axis 0 of the input and of the summand");
  }
  context.set_all_outputs(graph::BatchState::batched(0));
}

graph::Scratch NhwcConv::scratch(const graph::ScratchContext&) const {
  switch (layer_.algorithm) {
    case ConvAlgorithm::winograd:
      return {.per_thread_bytes = winograd_scratch_bytes(*isa_.kernels, layer_)};
    case ConvAlgorithm::depthwise:
      return {.per_thread_bytes = depthwise_scratch_bytes(*isa_.kernels,
                                                          {.kernel_h = layer_.kernel_h,
                                                           .kernel_w = layer_.kernel_w,
                                                           .stride_h = layer_.window.strides[0],
                                                           .stride_w = layer_.window.strides[1],
                                                           .dilation_h = layer_.window.dilations[0],
                                                           .dilation_w = layer_.window.dilations[1]},
                                                          layer_.in_channels / layer_.group)};
    case ConvAlgorithm::product:
      break;
  }
  return {.per_thread_bytes = product_scratch_bytes(*isa_.kernels, product())};
}

Product NhwcConv::product() const {
  return {.half = layer_.dtype == DType::float16,
          .half_weights = layer_.dtype == DType::float16 && layer_.half_chunk == 0,
          .half_chunk = layer_.half_chunk,
          .half_kernels = isa_.half_kernels,
          .from_patches = !is_pointwise(layer_),
          .finite_weights = layer_.finite_weights,
          .a_stride = layer_.in_channels,
          .c_stride = layer_.out_channels,
          .residual_stride = layer_.out_channels,
          .depth = layer_.depth(),
          .columns = layer_.out_channels / layer_.group};
}

void NhwcConv::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  if (x.rank() != static_cast<int>(layer_.rank()) || x.dim(-1) != layer_.in_channels ||
      x.dtype() != layer_.dtype)
    fail(ErrorCode::invalid_argument, "X {} must be {} and have {} channels", describe(x),
         dtype_name(layer_.dtype), layer_.in_channels);
  Tensor& y = context.output_or(0, x.dtype(), [&] { return output_dims(layer_, x.dims()); });
  if (y.element_count() == 0) {
    output_dims(layer_, x.dims());  // Throws if that is so because the input is too small.
    return;
  }
  switch (layer_.algorithm) {
    case ConvAlgorithm::product:
      return run_product(context, x, y);
    case ConvAlgorithm::depthwise:
      return run_depthwise(context, x, y);
    case ConvAlgorithm::winograd:
      return run_winograd(
          context, *isa_.kernels, layer_,
          make_patches(layer_.depth_window, layer_.window, layer_.kernel_h, layer_.kernel_w, x, y),
          context.input(1).data<float>().data(), epilogue(context),
          context.has_input(3) ? context.input(3).raw() : nullptr,
          layer_.has_depth() ? y.dim(0) * y.dim(1) : y.dim(0), y.raw());
  }
}

Epilogue NhwcConv::epilogue(const graph::RunContext& context) const {
  return {.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
          .activation = layer_.activation,
          .low = layer_.low,
          .high = layer_.high};
}

void NhwcConv::run_depthwise(graph::RunContext& context, const Tensor& x, Tensor& y) const {
  const Epilogue following = epilogue(context);
  const int64_t line = y.dim(-2) * y.dim(-1);
  const int64_t rows = y.element_count() / line;
  const Patches patches =
      make_patches(layer_.depth_window, layer_.window, layer_.kernel_h, layer_.kernel_w, x, y);
  cpu::run_depthwise(context, *isa_.kernels,
                     {.patches = patches,
                      .group_channels = layer_.in_channels / layer_.group,
                      .weights = context.input(1).data<float>().data(),
                      .y = y.raw(),
                      .residual = context.has_input(3) ? context.input(3).raw() : nullptr,
                      .y_image_stride = patches.out_height * line,
                      .y_row_stride = line,
                      .y_pixel_stride = y.dim(-1),
                      .rows = rows,
                      .epilogue = &following});
}

void NhwcConv::run_product(graph::RunContext& context, const Tensor& x, Tensor& y) const {
  const Epilogue following = epilogue(context);
  Product all = product();
  const int64_t channels = layer_.in_channels / layer_.group;
  const int64_t element = dtype_bits(layer_.dtype) / 8;
  const int64_t packed = packed_weights_size(isa_, all.half_chunk, all.depth, all.columns);
  all.patches = make_patches(layer_.depth_window, layer_.window, layer_.kernel_h, layer_.kernel_w, x, y);
  all.patches.channels = channels;
  all.rows = y.element_count() / layer_.out_channels;
  const auto make = [&](int64_t g) {
    Product p = all;
    p.a = static_cast<const std::byte*>(x.raw()) + g * channels * element;
    p.patches.x = p.a;
    p.b = static_cast<const std::byte*>(context.input(1).raw()) + g * packed * element;
    p.c = static_cast<std::byte*>(y.raw()) + g * p.columns * element;
    if (context.has_input(3))
      p.residual = static_cast<const std::byte*>(context.input(3).raw()) + g * p.columns * element;
    p.epilogue = following;
    if (p.epilogue.bias != nullptr) p.epilogue.bias += g * p.columns;
    return p;
  };
  run_products(context, *isa_.kernels, layer_.group, make);
}

}  // namespace spinel::cpu
