// RoiAlign: regions of a feature map, sampled bilinearly and brought to one size.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/compute_type.hpp"
#include "ops/indices.hpp"
#include "ops/op_args.hpp"

namespace spinel::ops {
namespace {

/// Where one sample line of a region lies along an axis: between two elements, or outside (weights 0).
template <class T>
struct Sample {
  int64_t low = 0, high = 0;
  T low_weight = 0, high_weight = 0;
};

/// One axis of a region. The second half is for averages, where the samples of a bin are added up: element
/// `begin` + i adds weight[bin * length + i] to a bin, which is 0 but for i in [first[bin], last[bin]].
template <class T>
struct RegionAxis {
  int64_t samples_per_bin = 0;
  std::vector<Sample<T>> samples;  ///< [bins * samples_per_bin]

  int64_t begin = 0, length = 0;
  std::vector<int64_t> first, last;
  std::vector<T> weight;
};

/// Bilinear samples as the specification places them.
template <class T>
RegionAxis<T> place_samples(T start, T size, int64_t bins, int64_t sampling_ratio, int64_t elements) {
  RegionAxis<T> out;
  const T bin = size / static_cast<T>(bins);
  // Regions of more than this many samples a bin are no regions of a picture.
  constexpr T most_samples = 1 << 16;
  if (sampling_ratio <= 0 && !(std::abs(bin) <= most_samples))
    fail(ErrorCode::invalid_argument, "a region of size {} would take {} samples a bin", size, bin);
  out.samples_per_bin =
      sampling_ratio > 0 ? sampling_ratio : std::max<int64_t>(static_cast<int64_t>(std::ceil(bin)), 0);
  for (int64_t i = 0; i < bins * out.samples_per_bin; ++i) {
    Sample<T>& sample = out.samples.emplace_back();
    const int64_t within = i % out.samples_per_bin;
    T at = start + static_cast<T>(i / out.samples_per_bin) * bin +
           (static_cast<T>(within) + T{0.5}) * bin / static_cast<T>(out.samples_per_bin);
    if (!(at >= T{-1} && at <= static_cast<T>(elements))) continue;
    at = std::max(at, T{0});
    sample.low = static_cast<int64_t>(at);
    if (sample.low >= elements - 1) {
      sample.low = sample.high = elements - 1;
      at = static_cast<T>(sample.low);
    } else {
      sample.high = sample.low + 1;
    }
    sample.high_weight = at - static_cast<T>(sample.low);
    sample.low_weight = 1 - sample.high_weight;
  }
  return out;
}

/// Adds up the samples of each bin, so that every element is read once a bin.
template <class T>
void merge_samples(RegionAxis<T>& axis, int64_t bins) {
  int64_t end = 0;
  axis.begin = std::numeric_limits<int64_t>::max();
  for (const Sample<T>& sample : axis.samples) {
    if (sample.low_weight == 0 && sample.high_weight == 0) continue;
    axis.begin = std::min(axis.begin, sample.low);
    end = std::max(end, sample.high + 1);
  }
  axis.length = std::max<int64_t>(end - axis.begin, 0);
  if (end == 0) axis.begin = axis.length = 0;
  axis.weight.assign(static_cast<size_t>(bins * axis.length), T{0});
  axis.first.assign(static_cast<size_t>(bins), axis.length);
  axis.last.assign(static_cast<size_t>(bins), -1);
  for (int64_t bin = 0; bin < bins; ++bin) {
    for (int64_t i = 0; i < axis.samples_per_bin; ++i) {
      const Sample<T>& sample = axis.samples[static_cast<size_t>(bin * axis.samples_per_bin + i)];
      if (sample.low_weight == 0 && sample.high_weight == 0) continue;
      const size_t b = static_cast<size_t>(bin);
      axis.first[b] = std::min(axis.first[b], sample.low - axis.begin);
      axis.last[b] = std::max(axis.last[b], sample.high - axis.begin);
      axis.weight[static_cast<size_t>(bin * axis.length + sample.low - axis.begin)] += sample.low_weight;
      axis.weight[static_cast<size_t>(bin * axis.length + sample.high - axis.begin)] += sample.high_weight;
    }
  }
}

struct RoiAlignAttrs {
  bool max = false;
  bool half_pixel = true;
  int64_t height = 1, width = 1;
  int64_t sampling_ratio = 0;
  float spatial_scale = 1;
};

/// The average over the samples of each bin: bilinear weights are products of one of the row and one of the
/// column, so that whole rows of the region are summed first.
template <class T>
void average_bins(const T* plane, int64_t plane_width, const RegionAxis<T>& rows,
                  const RegionAxis<T>& columns, int64_t height, int64_t width, std::vector<T>& sums, T* y) {
  const int64_t count = std::max<int64_t>(rows.samples_per_bin * columns.samples_per_bin, 1);
  const int64_t length = columns.length;
  sums.resize(static_cast<size_t>(length));
  T* const sum = sums.data();
  for (int64_t ph = 0; ph < height; ++ph) {
    const int64_t first = rows.first[static_cast<size_t>(ph)], last = rows.last[static_cast<size_t>(ph)];
    const T* weight = rows.weight.data() + ph * rows.length;
    const T* from = plane + (rows.begin + first) * plane_width + columns.begin;
    int64_t r = first;
    if (r > last) std::fill_n(sum, length, T{0});
    // Two rows at a time, in order.
    for (; r + 1 <= last; r += 2, from += 2 * plane_width) {
      const T w0 = weight[r], w1 = weight[r + 1];
      const T* next = from + plane_width;
      if (r == first)
        for (int64_t i = 0; i < length; ++i) sum[i] = w0 * from[i] + w1 * next[i];
      else
        for (int64_t i = 0; i < length; ++i) sum[i] = (sum[i] + w0 * from[i]) + w1 * next[i];
    }
    for (; r <= last; ++r, from += plane_width)
      for (int64_t i = 0; i < length; ++i) sum[i] = (r == first ? T{0} : sum[i]) + weight[r] * from[i];
    for (int64_t pw = 0; pw < width; ++pw) {
      const T* factor = columns.weight.data() + pw * length;
      T total = 0;
      for (int64_t i = columns.first[static_cast<size_t>(pw)]; i <= columns.last[static_cast<size_t>(pw)];
           ++i)
        total += factor[i] * sum[i];
      y[ph * width + pw] = total / static_cast<T>(count);
    }
  }
}

/// The largest of the weighted elements around the samples of a bin (not of the interpolated values): what
/// the specification's reference and ONNX Runtime compute.
template <class T>
void largest_in_bins(const T* plane, int64_t plane_width, const RegionAxis<T>& rows,
                     const RegionAxis<T>& columns, int64_t height, int64_t width, T* y) {
  for (int64_t ph = 0; ph < height; ++ph) {
    for (int64_t pw = 0; pw < width; ++pw) {
      T best = 0;
      for (int64_t i = 0; i < rows.samples_per_bin * columns.samples_per_bin; ++i) {
        const Sample<T>& row =
            rows.samples[static_cast<size_t>(ph * rows.samples_per_bin + i / columns.samples_per_bin)];
        const Sample<T>& column =
            columns.samples[static_cast<size_t>(pw * columns.samples_per_bin + i % columns.samples_per_bin)];
        const T* low = plane + row.low * plane_width;
        const T* high = plane + row.high * plane_width;
        const T value = std::max({row.low_weight * column.low_weight * low[column.low],
                                  row.low_weight * column.high_weight * low[column.high],
                                  row.high_weight * column.low_weight * high[column.low],
                                  row.high_weight * column.high_weight * high[column.high]});
        best = i == 0 ? value : std::max(best, value);
      }
      y[ph * width + pw] = best;
    }
  }
}

/// Inputs X [N, C, H, W], rois [R, 4] of x1, y1, x2, y2, and batch_indices [R]; output [R, C, height, width].
class RoiAlign final : public Op {
 public:
  explicit RoiAlign(RoiAlignAttrs attrs) : attrs_(attrs) {}

  std::string_view name() const override { return "RoiAlign"; }
  /// Coordinates of large pictures have no exact float16.
  bool keeps_float32(size_t input) const override { return input == 1; }

  void infer(InferContext& context) const override {
    require_only_tensors(context, 3);
    require_float(context, 0, "X");
    require_float(context, 1, "rois");
    require_index_type(context, 2);
    require_rank(context, 0, "X", 4, 4);
    require_rank(context, 1, "rois", 2, 2);
    require_rank(context, 2, "batch_indices", 1, 1);
    const Shape* x = context.shape(0);
    const Shape* rois = context.shape(1);
    const Shape* picks = context.shape(2);
    if (rois != nullptr && (*rois)[1].is_constant() && !(*rois)[1].is_constant(4))
      fail(ErrorCode::bad_model, "rois {} must be [regions, 4]", shape_text(*rois));
    Dim regions = rois != nullptr ? (*rois)[0] : Dim::unknown();
    if (regions.is_unknown() && picks != nullptr) regions = (*picks)[0];
    context.set_tensor(0, context.dtype(0),
                       Shape{regions, x ? (*x)[1] : Dim::unknown(), Dim(attrs_.height), Dim(attrs_.width)});
  }

  void batch(BatchContext& context) const override {
    if (!context.input(0).is_shared())
      return context.block("regions pick their picture by its place in the batch");
    for (size_t i = 1; i < 3; ++i)
      if (!context.input(i).is_batched() || context.input(i).axis != 0)
        return context.block("rois and batch_indices do not both have the batch as axis 0");
    context.set_output(0, BatchState::batched(0));
  }

  void run(RunContext& context) const override {
    const Tensor& x = context.input(0);
    const Tensor& rois = context.input(1);
    const Tensor& picks = context.input(2);
    require_float(x, "X");
    if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 4 || picks.dims() != Dims{rois.dim(0)})
      fail(ErrorCode::invalid_argument,
           "X {}, rois {} and batch_indices {} do not fit: they must be [N, C, H, W], [R, 4] and [R]",
           describe(x), describe(rois), describe(picks));
    compute_in(x.dtype(), [&](auto type) { compute<decltype(type)>(context); });
  }

 private:
  template <class T>
  void compute(RunContext& context) const {
    const Tensor& x = context.input(0);
    const ComputeInput<T> rois(context.input(1));
    const IndexReader picks(context.input(2));
    const int64_t channels = x.dim(1), height = x.dim(2), width = x.dim(3);
    const int64_t regions = context.input(1).dim(0);
    const ComputeInput<T> from(x);
    ComputeOutput<T> y(context, 0, x.dtype(), {regions, channels, attrs_.height, attrs_.width});
    if (y.count() == 0) return;
    if (x.element_count() == 0) fail(ErrorCode::invalid_argument, "X {} has no elements", describe(x));
    context.parallel_for(regions, [&](int64_t region) {
      const T* roi = rois.data() + region * 4;
      const T scale = static_cast<T>(attrs_.spatial_scale);
      const T offset = attrs_.half_pixel ? T{0.5} : T{0};
      const T x0 = roi[0] * scale - offset;
      const T y0 = roi[1] * scale - offset;
      T across = roi[2] * scale - offset - x0;
      T down = roi[3] * scale - offset - y0;
      if (!attrs_.half_pixel) {
        across = std::max(across, T{1});
        down = std::max(down, T{1});
      }
      RegionAxis<T> rows = place_samples<T>(y0, down, attrs_.height, attrs_.sampling_ratio, height);
      RegionAxis<T> columns = place_samples<T>(x0, across, attrs_.width, attrs_.sampling_ratio, width);
      const T* picture = from.data() + picks.within(region, x.dim(0)) * channels * height * width;
      T* out = y.data() + region * channels * attrs_.height * attrs_.width;
      std::vector<T> sums;
      if (!attrs_.max) {
        merge_samples(rows, attrs_.height);
        merge_samples(columns, attrs_.width);
      }
      for (int64_t c = 0; c < channels; ++c) {
        const T* plane = picture + c * height * width;
        T* to = out + c * attrs_.height * attrs_.width;
        if (attrs_.max)
          largest_in_bins(plane, width, rows, columns, attrs_.height, attrs_.width, to);
        else
          average_bins(plane, width, rows, columns, attrs_.height, attrs_.width, sums, to);
      }
    });
    y.store();
  }

  RoiAlignAttrs attrs_;
};

}  // namespace

OpPtr make_roi_align(const OpArgs& args) {
  RoiAlignAttrs attrs;
  const std::string mode = args.get_string("mode", "avg");
  if (mode != "avg" && mode != "max")
    fail(ErrorCode::bad_model, "RoiAlign: mode '{}' is none of avg, max", mode);
  attrs.max = mode == "max";
  attrs.height = args.get_int("output_height", 1);
  attrs.width = args.get_int("output_width", 1);
  attrs.sampling_ratio = args.get_int("sampling_ratio", 0);
  attrs.spatial_scale = args.get_float("spatial_scale", 1);
  constexpr int64_t most = 1 << 16;
  if (std::min(attrs.height, attrs.width) < 1 ||
      std::max({attrs.height, attrs.width, attrs.sampling_ratio}) > most || attrs.sampling_ratio < 0)
    fail(ErrorCode::bad_model,
         "RoiAlign: output_height {}, output_width {} and sampling_ratio {} must be 1 (the ratio 0) to {}",
         attrs.height, attrs.width, attrs.sampling_ratio, most);
  attrs.half_pixel = false;
  if (args.version() >= 16) {
    const std::string transform = args.get_string("coordinate_transformation_mode", "half_pixel");
    if (transform != "half_pixel" && transform != "output_half_pixel")
      fail(ErrorCode::bad_model,
           "RoiAlign: coordinate_transformation_mode '{}' is none of half_pixel, output_half_pixel",
           transform);
    attrs.half_pixel = transform == "half_pixel";
  }
  return std::make_shared<RoiAlign>(attrs);
}

}  // namespace spinel::ops
