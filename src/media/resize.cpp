// The resampling of Pillow's libImaging (Resample.c), written from its description: each output pixel is a
// weighted sum of the input pixels beneath a filter whose support grows with the scale when the image
// shrinks. Weights are normalised in double and rounded to 22 fractional bits; a horizontal pass to 8-bit
// pixels is followed by a vertical one. Equality with Pillow depends on each of these steps, their order and
// their rounding.
#include "media/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/text.hpp"

namespace spinel {
namespace media {
namespace {

constexpr int channels = 3;
/// 32 bits of an accumulator less 8 of the pixel and 2 for weights outside [0, 1] and their sums.
constexpr int precision_bits = 32 - 8 - 2;

double triangle(double x) {
  x = std::fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/// Keys' cubic convolution with a = -0.5.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

/// For each output position of one axis: the first input position, how many follow, and their weights.
struct Weights {
  size_t stride = 0;  ///< Between the weights of two output positions.
  std::vector<int> first;
  std::vector<int> count;
  std::vector<int32_t> values;
};

/// Weights of the output positions begin to begin + length - 1 when `in_size` pixels become `out_size`.
Weights make_weights(int in_size, int out_size, int begin, int length, Interpolation interpolation) {
  const bool is_cubic = interpolation == Interpolation::bicubic;
  const double scale = static_cast<double>(in_size) / out_size;
  const double filter_scale = std::max(scale, 1.0);
  const double support = (is_cubic ? 2.0 : 1.0) * filter_scale;
  const double inverse_scale = 1.0 / filter_scale;
  Weights weights;
  weights.stride = std::min(static_cast<size_t>(std::ceil(support)) * 2 + 1, static_cast<size_t>(in_size));
  const auto positions = static_cast<size_t>(length);
  weights.first.resize(positions);
  weights.count.resize(positions);
  weights.values.assign(positions * weights.stride, 0);
  std::vector<double> exact(weights.stride);
  for (size_t i = 0; i < positions; ++i) {
    const double center = (begin + static_cast<double>(i) + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - support + 0.5), 0);
    const int last =
        std::min(static_cast<int>(std::min(center + support + 0.5, static_cast<double>(in_size))), in_size);
    const int count = last - first;
    double sum = 0;
    for (int k = 0; k < count; ++k) {
      const double x = (k + first - center + 0.5) * inverse_scale;
      exact[static_cast<size_t>(k)] = is_cubic ? cubic(x) : triangle(x);
      sum += exact[static_cast<size_t>(k)];
    }
    for (int k = 0; k < count; ++k) {
      double weight = exact[static_cast<size_t>(k)];
      if (sum != 0.0) weight /= sum;
      const double fixed = weight * (1 << precision_bits);
      weights.values[i * weights.stride + static_cast<size_t>(k)] =
          static_cast<int32_t>(weight < 0 ? fixed - 0.5 : fixed + 0.5);
    }
    weights.first[i] = first;
    weights.count[i] = count;
  }
  return weights;
}

uint8_t to_pixel(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> precision_bits, 0, 255)); }

/// One output row: `out` has a pixel for each position of `weights`.
void horizontal_row(const uint8_t* in, uint8_t* out, const Weights& weights) {
  constexpr int32_t half = 1 << (precision_bits - 1);
  const size_t positions = weights.first.size();
  for (size_t i = 0; i < positions; ++i) {
    const int32_t* weight = weights.values.data() + i * weights.stride;
    const uint8_t* pixel = in + static_cast<size_t>(weights.first[i]) * channels;
    int32_t red = half;
    int32_t green = half;
    int32_t blue = half;
    for (int k = 0; k < weights.count[i]; ++k, pixel += channels) {
      red += pixel[0] * weight[k];
      green += pixel[1] * weight[k];
      blue += pixel[2] * weight[k];
    }
    out[0] = to_pixel(red);
    out[1] = to_pixel(green);
    out[2] = to_pixel(blue);
    out += channels;
  }
}

/// One output row from `count` rows of `row_bytes` values that lie `pitch` apart.
void vertical_row(const uint8_t* in, size_t pitch, size_t row_bytes, const int32_t* weight, int count,
                  uint8_t* out) {
  // Sums of a block stay in cache while the rows pass by.
  constexpr size_t block = 512;
  int32_t sums[block];
  for (size_t begin = 0; begin < row_bytes; begin += block) {
    const size_t length = std::min(block, row_bytes - begin);
    std::fill_n(sums, length, 1 << (precision_bits - 1));
    for (int k = 0; k < count; ++k) {
      const uint8_t* row = in + static_cast<size_t>(k) * pitch + begin;
      const int32_t factor = weight[k];
      for (size_t x = 0; x < length; ++x) sums[x] += row[x] * factor;
    }
    for (size_t x = 0; x < length; ++x) out[begin + x] = to_pixel(sums[x]);
  }
}

/// Pillow's nearest: the input position is accumulated in double from half a step, then cut.
std::vector<int> nearest_positions(int in_size, int out_size, int begin, int length) {
  const double step = static_cast<double>(in_size) / out_size;
  std::vector<int> positions(static_cast<size_t>(length));
  double at = step * 0.5;
  for (int i = 0; i < begin + length; ++i, at += step)
    if (i >= begin) positions[static_cast<size_t>(i - begin)] = std::min(static_cast<int>(at), in_size - 1);
  return positions;
}

Image resize_nearest(const Image& image, Size to, Window window) {
  const auto columns = nearest_positions(image.width, to.width, window.left, window.width);
  const auto rows = nearest_positions(image.height, to.height, window.top, window.height);
  Image out{window.width, window.height, {}};
  out.pixels.resize(columns.size() * rows.size() * channels);
  uint8_t* target = out.pixels.data();
  for (const int y : rows) {
    const uint8_t* row =
        image.pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(image.width) * channels;
    for (const int x : columns) {
      std::memcpy(target, row + static_cast<size_t>(x) * channels, channels);
      target += channels;
    }
  }
  return out;
}

/// Where a crop of `crop` begins along an axis of `size`: half of the difference, rounded half to even.
int crop_begin(int size, int crop) {
  const int difference = size - crop;
  const int half = difference / 2;
  return difference % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

}  // namespace

void check_image(const Image& image) {
  if (image.width < 1 || image.height < 1 ||
      image.pixels.size() / channels !=
          static_cast<size_t>(image.width) * static_cast<size_t>(image.height) ||
      image.pixels.size() % channels != 0)
    fail(ErrorCode::invalid_argument,
         "image of {} x {} pixels holds {} values; width * height * 3 are needed", image.width, image.height,
         image.pixels.size());
}

Size short_side_size(Size image, int shorter) {
  const int64_t low = std::min(image.width, image.height);
  const int64_t high = std::max(image.width, image.height);
  // As Python's int(size * longer / shorter): one division in double, then cut.
  const double longer = std::trunc(static_cast<double>(shorter * high) / static_cast<double>(low));
  if (longer > std::numeric_limits<int>::max())
    fail(ErrorCode::invalid_argument,
         "an image of {} x {} pixels cannot be resized to a shorter side of {}: the longer one would have "
         "{:.0f} pixels",
         image.width, image.height, shorter, longer);
  const int other = static_cast<int>(longer);
  return image.width <= image.height ? Size{shorter, other} : Size{other, shorter};
}

Image resize_window(const Image& image, Size to, Window window, Interpolation interpolation) {
  if (interpolation == Interpolation::nearest) return resize_nearest(image, to, window);
  const auto in_pitch = static_cast<size_t>(image.width) * channels;
  const auto out_pitch = static_cast<size_t>(window.width) * channels;
  const auto out_rows = static_cast<size_t>(window.height);

  Weights vertical;
  int first_row = window.top;
  int row_count = window.height;
  const bool scale_rows = to.height != image.height;
  if (scale_rows) {
    vertical = make_weights(image.height, to.height, window.top, window.height, interpolation);
    first_row = vertical.first.front();
    row_count = vertical.first.back() + vertical.count.back() - first_row;
  }

  const uint8_t* rows = image.pixels.data() + static_cast<size_t>(first_row) * in_pitch;
  std::vector<uint8_t> narrowed(static_cast<size_t>(row_count) * out_pitch);
  if (to.width != image.width) {
    const Weights horizontal = make_weights(image.width, to.width, window.left, window.width, interpolation);
    for (size_t y = 0; y < static_cast<size_t>(row_count); ++y)
      horizontal_row(rows + y * in_pitch, narrowed.data() + y * out_pitch, horizontal);
  } else {
    for (size_t y = 0; y < static_cast<size_t>(row_count); ++y)
      std::memcpy(narrowed.data() + y * out_pitch,
                  rows + y * in_pitch + static_cast<size_t>(window.left) * channels, out_pitch);
  }
  if (!scale_rows) return {window.width, window.height, std::move(narrowed)};

  Image out{window.width, window.height, {}};
  out.pixels.resize(out_rows * out_pitch);
  for (size_t y = 0; y < out_rows; ++y)
    vertical_row(narrowed.data() + static_cast<size_t>(vertical.first[y] - first_row) * out_pitch, out_pitch,
                 out_pitch, vertical.values.data() + y * vertical.stride, vertical.count[y],
                 out.pixels.data() + y * out_pitch);
  return out;
}

Image resize_and_crop(const Image& image, Size to, Size crop, Interpolation interpolation) {
  check_image(image);
  // The part of the resized image that remains, and where it lands in the crop.
  Window window;
  window.width = std::min(to.width, crop.width);
  window.height = std::min(to.height, crop.height);
  window.left = to.width > crop.width ? crop_begin(to.width, crop.width) : 0;
  window.top = to.height > crop.height ? crop_begin(to.height, crop.height) : 0;
  Image part = resize_window(image, to, window, interpolation);
  if (window.width == crop.width && window.height == crop.height) return part;

  Image out{crop.width, crop.height, {}};
  const auto pitch = static_cast<size_t>(crop.width) * channels;
  out.pixels.assign(pitch * static_cast<size_t>(crop.height), 0);
  const auto left = static_cast<size_t>((crop.width - window.width) / 2);
  const auto top = static_cast<size_t>((crop.height - window.height) / 2);
  const auto part_pitch = static_cast<size_t>(window.width) * channels;
  for (size_t y = 0; y < static_cast<size_t>(window.height); ++y)
    std::memcpy(out.pixels.data() + (y + top) * pitch + left * channels, part.pixels.data() + y * part_pitch,
                part_pitch);
  return out;
}

}  // namespace media

Image resize(const Image& image, int width, int height, Interpolation interpolation) {
  media::check_image(image);
  if (width < 1 || height < 1)
    fail(ErrorCode::invalid_argument, "cannot resize to {} x {} pixels; both must be at least 1", width,
         height);
  return media::resize_window(image, {width, height}, {0, 0, width, height}, interpolation);
}

Image resize_short_side(const Image& image, int size, Interpolation interpolation, const Limits& limits) {
  media::check_image(image);
  if (size < 1)
    fail(ErrorCode::invalid_argument, "cannot resize to a shorter side of {}; it must be at least 1", size);
  const media::Size to = media::short_side_size({image.width, image.height}, size);
  const auto pixels = static_cast<uint64_t>(to.width) * static_cast<uint64_t>(to.height);
  if (limits.max_image_pixels != 0 && pixels > limits.max_image_pixels)
    fail(ErrorCode::limit_exceeded,
         "the resized image would have {} x {} pixels; the limit max_image_pixels is {}", to.width, to.height,
         limits.max_image_pixels);
  return resize(image, to.width, to.height, interpolation);
}

Image center_crop(const Image& image, int width, int height) {
  if (width < 1 || height < 1)
    fail(ErrorCode::invalid_argument, "cannot crop to {} x {} pixels; both must be at least 1", width,
         height);
  return media::resize_and_crop(image, {image.width, image.height}, {width, height}, Interpolation::bilinear);
}

}  // namespace spinel
