#include "ops/qlinear_conv.hpp"

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/int_matmul.hpp"
#include "ops/requantize.hpp"

namespace spinel::ops {
namespace {

/// A tile's elements as bytes into [samples, channels, positions].
void store_tile(const IntTile& tile, const Requantize& requantize, const IntConvSizes& sizes, uint8_t* y) {
  uint8_t bytes[int_tile_rows * int_tile_columns];
  for (int64_t r = 0; r < tile.rows; ++r)
    requantize.row(tile.sums + r * tile.stride, tile.column, tile.columns, bytes + r * int_tile_columns);
  const int64_t positions = sizes.positions();
  uint8_t* to = y + (tile.matrix * sizes.output[1] + tile.column) * positions + tile.row;
  for (int64_t c = 0; c < tile.columns; ++c)
    for (int64_t r = 0; r < tile.rows; ++r) to[c * positions + r] = bytes[r * int_tile_columns + c];
}

}  // namespace

std::vector<int32_t> conv_zero_points(const Tensor& w, const Tensor& zero_point) {
  if (!zero_point.defined()) return {0};
  const Tensor wide = convert(zero_point, DType::int32);
  const auto values = wide.data<int32_t>();
  if (values.size() != 1 && static_cast<int64_t>(values.size()) != w.dim(0))
    fail(ErrorCode::invalid_argument,
         "w_zero_point {} must have one element, or one for each of the {} output channels",
         describe(zero_point), w.dim(0));
  return {values.begin(), values.end()};
}

graph::Scratch IntConvOp::scratch(const graph::ScratchContext& context) const {
  return IntConvSizes(attrs_, context.input_dims(0), context.input_dims(weights_input_)).scratch();
}

void IntConvOp::convolve(RunContext& context, const IntConvSizes& sizes, int32_t x_zero_point,
                         IntTileFn emit) const {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(weights_input_);
  const Tensor zero_point =
      context.has_input(weights_zero_input_) ? context.input(weights_zero_input_) : Tensor();
  int_conv(context, sizes, x, x_zero_point, {sizes, w, conv_zero_points(w, zero_point)}, emit);
}

void QLinearConvOp::infer(InferContext& context) const {
  require_only_tensors(context, 8);
  require_int8(context, 0, "x");
  require_int8(context, 3, "w");
  require_int8(context, 7, "y_zero_point");
  require_rank(context, 8, "B", 1, 1);
  context.set_tensor(0, context.dtype(7), infer_conv(context, 0, 3, attrs()));
}

void QLinearConvOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(3);
  require_int8(x, "x");
  require_int8(w, "w");
  const IntConvSizes sizes(attrs(), x.dims(), w.dims());
  const auto channels = static_cast<size_t>(w.dim(0));
  Requantize requantize{.multipliers = requantize_multipliers(scalar_scale(context.input(1), "x_scale"),
                                                              scale_values(context.input(4)),
                                                              scalar_scale(context.input(6), "y_scale")),
                        .bias = {},
                        .dtype = quantized_type(context.input(7), "y_zero_point"),
                        .zero_point = scalar_zero_point(context, 7, "y_zero_point")};
  if (requantize.multipliers.size() != 1 && requantize.multipliers.size() != channels)
    fail(ErrorCode::invalid_argument,
         "w_scale {} must have one element, or one for each of the {} output channels",
         describe(context.input(4)), channels);
  if (context.has_input(8)) {
    const auto bias = context.input(8).data<int32_t>();
    requantize.bias.assign(bias.begin(), bias.end());
    if (bias.size() != channels)
      fail(ErrorCode::invalid_argument, "B {} must have one element for each of the {} output channels",
           describe(context.input(8)), channels);
  }
  Tensor& y = context.output(0, requantize.dtype, sizes.output);
  convolve(context, sizes, scalar_zero_point(context, 2, "x_zero_point"),
           [&](const IntTile& tile) { store_tile(tile, requantize, sizes, static_cast<uint8_t*>(y.raw())); });
}

void ConvIntegerOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  require_int8(context, 0, "x");
  require_int8(context, 1, "w");
  context.set_tensor(0, DType::int32, infer_conv(context, 0, 1, attrs()));
}

void ConvIntegerOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  require_int8(x, "x");
  require_int8(w, "w");
  const IntConvSizes sizes(attrs(), x.dims(), w.dims());
  Tensor& y = context.output(0, DType::int32, sizes.output);
  auto* const to = static_cast<int32_t*>(y.raw());
  convolve(context, sizes, scalar_zero_point(context, 2, "x_zero_point"), [&](const IntTile& tile) {
    const int64_t positions = sizes.positions();
    for (int64_t c = 0; c < tile.columns; ++c) {
      int32_t* row = to + (tile.matrix * sizes.output[1] + tile.column + c) * positions + tile.row;
      for (int64_t r = 0; r < tile.rows; ++r) row[r] = tile.sums[r * tile.stride + c];
    }
  });
}

OpPtr make_qlinear_conv(const OpArgs& args) { return std::make_shared<QLinearConvOp>(read_conv(args)); }
OpPtr make_conv_integer(const OpArgs& args) { return std::make_shared<ConvIntegerOp>(read_conv(args)); }

}  // namespace spinel::ops
