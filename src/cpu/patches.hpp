// Where a window's positions lie on a channels-last input.
#pragma once
#include "cpu/kernels.hpp"
#include "ops/window.hpp"

namespace spinel::cpu {

/// The patches of all channels of X [N, H, W, C] under a window whose output Y is [N, out_h, out_w, ...].
Patches make_patches(const ops::WindowAttrs& window, int64_t kernel_h, int64_t kernel_w, const Tensor& x,
                     const Tensor& y);

/// The same with an axis before the height, if `depth` has lists (of one axis): X is [N, D, H, W, C] and Y
/// likewise. A window that does not reach along D makes every plane an image of its own.
Patches make_patches(const ops::WindowAttrs& depth, const ops::WindowAttrs& window, int64_t kernel_h,
                     int64_t kernel_w, const Tensor& x, const Tensor& y);
/// Whether a window along D is one plane, each with the next.
bool takes_planes_alone(const ops::WindowAttrs& depth);
/// Windows of two axes with the one before them, if there is one; and the other way round: `window` of two or
/// three axes without its first of three, which is returned.
ops::WindowAttrs join_windows(const ops::WindowAttrs& depth, const ops::WindowAttrs& window);
ops::WindowAttrs take_depth(ops::WindowAttrs& window);
/// [N, out_d, out_h, out_w, channels] of X [N, D, H, W, C] under such windows, or both without D. Throws
/// Error(invalid_argument) if X is too small.
Dims window_output_dims(const ops::WindowAttrs& depth, const ops::WindowAttrs& window, const Dims& x,
                        int64_t channels);
graph::Shape window_output_shape(const ops::WindowAttrs& depth, const ops::WindowAttrs& window,
                                 const graph::Shape& x, const graph::Dim& channels);

/// Padding before axis 0 (height) or 1 (width): of the attribute, or what auto_pad comes to.
int64_t pad_begin(const ops::WindowAttrs& window, size_t axis, int64_t output, int64_t input, int64_t kernel);
/// Padding after axis 0 (height) or 1 (width): of the attribute, or what auto_pad comes to.
int64_t pad_end(const ops::WindowAttrs& window, size_t axis, int64_t pad_begin, int64_t output, int64_t input,
                int64_t kernel);

}  // namespace spinel::cpu
