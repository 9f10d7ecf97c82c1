// MaxRoiPool: the maxima of a grid of bins over each region of a feature map.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "ops/compute_type.hpp"
#include "ops/op_args.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::ops {
namespace {

/// Elements [begin, end) of an axis that a bin covers; regions reach from `first` to `last` inclusive.
std::pair<int64_t, int64_t> bin_range(int64_t bin, int64_t bins, int64_t first, int64_t last, int64_t size) {
  const float step = static_cast<float>(std::max<int64_t>(last - first + 1, 1)) / static_cast<float>(bins);
  const auto begin = static_cast<int64_t>(std::floor(static_cast<float>(bin) * step));
  const auto end = static_cast<int64_t>(std::ceil(static_cast<float>(bin + 1) * step));
  return {std::clamp<int64_t>(begin + first, 0, size), std::clamp<int64_t>(end + first, 0, size)};
}

/// Inputs X [N, C, H, W] and rois [R, 5] of picture, x1, y1, x2, y2; output [R, C, pooled...]. A bin without
/// elements gives 0.
class MaxRoiPool final : public Op {
 public:
  MaxRoiPool(int64_t height, int64_t width, float spatial_scale)
      : height_(height), width_(width), spatial_scale_(spatial_scale) {}

  std::string_view name() const override { return "MaxRoiPool"; }
  bool keeps_float32(size_t input) const override { return input == 1; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 2);
    require_float(context, 0, "X");
    require_float(context, 1, "rois");
    require_rank(context, 0, "X", 4, 4);
    require_rank(context, 1, "rois", 2, 2);
    const Shape* x = context.shape(0);
    const Shape* rois = context.shape(1);
    context.set_tensor(
        0, context.dtype(0),
        Shape{rois ? (*rois)[0] : Dim::unknown(), x ? (*x)[1] : Dim::unknown(), Dim(height_), Dim(width_)});
  }

  void batch(BatchContext& context) const override {
    if (!context.input(0).is_shared())
      return context.block("regions pick their picture by its place in the batch");
    if (!context.input(1).is_batched() || context.input(1).axis != 0)
      return context.block("the batch is no axis of regions");
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& rois = context.input(1);
    require_float(x, "X");
    if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 5)
      fail(ErrorCode::invalid_argument, "X {} and rois {} do not fit: they must be [N, C, H, W] and [R, 5]",
           describe(x), describe(rois));
    compute_in(x.dtype(), [&](auto type) { compute<decltype(type)>(context); });
  }

 private:
  /// A coordinate of a region as an element of the map, halves away from 0.
  int64_t scaled(float coordinate) const {
    const float at = std::round(coordinate * spatial_scale_);
    if (!(std::abs(at) < 1e9f))
      fail(ErrorCode::invalid_argument, "the coordinate {} of a region lies outside of every picture",
           coordinate);
    return static_cast<int64_t>(at);
  }

  template <class T>
  void compute(RunContext& context) const {
    const Tensor& x = context.input(0);
    const Tensor rois = to_float32(context.input(1));
    const int64_t channels = x.dim(1), rows = x.dim(2), columns = x.dim(3);
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), {rois.dim(0), channels, height_, width_});
    if (y.count() == 0) return;
    context.parallel_for(rois.dim(0), [&](int64_t region) {
      const float* roi = rois.data<float>().data() + region * 5;
      if (!(roi[0] >= 0 && roi[0] < static_cast<float>(x.dim(0))))
        fail(ErrorCode::invalid_argument, "region {} is of picture {}, there are {}", region, roi[0],
             x.dim(0));
      const int64_t x0 = scaled(roi[1]), y0 = scaled(roi[2]), x1 = scaled(roi[3]), y1 = scaled(roi[4]);
      for (int64_t c = 0; c < channels; ++c) {
        const T* plane = from.data() + (static_cast<int64_t>(roi[0]) * channels + c) * rows * columns;
        T* to = y.data() + (region * channels + c) * height_ * width_;
        for (int64_t i = 0; i < height_ * width_; ++i) {
          const auto [top, bottom] = bin_range(i / width_, height_, y0, y1, rows);
          const auto [left, right] = bin_range(i % width_, width_, x0, x1, columns);
          T best = top < bottom && left < right ? plane[top * columns + left] : T{0};
          for (int64_t r = top; r < bottom; ++r)
            for (int64_t k = left; k < right; ++k) best = std::max(best, plane[r * columns + k]);
          to[i] = best;
        }
      }
    });
    y.store();
  }

  int64_t height_, width_;
  float spatial_scale_;
};

}  // namespace

OpPtr make_max_roi_pool(const OpArgs& args) {
  args.require("pooled_shape");
  const std::vector<int64_t> shape = args.get_ints("pooled_shape");
  if (shape.size() != 2 || *std::ranges::min_element(shape) < 1 ||
      *std::ranges::max_element(shape) > (1 << 16))
    fail(ErrorCode::bad_model, "MaxRoiPool: pooled_shape {} is no height and width of 1 or more",
         dims_text(shape));
  return std::make_shared<MaxRoiPool>(shape[0], shape[1], args.get_float("spatial_scale", 1));
}

}  // namespace spinel::ops
