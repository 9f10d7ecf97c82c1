// MaxPool, with the positions of the maxima if they are wanted.
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "ops/pool.hpp"

namespace spinel::ops {
namespace {

template <class T>
auto widen(T value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
    return static_cast<float>(value);
  else
    return value;
}

template <class T>
T lowest() {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>)
    return T(-std::numeric_limits<float>::infinity());
  else
    return std::numeric_limits<T>::lowest();
}

template <class T>
void run_max_pool(RunContext& context, const MaxPoolAttrs& attrs) {
  const Tensor& x = context.input(0);
  const std::vector<WindowAxis> windows = pool_windows(x, attrs.window);
  const Dims dims = pool_dims(x, windows);
  T* y = context.output(0, x.dtype(), dims).data<T>().data();
  int64_t* indices = context.output_count() > 1 && context.wants_output(1)
                         ? context.output(1, DType::int64, dims).data<int64_t>().data()
                         : nullptr;
  const auto axes = as_three(windows);
  const auto& d = axes[0];
  const auto& h = axes[1];
  const auto& w = axes[2];
  const int64_t in_plane = d.input * h.input * w.input;
  const int64_t out_plane = d.output * h.output * w.output;
  context.parallel_for(out_plane == 0 ? 0 : x.dim(0) * x.dim(1), [&](int64_t plane) {
    const T* from = x.data<T>().data() + plane * in_plane;
    for (int64_t at = 0; at < out_plane; ++at) {
      int64_t best = -1;
      auto maximum = widen(lowest<T>());
      for_each_tap(axes, at, [&](int64_t offset) {
        const auto value = widen(from[offset]);
        bool better = best < 0 || value > maximum;
        if constexpr (std::is_floating_point_v<decltype(widen(T{}))>)
          better = better || (std::isnan(value) && !std::isnan(maximum));
        if (!better) return;
        maximum = value;
        best = offset;
      });
      y[plane * out_plane + at] = best < 0 ? lowest<T>() : from[best];
      if (indices == nullptr) continue;
      if (best >= 0 && attrs.column_major_indices) {
        const int64_t id = best / w.input / h.input;
        const int64_t ih = best / w.input % h.input;
        const int64_t iw = best % w.input;
        best = attrs.window.kernel_shape.size() == 1 ? iw : (iw * h.input + ih) * d.input + id;
      }
      indices[plane * out_plane + at] = best < 0 ? -1 : plane * in_plane + best;
    }
  });
}

/// The maxima alone of 8-bit elements: down the window's rows, whole rows at a time, then along them.
template <class T>
void run_byte_max_pool(RunContext& context, const MaxPoolAttrs& attrs) {
  const Tensor& x = context.input(0);
  const std::vector<WindowAxis> windows = pool_windows(x, attrs.window);
  T* y = context.output(0, x.dtype(), pool_dims(x, windows)).data<T>().data();
  const auto axes = as_three(windows);
  const WindowAxis& depth = axes[0];
  const WindowAxis& height = axes[1];
  const WindowAxis& width = axes[2];
  const int64_t out_rows = depth.output * height.output;
  context.parallel_for(out_rows * width.output == 0 ? 0 : x.dim(0) * x.dim(1), [&](int64_t plane) {
    const T* from = x.data<T>().data() + plane * depth.input * height.input * width.input;
    std::vector<T> highest(static_cast<size_t>(width.input));
    for (int64_t row = 0; row < out_rows; ++row) {
      std::ranges::fill(highest, lowest<T>());
      const int64_t d0 = row / height.output * depth.stride - depth.pad_begin;
      const int64_t h0 = row % height.output * height.stride - height.pad_begin;
      for (int64_t tap = 0; tap < depth.kernel * height.kernel; ++tap) {
        const int64_t d = d0 + tap / height.kernel * depth.dilation;
        const int64_t h = h0 + tap % height.kernel * height.dilation;
        if (d < 0 || d >= depth.input || h < 0 || h >= height.input) continue;
        const T* line = from + (d * height.input + h) * width.input;
        for (int64_t w = 0; w < width.input; ++w)
          highest[static_cast<size_t>(w)] = std::max(highest[static_cast<size_t>(w)], line[w]);
      }
      T* to = y + (plane * out_rows + row) * width.output;
      for (int64_t at = 0; at < width.output; ++at) {
        const int64_t w0 = at * width.stride - width.pad_begin;
        T best = lowest<T>();
        for (int64_t tap = 0; tap < width.kernel; ++tap) {
          const int64_t w = w0 + tap * width.dilation;
          if (w >= 0 && w < width.input) best = std::max(best, highest[static_cast<size_t>(w)]);
        }
        to[at] = best;
      }
    }
  });
}

}  // namespace

void MaxPoolOp::infer(InferContext& context) const {
  require_only_tensors(context, 1);
  const DType dtype = context.dtype(0);
  if (dtype != DType::undefined && dtype != DType::float32 && dtype != DType::float16 &&
      dtype != DType::bfloat16 && dtype != DType::float64 && dtype != DType::int8 && dtype != DType::uint8)
    fail(ErrorCode::unsupported,
         "input X of type {} is not supported; it must be a float type, int8 or uint8", dtype_name(dtype));
  const std::optional<Shape> shape = infer_pool(context, attrs_.window);
  context.set_tensor(0, dtype, shape);
  if (context.output_count() > 1) context.set_tensor(1, DType::int64, shape);
}

void MaxPoolOp::batch(BatchContext& context) const {
  if (context.output_count() > 1) return context.block("output Indices counts through the whole batch");
  batch_axis_0(context);
}

void MaxPoolOp::run(RunContext& context) const {
  const bool wants_indices = context.output_count() > 1 && context.wants_output(1);
  switch (context.input(0).dtype()) {
    case DType::float32:
      return run_max_pool<float>(context, attrs_);
    case DType::float16:
      return run_max_pool<Half>(context, attrs_);
    case DType::bfloat16:
      return run_max_pool<BFloat16>(context, attrs_);
    case DType::float64:
      return run_max_pool<double>(context, attrs_);
    case DType::int8:
      if (!wants_indices) return run_byte_max_pool<int8_t>(context, attrs_);
      return run_max_pool<int8_t>(context, attrs_);
    case DType::uint8:
      if (!wants_indices) return run_byte_max_pool<uint8_t>(context, attrs_);
      return run_max_pool<uint8_t>(context, attrs_);
    default:
      fail(ErrorCode::unsupported, "input X of type {} is not supported",
           dtype_name(context.input(0).dtype()));
  }
}

OpPtr make_max_pool(const OpArgs& args) {
  args.require("kernel_shape");
  MaxPoolAttrs attrs;
  attrs.window = read_window(args);
  attrs.column_major_indices = args.get_flag("storage_order", false);
  return std::make_shared<MaxPoolOp>(std::move(attrs));
}

}  // namespace spinel::ops
