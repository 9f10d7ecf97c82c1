// Sums and extremes over a row, in an order that depends on the row's length alone.
#pragma once
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {

typedef float Four __attribute__((vector_size(4 * sizeof(float))));

/// All lanes combined: halves, quarters ..., always alike. `fn` combines two vectors of any width.
template <class Fn>
inline float fold_lanes(Vec x, Fn fn) {
#if defined(__AVX512F__)
  typedef float Eight __attribute__((vector_size(8 * sizeof(float))));
  const Eight low = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7);
  const Eight high = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  const Eight eight = fn(low, high);
#elif defined(__AVX2__)
  const Vec eight = x;
#endif
#if defined(__AVX2__)
  const Four lower = __builtin_shufflevector(eight, eight, 0, 1, 2, 3);
  const Four upper = __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
  const Four four = fn(lower, upper);
#else
  const Four four = x;
#endif
  const Four two = fn(four, __builtin_shufflevector(four, four, 2, 3, 0, 1));
  return fn(two, __builtin_shufflevector(two, two, 1, 0, 3, 2))[0];
}

inline float sum_lanes(Vec x) {
  return fold_lanes(x, [](auto a, auto b) { return a + b; });
}
/// NaN if any lane is.
inline float max_lanes(Vec x) {
  return fold_lanes(x, [](auto a, auto b) { return ((a > b) | (a != a)) ? a : b; });
}
inline float min_lanes(Vec x) {
  return fold_lanes(x, [](auto a, auto b) { return ((a < b) | (a != a)) ? a : b; });
}

/// Lanes from `count` on become those of `other`.
inline Vec keep_lanes(Vec x, int64_t count, Vec other) {
#if defined(__AVX512F__)
  return _mm512_mask_blend_ps(static_cast<__mmask16>((1U << count) - 1), other, x);
#else
  IntVec lane{};
  for (int i = 0; i < vector_floats; ++i) lane[i] = i;
  return lane < broadcast_int(static_cast<int32_t>(count)) ? x : other;
#endif
}

/// Summands are added in blocks of block_vectors, and the blocks' sums to the total, so that rounding errors
/// grow with the square root of the length at most.
constexpr int64_t block_vectors = 64;

/// The lanes of the sum of f(x[i]) over a row of float32 or float16.
template <class T, class Fn>
inline Vec sum_row(const T* x, int64_t count, Fn f) {
  Vec total{};
  int64_t n = 0;
  while (count - n >= 4 * vector_floats) {
    int64_t quads = (count - n) / (4 * vector_floats);
    if (quads > block_vectors / 4) quads = block_vectors / 4;
    Vec a{}, b{}, c{}, d{};
    for (; quads > 0; --quads, n += 4 * vector_floats) {
      a += f(load(x + n));
      b += f(load(x + n + vector_floats));
      c += f(load(x + n + 2 * vector_floats));
      d += f(load(x + n + 3 * vector_floats));
    }
    total += (a + b) + (c + d);
  }
  for (; n + vector_floats <= count; n += vector_floats) total += f(load(x + n));
  if (n < count) total += keep_lanes(f(load_partial(x + n, count - n)), count - n, Vec{});
  return total;
}

/// The lanes of the extreme of f(x[i]); `fn(value, extreme)` hands a NaN among the values on.
template <class T, class Fn, class Combine>
inline Vec extreme_row(const T* x, int64_t count, Vec start, Fn f, Combine fn) {
  Vec a = start;
  Vec b = start;
  int64_t n = 0;
  for (; n + 2 * vector_floats <= count; n += 2 * vector_floats) {
    a = fn(a, f(load(x + n)));
    b = fn(b, f(load(x + n + vector_floats)));
  }
  for (; n + vector_floats <= count; n += vector_floats) a = fn(a, f(load(x + n)));
  if (n < count) b = fn(b, keep_lanes(f(load_partial(x + n, count - n)), count - n, start));
  return fn(a, b);
}

}  // namespace spinel::cpu::SPINEL_ISA
