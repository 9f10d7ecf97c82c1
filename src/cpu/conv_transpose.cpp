#include "cpu/conv_transpose.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/cancel.hpp"
#include "base/text.hpp"
#include "cpu/depthwise.hpp"
#include "cpu/tasks.hpp"
#include "cpu/weights.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {
namespace {

using graph::Dim;
using graph::Shape;

/// The taps that meet the outputs o of one axis with (o + pad) % stride == residue.
struct PhaseTaps {
  int64_t first = 0;  ///< Tap with the smallest number,
  int64_t step = 1;   ///< distance to the next one,
  int64_t count = 0;
  int64_t dilation = 1;  ///< Input elements between neighbouring taps.
};

PhaseTaps phase_taps(int64_t kernel, int64_t stride, int64_t dilation, int64_t residue) {
  const int64_t divisor = std::gcd(stride, dilation);
  PhaseTaps taps{.step = stride / divisor, .dilation = dilation / divisor};
  // Taps that far apart meet the same outputs.
  const int64_t end = std::min(kernel, taps.step);
  while (taps.first < end && taps.first * dilation % stride != residue) ++taps.first;
  if (taps.first < end) taps.count = (kernel - 1 - taps.first) / taps.step + 1;
  return taps;
}

/// The phase that a pair of residues makes.
struct Phase {
  PhaseTaps h, w;
  bool is_empty() const { return h.count == 0 || w.count == 0; }
  /// Of the product. A phase without taps multiplies one zero.
  int64_t depth(int64_t channels) const { return is_empty() ? 1 : h.count * w.count * channels; }
};

Phase phase_of(const ConvTransposeLayer& layer, int64_t residue_h, int64_t residue_w) {
  const ops::WindowAttrs& w = layer.attrs.window;
  return {phase_taps(layer.kernel_h, w.strides[0], w.dilations[0], residue_h),
          phase_taps(layer.kernel_w, w.strides[1], w.dilations[1], residue_w)};
}

int64_t group_channels(const ConvTransposeLayer& layer) { return layer.in_channels / layer.attrs.group; }
int64_t group_columns(const ConvTransposeLayer& layer) { return layer.out_channels / layer.attrs.group; }

bool is_depthwise(const ConvTransposeLayer& layer) {
  return layer.attrs.group > 1 && layer.attrs.group == layer.in_channels &&
         layer.attrs.group == layer.out_channels;
}

/// Elements of a phase's packed weights of one group.
int64_t packed_phase_size(const Isa& isa, const ConvTransposeLayer& layer, const Phase& phase) {
  if (is_depthwise(layer)) return phase.h.count * phase.w.count;
  return packed_weights_size(isa, layer.half_chunk, phase.depth(group_channels(layer)), group_columns(layer));
}

template <class Fn>
void for_each_phase(const ConvTransposeLayer& layer, Fn&& fn) {
  for (int64_t h = 0; h < layer.attrs.window.strides[0]; ++h)
    for (int64_t w = 0; w < layer.attrs.window.strides[1]; ++w) fn(h, w, phase_of(layer, h, w));
}

/// Calls fn for the phase's taps (kh * kernel_w + kw), in the order of the patches.
template <class Fn>
void for_each_tap(const ConvTransposeLayer& layer, const Phase& phase, Fn&& fn) {
  for (int64_t h = phase.h.count; h-- > 0;)
    for (int64_t w = phase.w.count; w-- > 0;)
      fn((phase.h.first + h * phase.h.step) * layer.kernel_w + phase.w.first + w * phase.w.step);
}

/// Where a phase's outputs lie along an axis, and what of the input its patches cover.
struct PhaseAxis {
  int64_t outputs = 0;  ///< How many there are, `stride` apart from the phase's number on.
  int64_t residue = 0;
  int64_t pad = 0;  ///< Before the input; negative: so many elements are left out.
};

PhaseAxis phase_axis(const ops::WindowAxis& axis, int64_t phase) {
  PhaseAxis out;
  out.outputs = (axis.input - phase + axis.stride - 1) / axis.stride;
  out.residue = (phase + axis.pad_begin) % axis.stride;
  const PhaseTaps taps = phase_taps(axis.kernel, axis.stride, axis.dilation, out.residue);
  const int64_t meets_first = (phase + axis.pad_begin - taps.first * axis.dilation) / axis.stride;
  out.pad = (taps.count - 1) * taps.dilation - meets_first;
  return out;
}

/// [tap, channel] of every phase.
Tensor pack_depthwise(const ConvTransposeLayer& layer, const float* from) {
  Tensor packed(DType::float32, {layer.kernel_h * layer.kernel_w * layer.out_channels});
  float* to = packed.data<float>().data();
  for_each_phase(layer, [&](int64_t, int64_t, const Phase& phase) {
    for_each_tap(layer, phase, [&](int64_t tap) {
      for (int64_t c = 0; c < layer.out_channels; ++c)
        *to++ = from[c * layer.kernel_h * layer.kernel_w + tap];
    });
  });
  return packed;
}

}  // namespace

/// A phase of one input.
struct TransposedPhase {
  Phase taps;
  PhaseAxis h, w;
  int64_t begin_h, begin_w;    ///< Its first output.
  int64_t stride_h, stride_w;  ///< Between its outputs.
  const std::byte* weights;    ///< Packed.
  Patches patches;             ///< Of the whole input, all channels.
};

DType packed_transposed_dtype(const ConvTransposeLayer& layer) {
  return is_depthwise(layer) ? DType::float32 : layer.dtype;
}

bool suits_phases(const ConvTransposeLayer& layer) {
  constexpr int64_t max_phases = 4096;
  const ops::WindowAttrs& w = layer.attrs.window;
  return layer.in_channels % layer.attrs.group == 0 && layer.out_channels % layer.attrs.group == 0 &&
         w.strides[0] <= max_phases && w.strides[1] <= max_phases / w.strides[0];
}

int64_t packed_transposed_size(const Isa& isa, const ConvTransposeLayer& layer) {
  int64_t size = 0;
  for_each_phase(layer, [&](int64_t, int64_t, const Phase& phase) {
    size += layer.attrs.group * packed_phase_size(isa, layer, phase);
  });
  return size;
}

Tensor pack_transposed_weights(const Isa& isa, const ConvTransposeLayer& layer, const Tensor& weights) {
  const int64_t channels = group_channels(layer);
  const int64_t columns = group_columns(layer);
  if (is_depthwise(layer)) return pack_depthwise(layer, ops::to_float32(weights).data<float>().data());
  const Tensor from = convert(weights, layer.dtype);
  Tensor packed = Tensor::uninitialized(layer.dtype, {packed_transposed_size(isa, layer)});
  const auto pack = [&](const auto* elements) {
    using Element = std::remove_cvref_t<decltype(*elements)>;
    auto* to = static_cast<Element*>(packed.raw());
    for_each_phase(layer, [&](int64_t, int64_t, const Phase& phase) {
      const int64_t depth = phase.depth(channels);
      // [tap, channel, column]: the order of K in the patches.
      std::vector<Element> ordered(static_cast<size_t>(depth * columns));
      for (int64_t g = 0; g < layer.attrs.group; ++g) {
        Element* at = ordered.data();
        if (!phase.is_empty())
          for_each_tap(layer, phase, [&](int64_t tap) {
            for (int64_t c = g * channels; c < (g + 1) * channels; ++c) {
              check_load_cancelled();
              for (int64_t n = 0; n < columns; ++n)
                *at++ = elements[(c * columns + n) * layer.kernel_h * layer.kernel_w + tap];
            }
          });
        pack_weights(isa, layer.half_chunk,
                     {.from = ordered.data(),
                      .half = layer.dtype == DType::float16,
                      .columns = columns,
                      .channels = depth,
                      .channel_stride = columns},
                     to);
        to += packed_weights_size(isa, layer.half_chunk, depth, columns);
      }
    });
  };
  if (layer.dtype == DType::float16)
    pack(static_cast<const uint16_t*>(from.raw()));
  else
    pack(from.data<float>().data());
  return packed;
}

std::string conv_transpose_text(const ConvTransposeLayer& layer) {
  const ops::WindowAttrs& w = layer.attrs.window;
  return fmt::format(
      "{} kernel={}x{} strides={} dilations={} pads={} auto_pad={} output_padding={} output_shape={} "
      "group={} channels={}->{} finite={} half_chunk={} activation={}({},{})",
      dtype_name(layer.dtype), layer.kernel_h, layer.kernel_w, dims_text(w.strides), dims_text(w.dilations),
      dims_text(w.pads), static_cast<int>(w.auto_pad), dims_text(layer.attrs.output_padding),
      dims_text(layer.attrs.output_shape), layer.attrs.group, layer.in_channels, layer.out_channels,
      layer.finite_weights, layer.half_chunk, static_cast<int>(layer.activation), layer.low, layer.high);
}

std::shared_ptr<const NhwcConvTranspose> NhwcConvTranspose::with_activation(Activation activation, float low,
                                                                            float high) const {
  ConvTransposeLayer layer = layer_;
  layer.activation = activation;
  layer.low = low;
  layer.high = high;
  return std::make_shared<const NhwcConvTranspose>(isa_, std::move(layer));
}

void NhwcConvTranspose::infer(graph::InferContext& context) const {
  const Shape* x = context.shape(0);
  if (x == nullptr || x->size() != 4)
    fail(ErrorCode::internal, "a channels-last transposed convolution needs an input of rank 4");
  const Shape nchw{(*x)[0], (*x)[3], (*x)[1], (*x)[2]};
  const Shape out = ops::transposed_output(layer_.attrs, nchw, {Dim(layer_.kernel_h), Dim(layer_.kernel_w)});
  context.set_tensor(0, context.dtype(0), Shape{(*x)[0], out[0], out[1], Dim(layer_.out_channels)});
}

std::string_view NhwcConvTranspose::kernel() const {
  if (is_depthwise(layer_)) return "depthwise_phases";
  return layer_.half_chunk != 0 ? "phases_16bit" : "phases";
}

graph::Scratch NhwcConvTranspose::scratch(const graph::ScratchContext&) const {
  uint64_t most = 0;
  for_each_phase(layer_, [&](int64_t, int64_t, const Phase& phase) {
    if (is_depthwise(layer_)) {
      most = std::max(most, depthwise_scratch_bytes(*isa_.kernels, {.kernel_h = phase.h.count,
                                                                    .kernel_w = phase.w.count,
                                                                    .dilation_h = phase.h.dilation,
                                                                    .dilation_w = phase.w.dilation}));
      return;
    }
    Product p = product();
    p.from_patches = true;
    p.depth = phase.depth(group_channels(layer_));
    most = std::max(most, product_scratch_bytes(*isa_.kernels, p));
  });
  return {.per_thread_bytes = most};
}

/// What the phases' products have in common.
Product NhwcConvTranspose::product() const {
  const ops::WindowAttrs& window = layer_.attrs.window;
  Product p{.half = layer_.dtype == DType::float16,
            .half_weights = layer_.dtype == DType::float16 && layer_.half_chunk == 0,
            .half_chunk = layer_.half_chunk,
            .half_kernels = isa_.half_kernels,
            .finite_weights = layer_.finite_weights,
            .a_stride = layer_.in_channels,
            .c_stride = window.strides[1] * layer_.out_channels,
            .columns = group_columns(layer_)};
  // The sizes come with the input.
  p.c_lines.rows = window.strides[0] * window.strides[1] > 1 ? 1 : 0;
  return p;
}

void NhwcConvTranspose::run(graph::RunContext& context) const {
  const Tensor& x = context.input(0);
  if (x.rank() != 4 || x.dim(3) != layer_.in_channels || x.dtype() != layer_.dtype)
    fail(ErrorCode::invalid_argument, "X {} must be {} and have {} channels", describe(x),
         dtype_name(layer_.dtype), layer_.in_channels);
  const std::vector<ops::WindowAxis> axes = ops::make_transposed(
      layer_.attrs, {x.dim(0), x.dim(3), x.dim(1), x.dim(2)}, {layer_.kernel_h, layer_.kernel_w});
  Tensor& y = context.output_or(0, x.dtype(), [&] {
    return Dims{x.dim(0), axes[0].input, axes[1].input, layer_.out_channels};
  });
  if (y.element_count() == 0) return;

  const auto* packed = static_cast<const std::byte*>(context.input(1).raw());
  const int64_t element = dtype_bits(packed_transposed_dtype(layer_)) / 8;
  for_each_phase(layer_, [&](int64_t residue_h, int64_t residue_w, const Phase& taps) {
    const auto begin = [](const ops::WindowAxis& axis, int64_t residue) {
      return ((residue - axis.pad_begin) % axis.stride + axis.stride) % axis.stride;
    };
    TransposedPhase phase{.taps = taps,
                          .h = {},
                          .w = {},
                          .begin_h = begin(axes[0], residue_h),
                          .begin_w = begin(axes[1], residue_w),
                          .stride_h = axes[0].stride,
                          .stride_w = axes[1].stride,
                          .weights = packed,
                          .patches = {}};
    packed += layer_.attrs.group * packed_phase_size(isa_, layer_, taps) * element;
    if (phase.begin_h >= y.dim(1) || phase.begin_w >= y.dim(2)) return;
    phase.h = phase_axis(axes[0], phase.begin_h);
    phase.w = phase_axis(axes[1], phase.begin_w);
    phase.patches = {.half = layer_.dtype == DType::float16,
                     .x = x.raw(),
                     .pixel_stride = layer_.in_channels,
                     .channels = layer_.in_channels,
                     .height = x.dim(1),
                     .width = x.dim(2),
                     .out_height = phase.h.outputs,
                     .out_width = phase.w.outputs,
                     .kernel_h = taps.h.count,
                     .kernel_w = taps.w.count,
                     .dilation_h = taps.h.dilation,
                     .dilation_w = taps.w.dilation,
                     .pad_top = phase.h.pad,
                     .pad_left = phase.w.pad};
    if (is_depthwise(layer_))
      run_depthwise_phase(context, phase, y);
    else
      run_phase(context, phase, y);
  });
}

Epilogue NhwcConvTranspose::epilogue(const graph::RunContext& context) const {
  return {.bias = context.has_input(2) ? context.input(2).data<float>().data() : nullptr,
          .activation = layer_.activation,
          .low = layer_.low,
          .high = layer_.high};
}

void NhwcConvTranspose::run_phase(graph::RunContext& context, const TransposedPhase& phase, Tensor& y) const {
  static constexpr float zeros[16] = {};
  const Patches& patches = phase.patches;
  const int64_t element = dtype_bits(layer_.dtype) / 8;
  const int64_t channels = group_channels(layer_);
  const int64_t line = y.dim(2) * layer_.out_channels;
  const bool empty = phase.taps.is_empty();
  Product all = product();
  all.rows = y.dim(0) * patches.out_height * patches.out_width;
  all.depth = phase.taps.depth(channels);
  if (all.c_lines.rows != 0)
    all.c_lines = {.rows = patches.out_width,
                   .stride = phase.stride_h * line,
                   .per_image = patches.out_height,
                   .image_stride = y.dim(1) * line};
  const bool is_input = patches.kernel_h * patches.kernel_w == 1 && patches.pad_top == 0 &&
                        patches.pad_left == 0 && patches.out_height == patches.height &&
                        patches.out_width == patches.width;
  all.from_patches = !is_input && !empty;
  all.patches = patches;
  all.patches.channels = channels;
  all.epilogue = epilogue(context);
  const int64_t group_bytes = packed_phase_size(isa_, layer_, phase.taps) * element;
  run_products(context, *isa_.kernels, layer_.attrs.group, [&](int64_t g) {
    Product p = all;
    p.a = static_cast<const std::byte*>(patches.x) + g * channels * element;
    p.patches.x = p.a;
    if (empty) {
      p.a = zeros;
      p.a_stride = 0;
    }
    p.b = phase.weights + g * group_bytes;
    p.c = static_cast<std::byte*>(y.raw()) +
          (phase.begin_h * line + phase.begin_w * layer_.out_channels + g * p.columns) * element;
    if (p.epilogue.bias != nullptr) p.epilogue.bias += g * p.columns;
    return p;
  });
}

void NhwcConvTranspose::run_depthwise_phase(graph::RunContext& context, const TransposedPhase& phase,
                                            Tensor& y) const {
  const Epilogue following = epilogue(context);
  const int64_t channels = layer_.out_channels;
  const int64_t line = y.dim(2) * channels;
  const int64_t first = phase.begin_h * line + phase.begin_w * channels;
  run_depthwise(context, *isa_.kernels,
                {.patches = phase.patches,
                 .weights = reinterpret_cast<const float*>(phase.weights),
                 .y = element_at(y, first),
                 .y_image_stride = y.dim(1) * line,
                 .y_row_stride = phase.stride_h * line,
                 .y_pixel_stride = phase.stride_w * channels,
                 .rows = y.dim(0) * phase.h.outputs,
                 .epilogue = &following});
}

}  // namespace spinel::cpu
