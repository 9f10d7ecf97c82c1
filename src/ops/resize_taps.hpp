// Resize along one axis: which input elements make an output element, and how they are weighted.
#pragma once
#include <cstdint>
#include <vector>

namespace spinel::ops {

enum class ResizeMode { nearest, linear, cubic };
enum class CoordinateTransform {
  half_pixel,
  half_pixel_symmetric,
  pytorch_half_pixel,
  align_corners,
  asymmetric,
  tf_half_pixel_for_nn,
  tf_crop_and_resize,
};
/// `simple` is that of opset 10 and before: up when the axis shrinks, else down.
enum class NearestMode { round_prefer_floor, round_prefer_ceil, floor, ceil, simple };

struct ResizeRule {
  ResizeMode mode = ResizeMode::nearest;
  CoordinateTransform transform = CoordinateTransform::half_pixel;
  NearestMode nearest = NearestMode::round_prefer_floor;
  float cubic_a = -0.75f;
  bool exclude_outside = false;  ///< Taps outside of the input are dropped instead of clamped to its border.
  bool antialias = false;        ///< Linear and cubic: the support widens when the axis shrinks.
};

/// One axis: sizes, scale (output / input, or as the model gives it) and the region of interest in [0, 1]
/// (tf_crop_and_resize).
struct ResizeAxis {
  int64_t input = 1;
  int64_t output = 1;
  float scale = 1;
  float roi_begin = 0;
  float roi_end = 1;
};

/// For each output position `taps` indices into the input and weights. `outside` marks positions that
/// tf_crop_and_resize maps outside of the input. Nearest has one tap of weight 1.
struct ResizeTaps {
  int64_t taps = 1;
  std::vector<int64_t> index;  ///< [output * taps]
  std::vector<double> weight;  ///< [output * taps]
  std::vector<bool> outside;   ///< [output]
  bool identity = false;       ///< The axis is unchanged.
};

/// The formulas of the specification of Resize. Where rounding decides (nearest mode), they follow ONNX
/// Runtime: coordinates are taken in float32, and within 1e-6 of one half counts as one half. The input must
/// not be empty.
ResizeTaps resize_taps(const ResizeRule& rule, const ResizeAxis& axis);

}  // namespace spinel::ops
