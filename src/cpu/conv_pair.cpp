#include "cpu/conv_pair.hpp"

#include <algorithm>
#include <cstring>

#include "base/text.hpp"
#include "cpu/depthwise.hpp"
#include "cpu/patches.hpp"
#include "cpu/tasks.hpp"

namespace spinel::cpu {
namespace {

/// What a strip may take of a core's second-level cache, beside weights, inputs and outputs.
constexpr int64_t strip_bytes = 384 * 1024;
/// What a second-level cache holds without strips.
constexpr int64_t cached_bytes = 768 * 1024;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Lines of the image in the middle that an output line meets, from first to last.
int64_t window_lines(const ConvLayer& depthwise) {
  return (depthwise.kernel_h - 1) * depthwise.window.dilations[0] + 1;
}

/// How an image is cut: strips of `rows` output lines, which meet at most `lines` lines in the middle.
struct Strips {
  int64_t rows, lines;
};

Strips make_strips(const ConvPair& pair, int64_t width, int64_t out_height) {
  const int64_t line_bytes = width * pair.pointwise.out_channels * dtype_bits(pair.pointwise.dtype) / 8;
  const int64_t stride = pair.depthwise.window.strides[0];
  const int64_t window = window_lines(pair.depthwise);
  const int64_t fitting = strip_bytes / std::max<int64_t>(line_bytes, 1);
  const int64_t rows =
      std::clamp<int64_t>((fitting - window) / stride + 1, 1, std::max<int64_t>(out_height, 1));
  return {rows, (rows - 1) * stride + window};
}

Patches window_of(const ConvLayer& depthwise) {
  return {.kernel_h = depthwise.kernel_h,
          .kernel_w = depthwise.kernel_w,
          .stride_h = depthwise.window.strides[0],
          .stride_w = depthwise.window.strides[1],
          .dilation_h = depthwise.window.dilations[0],
          .dilation_w = depthwise.window.dilations[1]};
}

uint64_t aligned(uint64_t bytes) { return (bytes + 63) / 64 * 64; }

Epilogue epilogue_of(const ConvLayer& layer, const graph::RunContext& context, size_t bias) {
  return {.bias = context.has_input(bias) ? context.input(bias).data<float>().data() : nullptr,
          .activation = layer.activation,
          .low = layer.low,
          .high = layer.high};
}

}  // namespace

bool are_pair(const ConvLayer& pointwise, const ConvLayer& depthwise) {
  return !pointwise.has_depth() && !depthwise.has_depth() && is_pointwise(pointwise) &&
         pointwise.group == 1 && pointwise.algorithm == ConvAlgorithm::product &&
         depthwise.algorithm == ConvAlgorithm::depthwise && pointwise.dtype == depthwise.dtype &&
         pointwise.out_channels == depthwise.in_channels && depthwise.group == depthwise.in_channels &&
         depthwise.in_channels == depthwise.out_channels;
}

bool pair_pays(const ConvPair& pair, int64_t height, int64_t width) {
  const int64_t line_bytes = width * pair.pointwise.out_channels * dtype_bits(pair.pointwise.dtype) / 8;
  const int64_t least_lines = window_lines(pair.depthwise) + 3 * pair.depthwise.window.strides[0];
  return height * line_bytes > cached_bytes && least_lines * line_bytes <= strip_bytes;
}

void NhwcConvPair::infer(graph::InferContext& context) const {
  const graph::Shape* x = context.shape(0);
  if (x == nullptr || x->size() != 4)
    fail(ErrorCode::internal, "a pair of channels-last convolutions needs an input of rank 4");
  const ConvLayer& layer = pair_.depthwise;
  context.set_tensor(
      0, context.dtype(0),
      window_output_shape(layer.depth_window, layer.window, *x, graph::Dim(layer.out_channels)));
}

graph::Scratch NhwcConvPair::scratch(const graph::ScratchContext& context) const {
  const auto x = context.input_dims(0);
  const auto y = context.output_dims(0);
  if (x.size() != 4 || y.size() != 4) return {};
  const Strips strips = make_strips(pair_, x[2], y[1]);
  const int64_t pixels = strips.lines * x[2] * pair_.pointwise.out_channels;
  return {.per_thread_bytes = aligned(static_cast<uint64_t>(pixels * dtype_bits(pair_.pointwise.dtype) / 8)) +
                              std::max(product_scratch_bytes(*isa_.kernels, pointwise_.product()),
                                       depthwise_scratch_bytes(*isa_.kernels, window_of(pair_.depthwise)))};
}

void NhwcConvPair::run(graph::RunContext& context) const {
  const ConvLayer& first = pair_.pointwise;
  const ConvLayer& second = pair_.depthwise;
  const Tensor& x = context.input(0);
  if (x.rank() != 4 || x.dim(3) != first.in_channels || x.dtype() != first.dtype)
    fail(ErrorCode::invalid_argument, "X {} must be {} and have {} channels", describe(x),
         dtype_name(first.dtype), first.in_channels);
  const auto dims = [&] {
    return window_output_dims(second.depth_window, second.window, x.dims(), second.out_channels);
  };
  Tensor& y = context.output_or(0, x.dtype(), dims);
  if (y.element_count() == 0) {
    dims();  // Throws if that is so because the input is too small.
    return;
  }

  const int64_t element = dtype_bits(first.dtype) / 8;
  const int64_t height = x.dim(1);
  const int64_t width = x.dim(2);
  const int64_t out_height = y.dim(1);
  const int64_t x_line = width * first.in_channels;
  const int64_t line_bytes = width * first.out_channels * element;
  const int64_t y_line = y.dim(2) * second.out_channels;
  const Strips strips = make_strips(pair_, width, out_height);
  const uint64_t kept_bytes = aligned(static_cast<uint64_t>(strips.lines * line_bytes));
  // Every part of an image computes the lines above it once more: few parts.
  const int64_t wanted = context.concurrency() == 1 ? 1 : 2 * int64_t{context.concurrency()};
  const int64_t most_parts = std::max<int64_t>(out_height / (2 * window_lines(second)), 1);
  const int64_t parts = std::min(ceil_div(wanted, x.dim(0)), most_parts);
  const int64_t part_rows = ceil_div(out_height, parts);

  Product product = pointwise_.product();
  product.b = context.input(1).raw();
  product.epilogue = epilogue_of(first, context, 2);
  const Epilogue following = epilogue_of(second, context, 4);
  Patches patches = window_of(second);
  patches.half = is_half(x);
  patches.pixel_stride = patches.channels = first.out_channels;
  patches.width = width;
  patches.out_width = y.dim(2);
  const int64_t pad_top = pad_begin(second.window, 0, out_height, height, second.kernel_h);
  patches.pad_left = pad_begin(second.window, 1, y.dim(2), width, second.kernel_w);

  context.parallel_for_scratch(x.dim(0) * parts, [&](int64_t task, std::byte* scratch) {
    std::byte* const after = scratch + kept_bytes;
    const int64_t image = task / parts;
    const int64_t end = std::min(out_height, (task % parts + 1) * part_rows);
    int64_t kept_begin = 0;  // Lines of the image in the middle that `scratch` holds, up to kept_end.
    int64_t kept_end = 0;
    for (int64_t row = task % parts * part_rows; row < end; row += strips.rows) {
      context.check_cancelled();
      const int64_t rows = std::min(strips.rows, end - row);
      const int64_t top = row * patches.stride_h - pad_top;
      const int64_t begin = std::clamp<int64_t>(top, 0, height);
      const int64_t bottom =
          std::clamp<int64_t>(top + (rows - 1) * patches.stride_h + window_lines(second), begin, height);
      const int64_t shared = std::clamp<int64_t>(kept_end - begin, 0, bottom - begin);
      if (shared > 0)
        std::memmove(scratch, scratch + (begin - kept_begin) * line_bytes,
                     static_cast<size_t>(shared * line_bytes));
      kept_begin = begin;
      kept_end = bottom;
      Product lines = product;
      lines.a = element_at(x, (image * height + begin + shared) * x_line);
      lines.c = scratch + shared * line_bytes;
      lines.rows = (bottom - begin - shared) * width;
      run_product(*isa_.kernels, lines, after);
      DepthwiseRows strip{.patches = patches,
                          .weights = context.input(3).data<float>().data(),
                          .y = element_at(y, (image * out_height + row) * y_line),
                          .y_row_stride = y_line,
                          .y_pixel_stride = second.out_channels,
                          .rows = rows,
                          .channels = second.out_channels,
                          .epilogue = &following,
                          .scratch = reinterpret_cast<float*>(after)};
      strip.patches.x = scratch;
      strip.patches.height = bottom - begin;
      strip.patches.out_height = rows;
      strip.patches.pad_top = begin - top;
      isa_.kernels->depthwise_rows(strip);
    }
  });
}

std::string conv_pair_text(const ConvPair& pair) {
  return conv_text(pair.pointwise) + "; " + conv_text(pair.depthwise);
}

}  // namespace spinel::cpu
