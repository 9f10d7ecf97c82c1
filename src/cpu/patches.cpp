#include "cpu/patches.hpp"

#include <algorithm>

namespace spinel::cpu {
namespace {

using ops::AutoPad;

/// Of both sides, under auto_pad SAME.
int64_t same_padding(const ops::WindowAttrs& window, size_t axis, int64_t output, int64_t input,
                     int64_t kernel) {
  const int64_t extent = (kernel - 1) * window.dilations[axis] + 1;
  return std::max<int64_t>((output - 1) * window.strides[axis] + extent - input, 0);
}

}  // namespace

int64_t pad_begin(const ops::WindowAttrs& window, size_t axis, int64_t output, int64_t input,
                  int64_t kernel) {
  if (window.auto_pad == AutoPad::notset) return window.pads[axis];
  if (window.auto_pad == AutoPad::valid) return 0;
  const int64_t total = same_padding(window, axis, output, input, kernel);
  return window.auto_pad == AutoPad::same_upper ? total / 2 : (total + 1) / 2;
}

int64_t pad_end(const ops::WindowAttrs& window, size_t axis, int64_t pad_begin, int64_t output, int64_t input,
                int64_t kernel) {
  if (window.auto_pad == AutoPad::notset) return window.pads[window.pads.size() / 2 + axis];
  if (window.auto_pad == AutoPad::valid) return 0;
  return same_padding(window, axis, output, input, kernel) - pad_begin;
}

Patches make_patches(const ops::WindowAttrs& window, int64_t kernel_h, int64_t kernel_w, const Tensor& x,
                     const Tensor& y) {
  return {.half = x.dtype() == DType::float16,
          .x = x.raw(),
          .pixel_stride = x.dim(3),
          .channels = x.dim(3),
          .height = x.dim(1),
          .width = x.dim(2),
          .out_height = y.dim(1),
          .out_width = y.dim(2),
          .kernel_h = kernel_h,
          .kernel_w = kernel_w,
          .stride_h = window.strides[0],
          .stride_w = window.strides[1],
          .dilation_h = window.dilations[0],
          .dilation_w = window.dilations[1],
          .pad_top = pad_begin(window, 0, y.dim(1), x.dim(1), kernel_h),
          .pad_left = pad_begin(window, 1, y.dim(2), x.dim(2), kernel_w)};
}

bool takes_planes_alone(const ops::WindowAttrs& depth) {
  if (depth.kernel_shape.empty()) return true;
  return depth.kernel_shape[0] == 1 && depth.strides[0] == 1 &&
         (depth.auto_pad != AutoPad::notset || (depth.pads[0] == 0 && depth.pads[1] == 0));
}

Patches make_patches(const ops::WindowAttrs& depth, const ops::WindowAttrs& window, int64_t kernel_h,
                     int64_t kernel_w, const Tensor& x, const Tensor& y) {
  if (depth.kernel_shape.empty()) return make_patches(window, kernel_h, kernel_w, x, y);
  const auto images = [](const Tensor& t) {
    return t.reshaped({t.dim(0) * t.dim(1), t.dim(2), t.dim(3), t.dim(4)});
  };
  Patches patches = make_patches(window, kernel_h, kernel_w, images(x), images(y));
  if (takes_planes_alone(depth)) return patches;
  patches.depth = x.dim(1);
  patches.out_depth = y.dim(1);
  patches.kernel_d = depth.kernel_shape[0];
  patches.stride_d = depth.strides[0];
  patches.dilation_d = depth.dilations[0];
  patches.pad_front = pad_begin(depth, 0, y.dim(1), x.dim(1), patches.kernel_d);
  return patches;
}

ops::WindowAttrs join_windows(const ops::WindowAttrs& depth, const ops::WindowAttrs& window) {
  if (depth.kernel_shape.empty()) return window;
  ops::WindowAttrs out = window;
  out.kernel_shape.insert(out.kernel_shape.begin(), depth.kernel_shape[0]);
  out.strides.insert(out.strides.begin(), depth.strides[0]);
  out.dilations.insert(out.dilations.begin(), depth.dilations[0]);
  out.pads = {depth.pads[0], window.pads[0], window.pads[1], depth.pads[1], window.pads[2], window.pads[3]};
  return out;
}

ops::WindowAttrs take_depth(ops::WindowAttrs& window) {
  ops::WindowAttrs depth;
  depth.auto_pad = window.auto_pad;
  depth.ceil_mode = window.ceil_mode;
  if (window.strides.size() != 3) return depth;
  for (auto list :
       {&ops::WindowAttrs::kernel_shape, &ops::WindowAttrs::strides, &ops::WindowAttrs::dilations}) {
    depth.*list = {(window.*list)[0]};
    (window.*list).erase((window.*list).begin());
  }
  depth.pads = {window.pads[0], window.pads[3]};
  window.pads = {window.pads[1], window.pads[2], window.pads[4], window.pads[5]};
  return depth;
}

Dims window_output_dims(const ops::WindowAttrs& depth, const ops::WindowAttrs& window, const Dims& x,
                        int64_t channels) {
  const ops::WindowAttrs whole = join_windows(depth, window);
  Dims planes{x[0], x.back()};
  planes.insert(planes.end(), x.begin() + 1, x.end() - 1);
  Dims out{x[0]};
  for (const ops::WindowAxis& axis : ops::make_windows(whole, planes, whole.kernel_shape))
    out.push_back(axis.output);
  out.push_back(channels);
  return out;
}

graph::Shape window_output_shape(const ops::WindowAttrs& depth, const ops::WindowAttrs& window,
                                 const graph::Shape& x, const graph::Dim& channels) {
  const ops::WindowAttrs whole = join_windows(depth, window);
  graph::Shape planes{x[0], x.back()};
  planes.insert(planes.end(), x.begin() + 1, x.end() - 1);
  graph::Shape kernel(whole.kernel_shape.begin(), whole.kernel_shape.end());
  graph::Shape out{x[0]};
  for (const graph::Dim& dim : ops::window_output(whole, planes, kernel)) out.push_back(dim);
  out.push_back(channels);
  return out;
}

}  // namespace spinel::cpu
