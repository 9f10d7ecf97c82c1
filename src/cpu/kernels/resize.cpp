// Interpolation of images, whose pixels are runs of contiguous channels or single elements.
#include "cpu/kernels/resize.hpp"

#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Output row `row` belongs to an image and has a line of it.
struct Line {
  int64_t image, y;
};
inline Line line_of(const ResizeRows& r, int64_t row) { return {row / r.out_height, row % r.out_height}; }

template <class T>
inline Vec load_some(const T* p, int64_t count) {
  return count >= vector_floats ? load(p) : load_partial(p, count);
}
template <class T>
inline void store_some(T* p, Vec x, int64_t count) {
  count >= vector_floats ? store(p, x) : store_partial(p, x, count);
}

/// base[index] of each lane.
inline Vec gather(const float* base, IntVec index) {
#if defined(__AVX512F__)
  return _mm512_mask_i32gather_ps(Vec{}, 0xffff, reinterpret_cast<__m512i>(index), base, 4);
#elif defined(__AVX2__)
  const Vec all = as_float(broadcast_int(-1));
  return _mm256_mask_i32gather_ps(Vec{}, base, reinterpret_cast<__m256i>(index), all, 4);
#else
  Vec out{};
  for (int i = 0; i < vector_floats; ++i) out[i] = base[index[i]];
  return out;
#endif
}

/// Pixels of `inner` channels, two taps an axis, no weight 0.
template <class T>
void blend_four(const ResizeRows& r, const T* image, int64_t y, T* to) {
  const T* top = image + int64_t{r.index_h[2 * y]} * r.in_width * r.inner;
  const T* bottom = image + int64_t{r.index_h[2 * y + 1]} * r.in_width * r.inner;
  const Vec top_weight = broadcast(r.weight_h[2 * y]);
  const Vec bottom_weight = broadcast(r.weight_h[2 * y + 1]);
  for (int64_t x = 0; x < r.out_width; ++x, to += r.inner) {
    const int64_t left = int64_t{r.index_w[x]} * r.inner;
    const int64_t right = int64_t{r.index_w[r.out_width + x]} * r.inner;
    const Vec left_weight = broadcast(r.weight_w[x]);
    const Vec right_weight = broadcast(r.weight_w[r.out_width + x]);
    for (int64_t c = 0; c < r.inner; c += vector_floats) {
      const int64_t count = r.inner - c;
      const Vec upper = fma(right_weight, load_some(top + right + c, count),
                            left_weight * load_some(top + left + c, count));
      const Vec lower = fma(right_weight, load_some(bottom + right + c, count),
                            left_weight * load_some(bottom + left + c, count));
      store_some(to + c, fma(bottom_weight, lower, top_weight * upper), count);
    }
  }
}

/// Any number of taps. Taps of weight 0 are not looked at: an infinity there must not become NaN.
template <class T>
void blend_any(const ResizeRows& r, const T* image, int64_t y, T* to) {
  for (int64_t x = 0; x < r.out_width; ++x, to += r.inner)
    for (int64_t c = 0; c < r.inner; c += vector_floats) {
      const int64_t count = r.inner - c;
      Vec sum{};
      for (int64_t i = y * r.taps_h; i < (y + 1) * r.taps_h; ++i) {
        if (r.weight_h[i] == 0) continue;
        const T* line = image + int64_t{r.index_h[i]} * r.in_width * r.inner + c;
        Vec part{};
        for (int64_t j = x; j < r.taps_w * r.out_width; j += r.out_width)
          if (r.weight_w[j] != 0)
            part =
                fma(broadcast(r.weight_w[j]), load_some(line + int64_t{r.index_w[j]} * r.inner, count), part);
        sum = fma(broadcast(r.weight_h[i]), part, sum);
      }
      store_some(to + c, sum, count);
    }
}

/// Pixels of one element: lines are blended into one first, which is then sampled.
template <class T>
void blend_plane(const ResizeRows& r, const T* image, int64_t y, T* to) {
  float* line = r.scratch;
  for (int64_t x = 0; x < r.in_width; x += vector_floats) {
    const int64_t count = r.in_width - x;
    Vec sum{};
    for (int64_t i = y * r.taps_h; i < (y + 1) * r.taps_h; ++i)
      if (r.weight_h[i] != 0)
        sum = fma(broadcast(r.weight_h[i]), load_some(image + int64_t{r.index_h[i]} * r.in_width + x, count),
                  sum);
    store_some(line + x, sum, count);
  }
  for (int64_t x = 0; x < r.out_width; x += vector_floats) {
    const int64_t count = r.out_width - x;
    Vec sum{};
    for (int64_t j = x; j < r.taps_w * r.out_width; j += r.out_width) {
      const IntVec index = as_int(load_some(reinterpret_cast<const float*>(r.index_w + j), count));
      const Vec weight = load_some(r.weight_w + j, count);
      sum = weight != Vec{} ? fma(weight, gather(line, index), sum) : sum;
    }
    store_some(to + x, sum, count);
  }
}

template <class T>
void blend_rows(const ResizeRows& r) {
  const T* from = static_cast<const T*>(r.from);
  T* to = static_cast<T*>(r.to);
  for (int64_t row = r.row; row < r.row + r.rows; ++row, to += r.out_width * r.inner) {
    const Line at = line_of(r, row);
    const T* image = from + at.image * r.in_height * r.in_width * r.inner;
    if (r.inner == 1)
      blend_plane(r, image, at.y, to);
    else if (r.taps_h == 2 && r.taps_w == 2)
      blend_four(r, image, at.y, to);
    else
      blend_any(r, image, at.y, to);
  }
}

template <class T>
void pick_rows(const ResizeRows& r) {
  const T* from = static_cast<const T*>(r.from);
  T* to = static_cast<T*>(r.to);
  const int64_t out_line = r.out_width * r.inner;
  const T* before = nullptr;
  for (int64_t row = r.row; row < r.row + r.rows; ++row, to += out_line) {
    const Line at = line_of(r, row);
    const T* line = from + (at.image * r.in_height + r.index_h[at.y]) * r.in_width * r.inner;
    if (line == before) {
      __builtin_memcpy(to, to - out_line, static_cast<size_t>(out_line) * sizeof(T));
      continue;
    }
    before = line;
    for (int64_t x = 0; x < r.out_width; ++x) {
      const T* pixel = line + int64_t{r.index_w[x]} * r.inner;
      if (r.inner == 1)
        to[x] = *pixel;
      else
        __builtin_memcpy(to + x * r.inner, pixel, static_cast<size_t>(r.inner) * sizeof(T));
    }
  }
}

}  // namespace

void resize_rows(const ResizeRows& rows) { rows.half ? blend_rows<uint16_t>(rows) : blend_rows<float>(rows); }

void resize_nearest_rows(const ResizeRows& rows) {
  rows.half ? pick_rows<uint16_t>(rows) : pick_rows<float>(rows);
}

}  // namespace spinel::cpu::SPINEL_ISA
