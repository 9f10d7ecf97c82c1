// ConvTranspose: each input element adds its multiple of the kernel to the output.
#include "ops/conv_transpose.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {
namespace {

/// Adds `values`, one for each element of X's plane, to the output elements that kernel position (kd, kh, kw)
/// meets.
template <class T>
void scatter(const std::array<WindowAxis, 3>& axes, const T* values, int64_t kd, int64_t kh, int64_t kw,
             T* plane) {
  const auto& [d, h, w] = axes;
  for (int64_t xd = 0; xd < d.output; ++xd) {
    const int64_t yd = xd * d.stride - d.pad_begin + kd * d.dilation;
    for (int64_t xh = 0; xh < h.output; ++xh) {
      const int64_t yh = xh * h.stride - h.pad_begin + kh * h.dilation;
      if (yd < 0 || yd >= d.input || yh < 0 || yh >= h.input) continue;
      const T* from = values + (xd * h.output + xh) * w.output;
      T* to = plane + (yd * h.input + yh) * w.input;
      for (int64_t xw = 0; xw < w.output; ++xw) {
        const int64_t yw = xw * w.stride - w.pad_begin + kw * w.dilation;
        if (yw >= 0 && yw < w.input) to[yw] += from[xw];
      }
    }
  }
}

}  // namespace

std::vector<WindowAxis> make_transposed(const ConvTransposeAttrs& attrs, const Dims& x,
                                        const std::vector<int64_t>& kernel) {
  const size_t rank = kernel.size();
  const WindowAttrs full = attrs.window.at_rank(rank);
  std::vector<WindowAxis> axes(rank);
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = axes[i];
    axis.output = x[i + 2];
    axis.kernel = kernel[i];
    axis.stride = full.strides[i];
    axis.dilation = full.dilations[i];
    const int64_t extra = attrs.output_padding.empty() ? 0 : attrs.output_padding[i];
    const int64_t unpadded = (axis.output - 1) * axis.stride + extra + axis.extent();
    const bool same = full.auto_pad == AutoPad::same_upper || full.auto_pad == AutoPad::same_lower;
    if (same || !attrs.output_shape.empty()) {
      axis.input =
          attrs.output_shape.empty() ? std::min(axis.output * axis.stride, unpadded) : attrs.output_shape[i];
      const int64_t total = std::max<int64_t>(unpadded - axis.input, 0);
      axis.pad_begin = full.auto_pad == AutoPad::same_upper ? total / 2 : total - total / 2;
      axis.pad_end = total - axis.pad_begin;
    } else {
      if (full.auto_pad == AutoPad::notset) {
        axis.pad_begin = full.pads[i];
        axis.pad_end = full.pads[rank + i];
      }
      axis.input = unpadded - axis.pad_begin - axis.pad_end;
    }
    if (axis.input < 0)
      fail(ErrorCode::invalid_argument, "X {} gives an output axis {} of size {}: the pads cut off too much",
           dims_text(x), i + 2, axis.input);
  }
  return axes;
}

Shape transposed_output(const ConvTransposeAttrs& attrs, const Shape& input, const Shape& kernel) {
  const size_t rank = kernel.size();
  const WindowAttrs full = attrs.window.at_rank(rank);
  Shape y;
  for (size_t i = 0; i < rank; ++i) {
    const Dim& in = input[i + 2];
    const Dim stride(full.strides[i]);
    const int64_t extra = attrs.output_padding.empty() ? 0 : attrs.output_padding[i];
    const Dim extent = (kernel[i] - Dim(1)) * Dim(full.dilations[i]) + Dim(1);
    if (!attrs.output_shape.empty()) {
      y.emplace_back(attrs.output_shape[i]);
    } else if (full.auto_pad == AutoPad::same_upper || full.auto_pad == AutoPad::same_lower) {
      // Where the kernel is smaller than the stride there is nothing to cut off, and the output is shorter.
      const Dim missing = stride - extent - Dim(extra);
      if (!missing.is_constant())
        y.push_back(Dim::unknown());
      else
        y.push_back(in * stride - Dim(std::max<int64_t>(missing.constant(), 0)));
    } else {
      const int64_t pads = full.auto_pad == AutoPad::notset ? full.pads[i] + full.pads[rank + i] : 0;
      y.push_back((in - Dim(1)) * stride + extent + Dim(extra - pads));
    }
  }
  return y;
}

void ConvTransposeOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  require_float(context, 0, "X");
  require_rank(context, 0, "X", 3, 5);
  require_rank(context, 1, "W", 3, 5);
  require_rank(context, 2, "B", 1, 1);
  const Shape* x = context.shape(0);
  const Shape* w = context.shape(1);
  if (x == nullptr || w == nullptr) return context.set_tensor(0, context.dtype(0));
  if (x->size() != w->size())
    fail(ErrorCode::bad_model, "X {} and W {} have different ranks", shape_text(*x), shape_text(*w));
  if ((*x)[1].is_constant() && (*w)[0].is_constant() && (*x)[1].constant() != (*w)[0].constant())
    fail(ErrorCode::bad_model, "X {} has {} channels, but W {} needs {}", shape_text(*x), (*x)[1].text(),
         shape_text(*w), (*w)[0].text());
  const size_t rank = x->size() - 2;
  check_lists(rank, ErrorCode::bad_model);
  Shape y{(*x)[0], (*w)[1] * Dim(attrs_.group)};
  for (Dim& dim : transposed_output(attrs_, *x, Shape(w->begin() + 2, w->end()))) y.push_back(std::move(dim));
  context.set_tensor(0, context.dtype(0), std::move(y));
}

void ConvTransposeOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  require_float(x, "X");
  if (x.rank() < 3 || x.rank() > 5 || w.rank() != x.rank() || x.dim(1) != w.dim(0))
    fail(ErrorCode::invalid_argument, "X {} and W {} do not fit: W must be [C, M / group, kernel...]",
         describe(x), describe(w));
  if (x.dim(1) % attrs_.group != 0)
    fail(ErrorCode::invalid_argument, "X {} has {} channels, not a multiple of group {}", describe(x),
         x.dim(1), attrs_.group);
  if (context.has_input(2) && context.input(2).element_count() != w.dim(1) * attrs_.group)
    fail(ErrorCode::invalid_argument, "B {} must have one element for each of the {} output channels",
         describe(context.input(2)), w.dim(1) * attrs_.group);
  check_lists(static_cast<size_t>(x.rank() - 2), ErrorCode::invalid_argument);
  compute_in(x.dtype(), [&](auto type) { run_typed<decltype(type)>(context); });
}

void ConvTransposeOp::check_lists(size_t rank, ErrorCode code) const {
  for (const auto* list : {&attrs_.output_padding, &attrs_.output_shape})
    if (!list->empty() && list->size() != rank)
      fail(code, "attribute {} is {}, but there are {} spatial axes",
           list == &attrs_.output_shape ? "output_shape" : "output_padding", dims_text(*list), rank);
}

template <class T>
void ConvTransposeOp::run_typed(RunContext& context) const {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  const std::vector<int64_t> kernel(w.dims().begin() + 2, w.dims().end());
  const std::vector<WindowAxis> windows = make_transposed(attrs_, x.dims(), kernel);
  const int64_t out_channels = w.dim(1);
  Dims y_dims{x.dim(0), out_channels * attrs_.group};
  for (const WindowAxis& axis : windows) y_dims.push_back(axis.input);
  const ComputeInput<T> x_data(x);
  const ComputeInput<T> w_data(w);
  const ComputeInput<T> bias = context.has_input(2) ? ComputeInput<T>(context.input(2)) : ComputeInput<T>();
  ComputeOutput<T> y(context, 0, x.dtype(), y_dims);
  if (y.count() == 0) return;

  const auto axes = as_three(windows);
  const int64_t x_plane = axes[0].output * axes[1].output * axes[2].output;
  const int64_t y_plane = axes[0].input * axes[1].input * axes[2].input;
  const int64_t taps = axes[0].kernel * axes[1].kernel * axes[2].kernel;
  const int64_t in_channels = x.dim(1) / attrs_.group;
  context.parallel_for(x.dim(0) * attrs_.group * out_channels, [&](int64_t task) {
    const int64_t c = task % out_channels;
    const int64_t g = task / out_channels % attrs_.group;
    const T* x_group = x_data.data() + task / out_channels * in_channels * x_plane;
    const T* w_channel = w_data.data() + (g * in_channels * out_channels + c) * taps;
    T* plane = y.data() + task * y_plane;
    std::fill_n(plane, y_plane, context.has_input(2) ? bias[g * out_channels + c] : T{0});
    std::vector<T> products(static_cast<size_t>(x_plane));
    for (int64_t tap = 0; tap < taps; ++tap) {
      std::ranges::fill(products, T{0});
      add_row_product(x_plane, in_channels, w_channel + tap, out_channels * taps, x_group, x_plane,
                      products.data());
      scatter(axes, products.data(), tap / axes[2].kernel / axes[1].kernel,
              tap / axes[2].kernel % axes[1].kernel, tap % axes[2].kernel, plane);
    }
  });
  y.store();
}

OpPtr make_conv_transpose(const OpArgs& args) {
  ConvTransposeAttrs attrs;
  attrs.window = read_window(args);
  attrs.group = args.get_int("group", 1);
  attrs.output_padding = args.get_ints("output_padding");
  attrs.output_shape = args.get_ints("output_shape");
  if (attrs.group < 1)
    fail(ErrorCode::bad_model, "ConvTranspose: group is {}, it must be 1 or more", attrs.group);
  return std::make_shared<ConvTransposeOp>(std::move(attrs));
}

}  // namespace spinel::ops
