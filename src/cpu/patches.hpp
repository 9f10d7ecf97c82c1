// Where a window's positions lie on a channels-last input.
#pragma once
#include "cpu/kernels.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

/// The patches of all channels of X [N, H, W, C] under a window whose output Y is [N, out_h, out_w, ...].
Patches make_patches(const ops::WindowAttrs& window, int64_t kernel_h, int64_t kernel_w, const Tensor& x,
                     const Tensor& y);

/// Padding before axis 0 (height) or 1 (width): of the attribute, or what auto_pad comes to.
int64_t pad_begin(const ops::WindowAttrs& window, size_t axis, int64_t output, int64_t input, int64_t kernel);
/// Padding after axis 0 (height) or 1 (width): of the attribute, or what auto_pad comes to.
int64_t pad_end(const ops::WindowAttrs& window, size_t axis, int64_t pad_begin, int64_t output, int64_t input,
                int64_t kernel);

}  // namespace spinel::cpu
