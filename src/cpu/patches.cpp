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
  if (window.auto_pad == AutoPad::notset) return window.pads[2 + axis];
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

}  // namespace spinel::cpu
