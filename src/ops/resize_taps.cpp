#include "ops/resize_taps.hpp"

#include <algorithm>
#include <cmath>

namespace spinel::ops {
namespace {

/// Where output position `at` lies on the input's axis.
float coordinate(CoordinateTransform transform, const ResizeAxis& axis, int64_t at) {
  const float x = static_cast<float>(at);
  const float input = static_cast<float>(axis.input);
  const float output = static_cast<float>(axis.output);
  switch (transform) {
    case CoordinateTransform::half_pixel:
      return (x + 0.5f) / axis.scale - 0.5f;
    case CoordinateTransform::half_pixel_symmetric:
      return input / 2 * (1 - output / (axis.scale * input)) + (x + 0.5f) / axis.scale - 0.5f;
    case CoordinateTransform::pytorch_half_pixel:
      return axis.output > 1 ? (x + 0.5f) / axis.scale - 0.5f : 0.0f;
    case CoordinateTransform::align_corners:
      return axis.output > 1 ? x * (input - 1) / (output - 1) : 0.0f;
    case CoordinateTransform::asymmetric:
      return x / axis.scale;
    case CoordinateTransform::tf_half_pixel_for_nn:
      return (x + 0.5f) / axis.scale;
    case CoordinateTransform::tf_crop_and_resize:
      return axis.output > 1 ? axis.roi_begin * (input - 1) +
                                   x * (axis.roi_end - axis.roi_begin) * (input - 1) / (output - 1)
                             : 0.5f * (axis.roi_begin + axis.roi_end) * (input - 1);
  }
  return x;
}

int64_t nearest_index(NearestMode mode, float coordinate, float scale) {
  constexpr double half = 0.5 + 1e-6;
  const double x = static_cast<double>(coordinate);
  switch (mode) {
    case NearestMode::round_prefer_floor:
      return static_cast<int64_t>(std::ceil(x - half));
    case NearestMode::round_prefer_ceil:
      return static_cast<int64_t>(std::floor(x + half));
    case NearestMode::floor:
      return static_cast<int64_t>(std::floor(x));
    case NearestMode::ceil:
      return static_cast<int64_t>(std::ceil(x));
    case NearestMode::simple:
      return static_cast<int64_t>(scale < 1 ? std::ceil(x) : std::floor(x));
  }
  return 0;
}

/// The interpolation kernel at a distance.
double kernel(const ResizeRule& rule, double distance) {
  const double x = std::abs(distance);
  if (rule.mode == ResizeMode::linear) return std::max(0.0, 1 - x);
  const double a = static_cast<double>(rule.cubic_a);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

}  // namespace

ResizeTaps resize_taps(const ResizeRule& rule, const ResizeAxis& axis) {
  ResizeTaps out;
  out.outside.assign(static_cast<size_t>(axis.output), false);
  out.identity = axis.input == axis.output && axis.scale == 1.0f &&
                 rule.transform != CoordinateTransform::tf_crop_and_resize &&
                 rule.transform != CoordinateTransform::tf_half_pixel_for_nn;
  const int64_t last = axis.input - 1;
  // Widening when shrinking: distances are scaled, so that the kernel covers more elements.
  const double shrink = rule.antialias && axis.scale < 1 ? static_cast<double>(axis.scale) : 1.0;
  const double support = (rule.mode == ResizeMode::linear ? 1.0 : 2.0) / shrink;
  const int64_t reach = static_cast<int64_t>(std::ceil(support));
  out.taps = rule.mode == ResizeMode::nearest || out.identity ? 1 : 2 * reach;
  for (int64_t at = 0; at < axis.output; ++at) {
    if (out.identity) {
      out.index.push_back(at);
      out.weight.push_back(1);
      continue;
    }
    const float x = coordinate(rule.transform, axis, at);
    if (rule.transform == CoordinateTransform::tf_crop_and_resize && (x < 0 || x > static_cast<float>(last)))
      out.outside[static_cast<size_t>(at)] = true;
    if (rule.mode == ResizeMode::nearest) {
      out.index.push_back(std::clamp<int64_t>(nearest_index(rule.nearest, x, axis.scale), 0, last));
      out.weight.push_back(1);
      continue;
    }
    const int64_t base = static_cast<int64_t>(std::floor(x));
    double total = 0;
    for (int64_t tap = 0; tap < out.taps; ++tap) {
      const int64_t position = base + 1 - reach + tap;
      const double distance = (static_cast<double>(position) - static_cast<double>(x)) * shrink;
      const bool dropped = rule.exclude_outside && (position < 0 || position > last);
      const double weight = dropped ? 0 : kernel(rule, distance);
      total += weight;
      out.index.push_back(std::clamp<int64_t>(position, 0, last));
      out.weight.push_back(weight);
    }
    // Without these two the weights add up to 1 by themselves.
    if (!rule.exclude_outside && shrink == 1.0) continue;
    for (int64_t tap = 0; tap < out.taps; ++tap) {
      double& weight = out.weight[out.weight.size() - 1 - static_cast<size_t>(tap)];
      weight = total == 0 ? 0 : weight / total;
    }
  }
  return out;
}

}  // namespace spinel::ops
