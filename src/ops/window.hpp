// Sliding windows: the attributes and sizes that convolutions and pools share.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {

enum class AutoPad { notset, same_upper, same_lower, valid };

/// Attributes of a sliding window over the spatial axes. After at_rank() every list has the length its name
/// demands; before, an empty list stands for the default.
struct WindowAttrs {
  AutoPad auto_pad = AutoPad::notset;
  std::vector<int64_t> kernel_shape;  ///< Empty: taken from the weights.
  std::vector<int64_t> strides;
  std::vector<int64_t> dilations;
  std::vector<int64_t> pads;  ///< All begins, then all ends. Unused unless auto_pad is notset.
  bool ceil_mode = false;     ///< Pools only.

  /// A copy with defaults filled in for that many spatial axes. Throws Error(bad_model) if a list has another
  /// length.
  WindowAttrs at_rank(size_t spatial_rank) const;
};

/// Reads auto_pad, kernel_shape, strides, dilations, pads and ceil_mode, each if the node has it. Throws
/// Error(bad_model) for values that make no sense at any input size.
WindowAttrs read_window(const OpArgs& args);

/// The window along one spatial axis, sizes in elements. Position o covers input elements
/// o * stride - pad_begin + tap * dilation, for tap in [0, kernel).
struct WindowAxis {
  int64_t input = 1;
  int64_t output = 1;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t pad_begin = 0;
  int64_t pad_end = 0;
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
};

/// Windows of an input of dims [N, C, spatial...]. `kernel` holds the kernel's spatial dims. Throws
/// Error(invalid_argument) if the padded input is smaller than the kernel.
std::vector<WindowAxis> make_windows(const WindowAttrs& attrs, const Dims& input,
                                     const std::vector<int64_t>& kernel);

/// The output's spatial dims of an input shape [N, C, spatial...], symbolically. Throws Error(bad_model) if
/// the padded input is certainly smaller than the kernel.
Shape window_output(const WindowAttrs& attrs, const Shape& input, const Shape& kernel);

/// One to three axes seen as three: leading axes of size 1 are put in front.
std::array<WindowAxis, 3> as_three(const std::vector<WindowAxis>& axes);

/// Batch rule of operators that slide over axes from 2 on: only axis 0 of input 0 may be the batch.
void batch_axis_0(BatchContext& context);

}  // namespace spinel::ops
