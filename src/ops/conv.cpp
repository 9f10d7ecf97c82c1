// Conv: convolution over one to three spatial axes, by unfolding blocks of the input (im2col).
#include "ops/conv.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/row_product.hpp"

namespace spinel::ops {
namespace {

using Axes = std::array<WindowAxis, 3>;

/// Output channels that one task computes, so that few positions still make several tasks.
constexpr int64_t channel_block = 64;

/// Writes the input elements that kernel position (kd, kh, kw) meets at output positions [begin, end) of one
/// channel plane; 0 where it meets padding.
template <class T>
void unfold_row(const Axes& axes, const T* plane, int64_t kd, int64_t kh, int64_t kw, int64_t begin,
                int64_t end, T* to) {
  const WindowAxis& d = axes[0];
  const WindowAxis& h = axes[1];
  const WindowAxis& w = axes[2];
  for (int64_t at = begin; at < end;) {
    const int64_t ow = at % w.output;
    const int64_t oh = at / w.output % h.output;
    const int64_t od = at / w.output / h.output;
    const int64_t count = std::min(w.output - ow, end - at);
    const int64_t id = od * d.stride - d.pad_begin + kd * d.dilation;
    const int64_t ih = oh * h.stride - h.pad_begin + kh * h.dilation;
    if (id < 0 || id >= d.input || ih < 0 || ih >= h.input) {
      std::fill_n(to, count, T{0});
    } else {
      const T* row = plane + (id * h.input + ih) * w.input;
      int64_t iw = ow * w.stride - w.pad_begin + kw * w.dilation;
      for (int64_t i = 0; i < count; ++i, iw += w.stride) to[i] = iw < 0 || iw >= w.input ? T{0} : row[iw];
    }
    to += count;
    at += count;
  }
}

template <class T>
struct Problem {
  Axes axes;
  int64_t group, in_channels, out_channels;  ///< Channels of one group.
  int64_t in_plane, out_plane, taps;
  bool pointwise;  ///< The unfolded input is the input itself.
  const T *x, *w, *bias;
  T* y;

  /// Output channels [c0, c1) of group g at positions [p0, p1) of sample n.
  void compute(int64_t n, int64_t g, int64_t c0, int64_t c1, int64_t p0, int64_t p1) const {
    const int64_t depth = in_channels * taps;
    const int64_t count = p1 - p0;
    const T* x_group = x + (n * group + g) * in_channels * in_plane;
    const T* w_group = w + g * out_channels * depth;
    T* y_group = y + (n * group + g) * out_channels * out_plane + p0;
    for (int64_t c = c0; c < c1; ++c) std::fill_n(y_group + c * out_plane, count, T{0});
    std::vector<T> unfolded(pointwise ? 0 : static_cast<size_t>(product_depth_block * count));
    for (int64_t k0 = 0; k0 < depth; k0 += product_depth_block) {
      const int64_t k_count = std::min(product_depth_block, depth - k0);
      const T* block = x_group + k0 * in_plane + p0;
      int64_t block_stride = in_plane;
      if (!pointwise) {
        for (int64_t k = 0; k < k_count; ++k) {
          const int64_t tap = (k0 + k) % taps;
          const int64_t kw = tap % axes[2].kernel;
          const int64_t kh = tap / axes[2].kernel % axes[1].kernel;
          const int64_t kd = tap / axes[2].kernel / axes[1].kernel;
          unfold_row(axes, x_group + (k0 + k) / taps * in_plane, kd, kh, kw, p0, p1,
                     unfolded.data() + k * count);
        }
        block = unfolded.data();
        block_stride = count;
      }
      for (int64_t c = c0; c < c1; ++c)
        add_row_product(count, k_count, w_group + c * depth + k0, 1, block, block_stride,
                        y_group + c * out_plane);
    }
    if (bias == nullptr) return;
    for (int64_t c = c0; c < c1; ++c) {
      const T b = bias[g * out_channels + c];
      for (int64_t p = 0; p < count; ++p) y_group[c * out_plane + p] += b;
    }
  }
};

}  // namespace

void check_conv_dims(const Dims& x, const Dims& w, int64_t group) {
  if (x.size() < 3 || x.size() > 5 || w.size() != x.size())
    fail(ErrorCode::invalid_argument, "X {} and W {} must have the same rank, 3 to 5", dims_text(x),
         dims_text(w));
  if (x[1] != w[1] * group)
    fail(ErrorCode::invalid_argument,
         "X {} has {} channels, but W {} with group {} needs {}: check the input's layout (N, C, ...)",
         dims_text(x), x[1], dims_text(w), group, w[1] * group);
  if (w[0] % group != 0)
    fail(ErrorCode::invalid_argument, "W {} has {} output channels, not a multiple of group {}", dims_text(w),
         w[0], group);
}

namespace {

template <class T>
void run_conv(RunContext& context, const ConvAttrs& attrs) {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  const std::vector<int64_t> kernel(w.dims().begin() + 2, w.dims().end());
  const std::vector<WindowAxis> windows = make_windows(attrs.window, x.dims(), kernel);
  Dims y_dims{x.dim(0), w.dim(0)};
  for (const WindowAxis& axis : windows) y_dims.push_back(axis.output);

  const ComputeInput<T> x_data(x);
  const ComputeInput<T> w_data(w);
  const ComputeInput<T> bias_data =
      context.has_input(2) ? ComputeInput<T>(context.input(2)) : ComputeInput<T>();
  ComputeOutput<T> y_data(context, 0, x.dtype(), y_dims);
  if (y_data.count() == 0) return;

  Problem<T> problem{.axes = as_three(windows),
                     .group = attrs.group,
                     .in_channels = w.dim(1),
                     .out_channels = w.dim(0) / attrs.group,
                     .in_plane = 1,
                     .out_plane = 1,
                     .taps = 1,
                     .pointwise = true,
                     .x = x_data.data(),
                     .w = w_data.data(),
                     .bias = context.has_input(2) ? bias_data.data() : nullptr,
                     .y = y_data.data()};
  for (const WindowAxis& axis : problem.axes) {
    problem.in_plane *= axis.input;
    problem.out_plane *= axis.output;
    problem.taps *= axis.kernel;
    problem.pointwise &= axis.kernel == 1 && axis.stride == 1 && axis.pad_begin == 0 && axis.pad_end == 0;
  }
  const int64_t channel_blocks = (problem.out_channels + channel_block - 1) / channel_block;
  const int64_t position_blocks = (problem.out_plane + product_column_block - 1) / product_column_block;
  context.parallel_for(x.dim(0) * attrs.group * channel_blocks * position_blocks,
                       [&problem, &attrs, channel_blocks, position_blocks](int64_t task) {
                         const int64_t p0 = task % position_blocks * product_column_block;
                         const int64_t c0 = task / position_blocks % channel_blocks * channel_block;
                         const int64_t sample_group = task / position_blocks / channel_blocks;
                         problem.compute(sample_group / attrs.group, sample_group % attrs.group, c0,
                                         std::min(c0 + channel_block, problem.out_channels), p0,
                                         std::min(p0 + product_column_block, problem.out_plane));
                       });
  y_data.store();
}

}  // namespace

std::optional<Shape> infer_conv(const InferContext& context, size_t x_index, size_t w_index,
                                const ConvAttrs& attrs) {
  require_rank(context, x_index, "X", 3, 5);
  require_rank(context, w_index, "W", 3, 5);
  const Shape* x = context.shape(x_index);
  const Shape* w = context.shape(w_index);
  if (x == nullptr || w == nullptr) return std::nullopt;
  if (x->size() != w->size())
    fail(ErrorCode::bad_model, "X {} and W {} have different ranks", shape_text(*x), shape_text(*w));
  if ((*x)[1].is_constant() && (*w)[1].is_constant() &&
      (*x)[1].constant() != (*w)[1].constant() * attrs.group)
    fail(ErrorCode::bad_model, "X {} has {} channels, but W {} with group {} needs {}", shape_text(*x),
         (*x)[1].text(), shape_text(*w), attrs.group, (*w)[1].constant() * attrs.group);
  if ((*w)[0].is_constant() && (*w)[0].constant() % attrs.group != 0)
    fail(ErrorCode::bad_model, "W {} has {} output channels, not a multiple of group {}", shape_text(*w),
         (*w)[0].text(), attrs.group);
  const Shape kernel(w->begin() + 2, w->end());
  for (size_t i = 0; i < attrs.window.kernel_shape.size() && i < kernel.size(); ++i)
    if (kernel[i].is_constant() && kernel[i].constant() != attrs.window.kernel_shape[i])
      fail(ErrorCode::bad_model, "attribute kernel_shape is {}, but W is {}",
           dims_text(attrs.window.kernel_shape), shape_text(*w));
  Shape y{(*x)[0], (*w)[0]};
  for (const Dim& dim : window_output(attrs.window, *x, kernel)) y.push_back(dim);
  return y;
}

ConvAttrs read_conv(const OpArgs& args) {
  ConvAttrs attrs;
  attrs.window = read_window(args);
  attrs.group = args.get_int("group", 1);
  if (attrs.group < 1)
    fail(ErrorCode::bad_model, "{}: group is {}, it must be 1 or more", args.op_type(), attrs.group);
  return attrs;
}

void ConvOp::infer(InferContext& context) const {
  require_only_tensors(context, 2);
  require_float(context, 0, "X");
  require_rank(context, 2, "B", 1, 1);
  context.set_tensor(0, context.dtype(0), infer_conv(context, 0, 1, attrs_));
}

void ConvOp::run(RunContext& context) const {
  const Tensor& x = context.input(0);
  const Tensor& w = context.input(1);
  require_float(x, "X");
  check_conv_dims(x.dims(), w.dims(), attrs_.group);
  if (context.has_input(2) && context.input(2).element_count() != w.dim(0))
    fail(ErrorCode::invalid_argument, "B {} must have one element for each of W's {} output channels",
         describe(context.input(2)), w.dim(0));
  compute_in(x.dtype(), [&](auto type) { run_conv<decltype(type)>(context, attrs_); });
}

OpPtr make_conv(const OpArgs& args) { return std::make_shared<ConvOp>(read_conv(args)); }

}  // namespace spinel::ops
