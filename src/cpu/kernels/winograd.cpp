// The transforms of Winograd's F(4x4, 3x3): A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
// Networks" (2015).
#include "cpu/kernels/winograd.hpp"

#include "cpu/kernels/activations.hpp"
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int patch = 6;   // A tile's input is patch x patch,
constexpr int output = 4;  // its output output x output.

// The points are 0, a, -a, b, -b and infinity. With a = 2/3 and b = 3/2 the rounding errors are less than
// half of those of the usual 1 and 2 (tried over small fractions, on random data; docs/accuracy.md).
constexpr float a = 2.0F / 3;
constexpr float b = 3.0F / 2;
constexpr float a2 = 4.0F / 9;
constexpr float b2 = 9.0F / 4;
constexpr float a3 = 8.0F / 27;
constexpr float b3 = 27.0F / 8;
constexpr float sum2 = 97.0F / 36;        // a^2 + b^2; a^2 * b^2 is 1
constexpr float weight_a = -81.0F / 130;  // 1 / (2 a^2 (a^2 - b^2))
constexpr float weight_b = 8.0F / 65;     // 1 / (2 b^2 (b^2 - a^2))

/// B^T d
inline void transform_input(const Vec (&d)[patch], Vec (&out)[patch]) {
  const Vec even_a = fma(broadcast(-b2), d[2], d[4]);
  const Vec odd_a = a * fma(broadcast(-b2), d[1], d[3]);
  const Vec even_b = fma(broadcast(-a2), d[2], d[4]);
  const Vec odd_b = b * fma(broadcast(-a2), d[1], d[3]);
  out[0] = fma(broadcast(-sum2), d[2], d[0] + d[4]);
  out[1] = even_a + odd_a;
  out[2] = even_a - odd_a;
  out[3] = even_b + odd_b;
  out[4] = even_b - odd_b;
  out[5] = fma(broadcast(-sum2), d[3], d[1] + d[5]);
}

/// A^T m
inline void transform_output(const Vec (&m)[patch], Vec (&out)[output]) {
  const Vec sum_a = m[1] + m[2];
  const Vec difference_a = m[1] - m[2];
  const Vec sum_b = m[3] + m[4];
  const Vec difference_b = m[3] - m[4];
  out[0] = m[0] + sum_a + sum_b;
  out[1] = fma(broadcast(b), difference_b, a * difference_a);
  out[2] = fma(broadcast(b2), sum_b, a2 * sum_a);
  out[3] = fma(broadcast(b3), difference_b, fma(broadcast(a3), difference_a, m[5]));
}

/// G g
inline void transform_weights(const Vec (&g)[3], Vec (&out)[patch]) {
  const Vec even_a = weight_a * fma(broadcast(a2), g[2], g[0]);
  const Vec odd_a = (weight_a * a) * g[1];
  const Vec even_b = weight_b * fma(broadcast(b2), g[2], g[0]);
  const Vec odd_b = (weight_b * b) * g[1];
  out[0] = g[0];
  out[1] = even_a + odd_a;
  out[2] = even_a - odd_a;
  out[3] = even_b + odd_b;
  out[4] = even_b - odd_b;
  out[5] = g[2];
}

struct TilePlace {
  int64_t sample, row, column;  ///< Of its first output.
};

TilePlace place_of(const WinogradTiles& w, int64_t tile) {
  const int64_t dh = w.patches.dilation_h;
  const int64_t dw = w.patches.dilation_w;
  const int64_t column = tile % w.tiles_w;
  const int64_t row = tile / w.tiles_w % w.tiles_h;
  const int64_t phase = tile / (w.tiles_w * w.tiles_h);
  return {phase / (dh * dw), phase / dw % dh + row * output * dh, phase % dw + column * output * dw};
}

/// How many of a tile's outputs along an axis lie on the image.
int64_t outputs_inside(int64_t first, int64_t dilation, int64_t size) {
  if (first >= size) return 0;
  const int64_t count = (size - first + dilation - 1) / dilation;
  return count < output ? count : output;
}

template <class T>
void input_of(const WinogradTiles& w, float* v) {
  const Patches& p = w.patches;
  const int64_t plane = w.tiles * p.channels;
  for (int64_t t = 0; t < w.tiles; ++t, v += p.channels) {
    const TilePlace place = place_of(w, w.tile + t);
    const T* image = static_cast<const T*>(p.x) + place.sample * p.height * p.width * p.pixel_stride;
    const int64_t row = place.row - p.pad_top;
    const int64_t column = place.column - p.pad_left;
    const T* pixels[patch][patch];  // Those outside the image are nullptr.
    for (int h = 0; h < patch; ++h)
      for (int x = 0; x < patch; ++x) {
        const int64_t py = row + h * p.dilation_h;
        const int64_t px = column + x * p.dilation_w;
        const bool inside = py >= 0 && py < p.height && px >= 0 && px < p.width;
        pixels[h][x] = inside ? image + (py * p.width + px) * p.pixel_stride : nullptr;
      }
    for (int64_t c = 0; c < p.channels; c += vector_floats) {
      const int64_t left = p.channels - c;
      Vec rows[patch][patch];
      for (int x = 0; x < patch; ++x) {
        Vec d[patch];
#pragma GCC unroll 6
        for (int h = 0; h < patch; ++h)
          d[h] = pixels[h][x] != nullptr ? load_some(pixels[h][x] + c, left) : Vec{};
        Vec out[patch];
        transform_input(d, out);
#pragma GCC unroll 6
        for (int h = 0; h < patch; ++h) rows[h][x] = out[h];
      }
      for (int h = 0; h < patch; ++h) {
        Vec out[patch];
        transform_input(rows[h], out);
#pragma GCC unroll 6
        for (int x = 0; x < patch; ++x) store_some(v + (h * patch + x) * plane + c, out[x], left);
      }
    }
  }
}

template <class T>
void output_of(const WinogradTiles& w, const float* m, const WinogradOutput& o) {
  const Patches& p = w.patches;
  const Epilogue& e = *o.epilogue;
  const bool clamps = e.activation == Activation::clamp;
  const bool activates = e.activation > Activation::clamp;
  const Vec low = broadcast(e.low);
  const Vec high = broadcast(e.high);
  const int64_t plane = w.tiles * o.columns;
  for (int64_t t = 0; t < w.tiles; ++t, m += o.columns) {
    const TilePlace place = place_of(w, w.tile + t);
    const int64_t rows = outputs_inside(place.row, p.dilation_h, p.out_height);
    const int64_t columns = outputs_inside(place.column, p.dilation_w, p.out_width);
    const int64_t first = (place.sample * p.out_height + place.row) * p.out_width + place.column;
    T* y = static_cast<T*>(o.y) + first * o.pixel_stride;
    const T* residual =
        o.residual == nullptr ? nullptr : static_cast<const T*>(o.residual) + first * o.pixel_stride;
    const int64_t line = p.dilation_h * p.out_width * o.pixel_stride;
    const int64_t step = p.dilation_w * o.pixel_stride;
    for (int64_t c = 0; c < o.columns; c += vector_floats) {
      const int64_t left = o.columns - c;
      Vec half[output][patch];
      for (int x = 0; x < patch; ++x) {
        Vec in[patch];
#pragma GCC unroll 6
        for (int h = 0; h < patch; ++h) in[h] = load_some(m + (h * patch + x) * plane + c, left);
        Vec out[output];
        transform_output(in, out);
#pragma GCC unroll 4
        for (int h = 0; h < output; ++h) half[h][x] = out[h];
      }
      const Vec bias = e.bias == nullptr ? Vec{} : load_some(e.bias + c, left);
      for (int64_t h = 0; h < rows; ++h) {
        Vec out[output];
        transform_output(half[h], out);
        for (int64_t x = 0; x < columns; ++x) {
          const int64_t at = h * line + x * step + c;
          Vec sum = out[x] + bias;
          if (residual != nullptr) sum += load_some(residual + at, left);
          if (clamps)
            sum = clamp(sum, low, high);
          else if (activates)
            sum = activate(e, sum);
          store_some(y + at, sum, left);
        }
      }
    }
  }
}

}  // namespace

void winograd_weights(const float* taps, int64_t channels, int64_t columns, float* u, int64_t plane) {
  for (int64_t c = 0; c < channels; ++c, taps += 9 * columns, u += columns)
    for (int64_t n = 0; n < columns; n += vector_floats) {
      const int64_t left = columns - n;
      Vec down[3][patch];  // G applied to each column of the filter.
      for (int kw = 0; kw < 3; ++kw) {
        Vec g[3];
        for (int kh = 0; kh < 3; ++kh) g[kh] = load_some(taps + (kh * 3 + kw) * columns + n, left);
        transform_weights(g, down[kw]);
      }
      for (int h = 0; h < patch; ++h) {
        const Vec row[3] = {down[0][h], down[1][h], down[2][h]};
        Vec out[patch];
        transform_weights(row, out);
        for (int w = 0; w < patch; ++w) store_some(u + (h * patch + w) * plane + n, out[w], left);
      }
    }
}

void winograd_input(const WinogradTiles& tiles, float* v) {
  tiles.patches.half ? input_of<uint16_t>(tiles, v) : input_of<float>(tiles, v);
}

void winograd_output(const WinogradTiles& tiles, const float* m, const WinogradOutput& out) {
  tiles.patches.half ? output_of<uint16_t>(tiles, m, out) : output_of<float>(tiles, m, out);
}

}  // namespace spinel::cpu::SPINEL_ISA
