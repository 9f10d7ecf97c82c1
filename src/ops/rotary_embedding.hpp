// Rotary position embedding, as RotaryEmbedding and the attention operators that contain it compute it.
#pragma once
#include <cstdint>

namespace spinel::ops {

/// Turns pairs of elements of one head by an angle each: (a, b) becomes (a cos - b sin, a sin + b cos). The
/// pairs are neighbours if `interleaved`, else element i and i + width / 2. The rest of the head is copied.
/// cosines and sines hold width / 2 elements; y may be x.
template <class T>
void rotate_head(const T* x, T* y, int64_t head_size, int64_t width, const T* cosines, const T* sines,
                 bool interleaved) {
  const int64_t half = width / 2;
  for (int64_t i = 0; i < half; ++i) {
    const int64_t first = interleaved ? 2 * i : i;
    const int64_t second = interleaved ? 2 * i + 1 : i + half;
    const T a = x[first];
    const T b = x[second];
    y[first] = a * cosines[i] - b * sines[i];
    y[second] = a * sines[i] + b * cosines[i];
  }
  for (int64_t i = width; i < head_size; ++i) y[i] = x[i];
}

}  // namespace spinel::ops
