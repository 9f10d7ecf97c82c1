// Softmax and normalisation by mean and variance.
#include "cpu/kernels/normalize.hpp"

#include "cpu/kernels/lanes.hpp"
#include "cpu/kernels/vector_math.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// to[i] = f(from[i]) over a row.
template <class From, class To, class Fn>
inline void map_row(const From* from, To* to, int64_t count, Fn f) {
  int64_t n = 0;
  for (; n + vector_floats <= count; n += vector_floats) store(to + n, f(load(from + n)));
  if (n < count) store_partial(to + n, f(load_partial(from + n, count - n)), count - n);
}

template <class T>
inline float row_maximum(const T* x, int64_t count) {
  return max_lanes(extreme_row(
      x, count, broadcast(-__builtin_inff()), [](Vec v) { return v; },
      [](Vec a, Vec b) { return max(a, b); }));
}

/// `powers` takes e^(x - maximum); it may be `to` where that is float32.
template <class T>
void softmax_row(const T* x, T* to, int64_t count, float* powers) {
  const Vec maximum = broadcast(row_maximum(x, count));
  Vec total{};
  int64_t n = 0;
  while (n < count) {
    Vec a{};
    Vec b{};
    const int64_t stop =
        count - n < block_vectors * vector_floats ? count : n + block_vectors * vector_floats;
    for (; n + 2 * vector_floats <= stop; n += 2 * vector_floats) {
      const Vec first = exp(load(x + n) - maximum);
      const Vec second = exp(load(x + n + vector_floats) - maximum);
      store(powers + n, first);
      store(powers + n + vector_floats, second);
      a += first;
      b += second;
    }
    for (; n < stop; n += vector_floats) {
      const int64_t rest = stop - n < vector_floats ? stop - n : vector_floats;
      const Vec power = keep_lanes(exp(load_partial(x + n, rest) - maximum), rest, Vec{});
      store_partial(powers + n, power, rest);
      a += power;
    }
    total += a + b;
    n = stop;
  }
  const Vec factor = broadcast(1.0F / sum_lanes(total));
  map_row(powers, to, count, [=](Vec power) { return power * factor; });
}

template <class T>
void log_softmax_row(const T* x, T* to, int64_t count) {
  const Vec maximum = broadcast(row_maximum(x, count));
  const Vec sum = broadcast(sum_lanes(sum_row(x, count, [=](Vec v) { return exp(v - maximum); })));
  const Vec log_sum = log(sum);
  map_row(x, to, count, [=](Vec v) { return (v - maximum) - log_sum; });
}

/// `count` (at most a vector) neighbouring columns.
template <class T>
void softmax_column(const SoftmaxBlock& s, const T* x, T* to, int64_t count) {
  const auto row = [&](int64_t i) {
    const T* from = x + i * s.row_stride;
    return count == vector_floats ? load(from) : load_partial(from, count);
  };
  Vec maximum = broadcast(-__builtin_inff());
  for (int64_t i = 0; i < s.rows; ++i) maximum = max(maximum, row(i));
  Vec total{};
  for (int64_t i = 0; i < s.rows;) {
    Vec sum{};
    const int64_t stop = s.rows - i < block_vectors ? s.rows : i + block_vectors;
    for (; i < stop; ++i) sum += exp(row(i) - maximum);
    total += sum;
  }
  const auto put = [&](int64_t i, Vec v) {
    if (count == vector_floats)
      store(to + i * s.row_stride, v);
    else
      store_partial(to + i * s.row_stride, v, count);
  };
  if (s.log) {
    const Vec log_sum = log(total);
    for (int64_t i = 0; i < s.rows; ++i) put(i, (row(i) - maximum) - log_sum);
  } else {
    const Vec factor = 1.0F / total;
    for (int64_t i = 0; i < s.rows; ++i) put(i, exp(row(i) - maximum) * factor);
  }
}

struct Moments {
  float mean, inverse;
};

/// The lanes of the sums of v - mean and of its square.
struct DifferenceSums {
  Vec first{}, second{};
};
template <class T>
inline DifferenceSums sum_differences(const T* x, int64_t count, Vec mean) {
  DifferenceSums total;
  int64_t n = 0;
  while (count - n >= 2 * vector_floats) {
    int64_t pairs = (count - n) / (2 * vector_floats);
    if (pairs > block_vectors / 2) pairs = block_vectors / 2;
    DifferenceSums a, b;
    for (; pairs > 0; --pairs, n += 2 * vector_floats) {
      const Vec u = load(x + n) - mean;
      const Vec v = load(x + n + vector_floats) - mean;
      a.first += u;
      b.first += v;
      a.second = fma(u, u, a.second);
      b.second = fma(v, v, b.second);
    }
    total.first += a.first + b.first;
    total.second += a.second + b.second;
  }
  while (n < count) {
    const int64_t rest = count - n < vector_floats ? count - n : vector_floats;
    const Vec u = keep_lanes(load_partial(x + n, rest) - mean, rest, Vec{});
    total.first += u;
    total.second = fma(u, u, total.second);
    n += rest;
  }
  return total;
}

/// The differences from a first mean give its error, which is then taken out of both.
template <class T>
inline Moments moments_of(const T* x, int64_t count, float epsilon) {
  const float share = 1.0F / static_cast<float>(count);
  const float first = sum_lanes(sum_row(x, count, [](Vec v) { return v; })) * share;
  const DifferenceSums sums = sum_differences(x, count, broadcast(first));
  const float error = sum_lanes(sums.first) * share;
  const float variance = sum_lanes(sums.second) * share - error * error;
  return {first + error, 1.0F / __builtin_sqrtf((variance < 0 ? 0 : variance) + epsilon)};
}

/// With a mean of 0.
template <class T>
inline Moments root_mean_square_of(const T* x, int64_t count, float epsilon) {
  const float sum = sum_lanes(sum_row(x, count, [](Vec v) { return v * v; }));
  return {0, 1.0F / __builtin_sqrtf(sum / static_cast<float>(count) + epsilon)};
}

template <class T, class P>
void normalize_typed(const NormalizeRows& r) {
  const T* x = static_cast<const T*>(r.from);
  T* to = static_cast<T*>(r.to);
  const P* scale = static_cast<const P*>(r.scale);
  const P* bias = static_cast<const P*>(r.bias);
  for (int64_t row = 0; row < r.rows; ++row, x += r.columns, to += r.columns) {
    const Moments m = r.root_mean_square ? root_mean_square_of(x, r.columns, r.epsilon)
                                         : moments_of(x, r.columns, r.epsilon);
    if (r.means != nullptr) r.means[row] = m.mean;
    if (r.inverses != nullptr) r.inverses[row] = m.inverse;
    const Vec mean = broadcast(m.mean);
    const Vec inverse = broadcast(m.inverse);
    int64_t n = 0;
    for (; n + vector_floats <= r.columns; n += vector_floats) {
      const Vec v = (load(x + n) - mean) * inverse;
      store(to + n, bias == nullptr ? v * load(scale + n) : fma(v, load(scale + n), load(bias + n)));
    }
    if (const int64_t rest = r.columns - n; rest > 0) {
      const Vec v = (load_partial(x + n, rest) - mean) * inverse;
      const Vec s = load_partial(scale + n, rest);
      store_partial(to + n, bias == nullptr ? v * s : fma(v, s, load_partial(bias + n, rest)), rest);
    }
  }
}

}  // namespace

void softmax_rows(const SoftmaxBlock& s) {
  for (int64_t row = 0; row < s.rows; ++row) {
    const int64_t at = row * s.row_stride;
    if (s.half) {
      const uint16_t* x = static_cast<const uint16_t*>(s.from) + at;
      uint16_t* to = static_cast<uint16_t*>(s.to) + at;
      if (s.log)
        log_softmax_row(x, to, s.columns);
      else
        softmax_row(x, to, s.columns, s.scratch);
    } else {
      const float* x = static_cast<const float*>(s.from) + at;
      float* to = static_cast<float*>(s.to) + at;
      if (s.log)
        log_softmax_row(x, to, s.columns);
      else
        softmax_row(x, to, s.columns, to);
    }
  }
}

void softmax_columns(const SoftmaxBlock& s) {
  for (int64_t n = 0; n < s.columns; n += vector_floats) {
    const int64_t count = s.columns - n < vector_floats ? s.columns - n : vector_floats;
    if (s.half)
      softmax_column(s, static_cast<const uint16_t*>(s.from) + n, static_cast<uint16_t*>(s.to) + n, count);
    else
      softmax_column(s, static_cast<const float*>(s.from) + n, static_cast<float*>(s.to) + n, count);
  }
}

void row_moments(const void* x, bool half, int64_t count, float epsilon, float* mean, float* inverse) {
  const Moments m = half ? moments_of(static_cast<const uint16_t*>(x), count, epsilon)
                         : moments_of(static_cast<const float*>(x), count, epsilon);
  *mean = m.mean;
  *inverse = m.inverse;
}

void normalize_rows(const NormalizeRows& rows) {
  if (rows.half)
    rows.half_parameters ? normalize_typed<uint16_t, uint16_t>(rows) : normalize_typed<uint16_t, float>(rows);
  else
    rows.half_parameters ? normalize_typed<float, uint16_t>(rows) : normalize_typed<float, float>(rows);
}

}  // namespace spinel::cpu::SPINEL_ISA
