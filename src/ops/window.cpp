#include "ops/window.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::ops {
namespace {

void require_all(const std::vector<int64_t>& values, int64_t least, const char* name, const OpArgs& args) {
  if (std::ranges::any_of(values, [least](int64_t v) { return v < least || v > int64_t{1} << 31; }))
    fail(ErrorCode::bad_model, "{}: attribute {} is {}; every element must be {} or more and sensible",
         args.op_type(), name, dims_text(values), least);
}

void fill(std::vector<int64_t>& list, size_t length, int64_t value, const char* name) {
  if (list.empty()) list.assign(length, value);
  if (list.size() != length)
    fail(ErrorCode::bad_model, "attribute {} is {}, but there are {} elements to give", name, dims_text(list),
         length);
}

int64_t ceil_quotient(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

}  // namespace

WindowAttrs WindowAttrs::at_rank(size_t spatial_rank) const {
  WindowAttrs out = *this;
  fill(out.strides, spatial_rank, 1, "strides");
  fill(out.dilations, spatial_rank, 1, "dilations");
  fill(out.pads, 2 * spatial_rank, 0, "pads");
  if (!out.kernel_shape.empty() && out.kernel_shape.size() != spatial_rank)
    fail(ErrorCode::bad_model, "attribute kernel_shape is {}, but the input has {} spatial axes",
         dims_text(out.kernel_shape), spatial_rank);
  return out;
}

WindowAttrs read_window(const OpArgs& args) {
  WindowAttrs attrs;
  const std::string auto_pad = args.get_string("auto_pad", "NOTSET");
  if (auto_pad == "NOTSET" || auto_pad.empty())
    attrs.auto_pad = AutoPad::notset;
  else if (auto_pad == "SAME_UPPER")
    attrs.auto_pad = AutoPad::same_upper;
  else if (auto_pad == "SAME_LOWER")
    attrs.auto_pad = AutoPad::same_lower;
  else if (auto_pad == "VALID")
    attrs.auto_pad = AutoPad::valid;
  else
    fail(ErrorCode::bad_model, "{}: auto_pad '{}' is none of NOTSET, SAME_UPPER, SAME_LOWER, VALID",
         args.op_type(), auto_pad);
  attrs.kernel_shape = args.get_ints("kernel_shape");
  attrs.strides = args.get_ints("strides");
  attrs.dilations = args.get_ints("dilations");
  attrs.pads = args.get_ints("pads");
  attrs.ceil_mode = args.get_flag("ceil_mode", false);
  require_all(attrs.kernel_shape, 1, "kernel_shape", args);
  require_all(attrs.strides, 1, "strides", args);
  require_all(attrs.dilations, 1, "dilations", args);
  require_all(attrs.pads, 0, "pads", args);
  return attrs;
}

std::vector<WindowAxis> make_windows(const WindowAttrs& attrs, const Dims& input,
                                     const std::vector<int64_t>& kernel) {
  const size_t rank = kernel.size();
  const WindowAttrs full = attrs.at_rank(rank);
  std::vector<WindowAxis> axes(rank);
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = axes[i];
    axis.input = input[i + 2];
    axis.kernel = kernel[i];
    axis.stride = full.strides[i];
    axis.dilation = full.dilations[i];
    if (full.auto_pad == AutoPad::same_upper || full.auto_pad == AutoPad::same_lower) {
      axis.output = ceil_quotient(axis.input, axis.stride);
      const int64_t total =
          std::max<int64_t>((axis.output - 1) * axis.stride + axis.extent() - axis.input, 0);
      axis.pad_begin = full.auto_pad == AutoPad::same_upper ? total / 2 : (total + 1) / 2;
      axis.pad_end = total - axis.pad_begin;
      continue;
    }
    if (full.auto_pad == AutoPad::notset) {
      axis.pad_begin = full.pads[i];
      axis.pad_end = full.pads[rank + i];
    }
    const int64_t room = axis.input + axis.pad_begin + axis.pad_end - axis.extent();
    if (room < 0)
      fail(ErrorCode::invalid_argument,
           "the input of dims {} is too small: axis {} holds {} elements with padding, the dilated kernel {}",
           dims_text(input), i + 2, axis.input + axis.pad_begin + axis.pad_end, axis.extent());
    axis.output = room / axis.stride + 1;
    if (full.ceil_mode) {
      axis.output = ceil_quotient(room, axis.stride) + 1;
      // A window must begin on the input or its left padding, not on the right padding.
      if ((axis.output - 1) * axis.stride >= axis.input + axis.pad_begin) --axis.output;
    }
  }
  return axes;
}

Shape window_output(const WindowAttrs& attrs, const Shape& input, const Shape& kernel) {
  const size_t rank = kernel.size();
  const WindowAttrs full = attrs.at_rank(rank);
  Shape out;
  for (size_t i = 0; i < rank; ++i) {
    const Dim& in = input[i + 2];
    const Dim stride(full.strides[i]);
    if (full.auto_pad == AutoPad::same_upper || full.auto_pad == AutoPad::same_lower) {
      out.push_back(ceil_div(in, stride));
      continue;
    }
    const bool padded = full.auto_pad == AutoPad::notset;
    const int64_t begin = padded ? full.pads[i] : 0;
    const int64_t end = padded ? full.pads[rank + i] : 0;
    const Dim extent = (kernel[i] - Dim(1)) * Dim(full.dilations[i]) + Dim(1);
    const Dim room = in + Dim(begin + end) - extent;
    if (room.is_constant() && room.constant() < 0)
      fail(ErrorCode::bad_model,
           "the input {} is too small: axis {} holds {} elements with padding, the dilated kernel {}",
           shape_text(input), i + 2, (in + Dim(begin + end)).text(), extent.text());
    if (!full.ceil_mode) {
      out.push_back(floor_div(room, stride) + Dim(1));
      continue;
    }
    Dim size = ceil_div(room, stride) + Dim(1);
    if (size.is_constant() && in.is_constant()) {
      if ((size.constant() - 1) * stride.constant() >= in.constant() + begin) size = size - Dim(1);
    } else if (!extent.is_constant() || end + stride.constant() > extent.constant()) {
      size = Dim::unknown();  // Whether the last window begins on the right padding depends on the input.
    }
    out.push_back(size);
  }
  return out;
}

std::array<WindowAxis, 3> as_three(const std::vector<WindowAxis>& axes) {
  std::array<WindowAxis, 3> out;
  std::ranges::copy(axes, out.begin() + static_cast<std::ptrdiff_t>(3 - axes.size()));
  return out;
}

void batch_axis_0(BatchContext& context) {
  if (!require_shared_inputs(context, 1)) return;
  const BatchState state = context.input(0);
  if (!state.is_batched()) return context.block("a value computed from the batch size is used as data");
  if (state.axis != 0)
    return context.block(
        fmt::format("the batch is axis {} of the input, which the window mixes", state.axis));
  context.set_all_outputs(state);
}

}  // namespace spinel::ops
