// The layers' structs as attributes of a recipe, and back: one list of fields for both directions.
#pragma once
#include <bit>
#include <limits>

#include "base/text.hpp"
#include "cpu/attention.hpp"
#include "cpu/conv.hpp"
#include "cpu/conv_transpose.hpp"
#include "cpu/linear.hpp"
#include "cpu/patches.hpp"
#include "cpu/pool.hpp"
#include "cpu/quant_conv.hpp"
#include "cpu/quant_linear.hpp"

namespace spinel::cpu {

/// Far beyond what networks have, and small enough that products of four stay in int64.
constexpr int64_t max_window = int64_t{1} << 20;
constexpr int64_t max_channels = int64_t{1} << 31;

/// Puts fields into attributes, whose names begin with the prefix.
class FieldWriter {
 public:
  explicit FieldWriter(graph::Attributes& out, std::string prefix = {})
      : out_(out), prefix_(std::move(prefix)) {}
  void integer(const char* name, int64_t value, int64_t, int64_t) { out_[prefix_ + name] = value; }
  void integers(const char* name, const std::vector<int64_t>& values, size_t, int64_t, int64_t) {
    out_[prefix_ + name] = values;
  }
  void flag(const char* name, bool value) { out_[prefix_ + name] = int64_t{value}; }
  void number(const char* name, float value) { out_[prefix_ + name] = value; }
  void number(const char* name, double value) { out_[prefix_ + name] = std::bit_cast<int64_t>(value); }
  void float_type(const char* name, DType value) { out_[prefix_ + name] = static_cast<int64_t>(value); }
  void byte_type(const char* name, DType value) { out_[prefix_ + name] = static_cast<int64_t>(value); }
  template <class Enum>
  void choice(const char* name, Enum value, Enum) {
    out_[prefix_ + name] = static_cast<int64_t>(value);
  }

 private:
  graph::Attributes& out_;
  std::string prefix_;
};

/// Takes fields out of attributes. Throws Error(bad_model) if one is missing, of another type or out of
/// range.
class FieldReader {
 public:
  explicit FieldReader(const ops::OpArgs& args, std::string prefix = {})
      : args_(args), prefix_(std::move(prefix)) {}
  template <class Integer>
  void integer(const char* name, Integer& value, int64_t least, int64_t most) {
    value = static_cast<Integer>(in_range(name, required(name), least, most));
  }
  /// Every element in range; `count` of them.
  void integers(const char* name, std::vector<int64_t>& values, size_t count, int64_t least, int64_t most) {
    args_.require(prefix_ + name);
    values = args_.get_ints(prefix_ + name);
    if (values.size() != count)
      fail(ErrorCode::bad_model, "{}: {} has {} elements instead of {}", args_.op_type(), name, values.size(),
           count);
    for (int64_t value : values) in_range(name, value, least, most);
  }
  void flag(const char* name, bool& value) { value = in_range(name, required(name), 0, 1) != 0; }
  void number(const char* name, float& value) {
    args_.require(prefix_ + name);
    value = args_.get_float(prefix_ + name, 0);
  }
  void number(const char* name, double& value) { value = std::bit_cast<double>(required(name)); }
  /// float32 or float16.
  void float_type(const char* name, DType& value) {
    const int64_t number = required(name);
    value = number == static_cast<int64_t>(DType::float16) ? DType::float16 : DType::float32;
    in_range(name, number, static_cast<int64_t>(value), static_cast<int64_t>(value));
  }
  /// int8 or uint8.
  void byte_type(const char* name, DType& value) {
    const int64_t number = required(name);
    value = number == static_cast<int64_t>(DType::int8) ? DType::int8 : DType::uint8;
    in_range(name, number, static_cast<int64_t>(value), static_cast<int64_t>(value));
  }
  template <class Enum>
  void choice(const char* name, Enum& value, Enum last) {
    value = static_cast<Enum>(in_range(name, required(name), 0, static_cast<int64_t>(last)));
  }

 private:
  int64_t required(const char* name) const {
    args_.require(prefix_ + name);
    return args_.get_int(prefix_ + name, 0);
  }
  int64_t in_range(const char* name, int64_t value, int64_t least, int64_t most) const {
    if (value < least || value > most)
      fail(ErrorCode::bad_model, "{}: {} is {}; it must lie in [{}, {}]", args_.op_type(), name, value, least,
           most);
    return value;
  }

  const ops::OpArgs& args_;
  std::string prefix_;
};

// Each function names every member of its struct, so that it no longer compiles when one is added.

template <class Window, class Fields>
void window_fields(Window& window, Fields& fields, size_t axes = 2) {
  auto& [auto_pad, kernel_shape, strides, dilations, pads, ceil_mode] = window;
  fields.choice("auto_pad", auto_pad, ops::AutoPad::valid);
  fields.integers("kernel_shape", kernel_shape, axes, 1, max_window);
  fields.integers("strides", strides, axes, 1, max_window);
  fields.integers("dilations", dilations, axes, 1, max_window);
  fields.integers("pads", pads, 2 * axes, 0, max_window);
  fields.flag("ceil_mode", ceil_mode);
}

/// Windows of two or three axes, as one list each.
template <class Window, class Fields>
void volume_fields(Window& depth, Window& window, Fields& fields) {
  ops::WindowAttrs whole = join_windows(depth, window);
  int64_t axes = std::ssize(whole.strides);
  fields.integer("axes", axes, 2, 3);
  window_fields(whole, fields, static_cast<size_t>(axes));
  if constexpr (!std::is_const_v<Window>) {
    depth = take_depth(whole);
    window = std::move(whole);
  }
}

template <class Layer, class Fields>
void conv_fields(Layer& layer, Fields& fields) {
  auto& [dtype, half_chunk, window, depth_window, kernel_h, kernel_w, group, in_channels, out_channels,
         algorithm, finite_weights, activation, low, high] = layer;
  fields.float_type("dtype", dtype);
  fields.integer("half_chunk", half_chunk, 0, half_depth_block);
  volume_fields(depth_window, window, fields);
  fields.integer("kernel_h", kernel_h, 1, max_window);
  fields.integer("kernel_w", kernel_w, 1, max_window);
  fields.integer("group", group, 1, max_channels);
  fields.integer("in_channels", in_channels, 1, max_channels);
  fields.integer("out_channels", out_channels, 1, max_channels);
  fields.choice("algorithm", algorithm, ConvAlgorithm::winograd);
  fields.flag("finite_weights", finite_weights);
  fields.choice("activation", activation, Activation::tanh);
  fields.number("low", low);
  fields.number("high", high);
}

template <class Layer, class Fields>
void quant_conv_fields(Layer& layer, Fields& fields) {
  auto& [result, x_dtype, y_dtype, x_zero_point, y_zero_point, window, kernel_h, kernel_w, group, in_channels,
         out_channels, narrow, activation, low, high] = layer;
  fields.choice("result", result, QuantProduct::Result::floats);
  fields.byte_type("x_dtype", x_dtype);
  fields.byte_type("y_dtype", y_dtype);
  fields.integer("x_zero_point", x_zero_point, -128, 255);
  fields.integer("y_zero_point", y_zero_point, -128, 255);
  window_fields(window, fields);
  fields.integer("kernel_h", kernel_h, 1, max_window);
  fields.integer("kernel_w", kernel_w, 1, max_window);
  fields.integer("group", group, 1, max_channels);
  fields.integer("in_channels", in_channels, 1, max_channels);
  fields.integer("out_channels", out_channels, 1, max_channels);
  fields.flag("narrow", narrow);
  fields.choice("activation", activation, Activation::tanh);
  fields.number("low", low);
  fields.number("high", high);
}

template <class Layer, class Fields>
void conv_transpose_fields(Layer& layer, Fields& fields) {
  auto& [dtype, half_chunk, attrs, kernel_h, kernel_w, in_channels, out_channels, finite_weights, activation,
         low, high] = layer;
  auto& [window, group, output_padding, output_shape] = attrs;
  fields.float_type("dtype", dtype);
  fields.integer("half_chunk", half_chunk, 0, half_depth_block);
  window_fields(window, fields);
  fields.integer("group", group, 1, max_channels);
  fields.integers("output_padding", output_padding, 2, 0, max_window);
  bool has_output_shape = !output_shape.empty();
  fields.flag("has_output_shape", has_output_shape);
  if (has_output_shape) fields.integers("output_shape", output_shape, 2, 0, max_window);
  fields.integer("kernel_h", kernel_h, 1, max_window);
  fields.integer("kernel_w", kernel_w, 1, max_window);
  fields.integer("in_channels", in_channels, 1, max_channels);
  fields.integer("out_channels", out_channels, 1, max_channels);
  fields.flag("finite_weights", finite_weights);
  fields.choice("activation", activation, Activation::tanh);
  fields.number("low", low);
  fields.number("high", high);
}

template <class Layer, class Fields>
void linear_fields(Layer& layer, Fields& fields) {
  auto& [dtype, half_chunk, depth, columns, activation, low, high] = layer;
  fields.float_type("dtype", dtype);
  fields.integer("half_chunk", half_chunk, 0, half_depth_block);
  fields.integer("depth", depth, 1, max_channels);
  fields.integer("columns", columns, 1, max_channels);
  fields.choice("activation", activation, Activation::tanh);
  fields.number("low", low);
  fields.number("high", high);
}

template <class Layer, class Fields>
void quant_linear_fields(Layer& layer, Fields& fields) {
  auto& [a_dtype, depth, columns, activation, low, high] = layer;
  fields.byte_type("a_dtype", a_dtype);
  fields.integer("depth", depth, 1, max_channels);
  fields.integer("columns", columns, 1, max_channels);
  fields.choice("activation", activation, Activation::tanh);
  fields.number("low", low);
  fields.number("high", high);
}

template <class Layer, class Fields>
void pool_fields(Layer& layer, Fields& fields) {
  auto& [kind, window, depth_window] = layer;
  fields.choice("kind", kind, PoolLayer::Kind::average_counting_padding);
  volume_fields(depth_window, window, fields);
}

/// An operand's axes one after another, then its begin.
inline std::vector<int64_t> operand_numbers(const AttentionOperand& operand) {
  const auto& [batch, head, row, column, begin] = operand;
  std::vector<int64_t> out;
  for (const AttentionAxis* each : {&batch, &head, &row, &column}) {
    const auto& [axis, step, size] = *each;
    out.insert(out.end(), {axis, step, size});
  }
  for (const auto& [axis, at] : begin) out.insert(out.end(), {axis, at});
  return out;
}
/// Throws Error(bad_model).
AttentionOperand read_operand(const ops::OpArgs& args, const char* name);

}  // namespace spinel::cpu
