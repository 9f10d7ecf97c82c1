// Sums and extremes along an axis, contiguous or not.
#include "cpu/kernels/reduce.hpp"

#include "cpu/kernels/lanes.hpp"
#include "cpu/kernels/vector_math.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

inline float finish(Reduction kind, float sum, int64_t count) {
  if (kind == Reduction::mean) return sum / static_cast<float>(count);
  if (kind == Reduction::l2) return __builtin_sqrtf(sum);
  return sum;
}

/// A NaN among the values is kept: min and max of vectors hand on that of the second operand.
struct Max {
  Vec operator()(Vec a, Vec b) const { return a != a ? a : max(a, b); }
};
struct Min {
  Vec operator()(Vec a, Vec b) const { return a != a ? a : min(a, b); }
};

template <class T>
float reduce_row(Reduction kind, const T* x, int64_t count) {
  const auto same = [](Vec v) { return v; };
  switch (kind) {
    case Reduction::sum:
    case Reduction::mean:
      return finish(kind, sum_lanes(sum_row(x, count, same)), count);
    case Reduction::l1:
      return sum_lanes(sum_row(x, count, [](Vec v) { return magnitude(v); }));
    case Reduction::sum_square:
    case Reduction::l2:
      return finish(kind, sum_lanes(sum_row(x, count, [](Vec v) { return v * v; })), count);
    case Reduction::max:
      return max_lanes(extreme_row(x, count, broadcast(-__builtin_inff()), same, Max{}));
    case Reduction::min:
      return min_lanes(extreme_row(x, count, broadcast(__builtin_inff()), same, Min{}));
  }
  return 0;
}

/// One element, rounded as vectors are.
inline void store_one(float* to, float x) { *to = x; }
inline void store_one(uint16_t* to, float x) { store_partial(to, broadcast(x), 1); }

template <class T>
void rows_of(const ReduceBlock& r) {
  const T* x = static_cast<const T*>(r.from);
  T* to = static_cast<T*>(r.to);
  for (int64_t row = 0; row < r.rows; ++row)
    store_one(to + row, reduce_row(r.kind, x + row * r.row_stride, r.columns));
}

/// Vectors of neighbouring columns that are reduced at once.
template <int Vectors>
struct Columns {
  Vec v[Vectors];
};

template <int Vectors, class T>
inline Columns<Vectors> load_columns(const T* x, int64_t count) {
  Columns<Vectors> out;
  if constexpr (Vectors > 1) {
    for (int i = 0; i < Vectors; ++i) out.v[i] = load(x + i * vector_floats);
  } else {
    out.v[0] = count >= vector_floats ? load(x) : load_partial(x, count);
  }
  return out;
}

template <int Vectors, class T, class Fn>
Columns<Vectors> sum_columns(const ReduceBlock& r, const T* x, int64_t count, Fn f) {
  Columns<Vectors> total{};
  for (int64_t i = 0; i < r.rows;) {
    Columns<Vectors> sum{};
    const int64_t stop = r.rows - i < block_vectors ? r.rows : i + block_vectors;
    for (; i < stop; ++i) {
      const auto row = load_columns<Vectors>(x + i * r.row_stride, count);
      for (int v = 0; v < Vectors; ++v) sum.v[v] += f(row.v[v]);
    }
    for (int v = 0; v < Vectors; ++v) total.v[v] += sum.v[v];
  }
  return total;
}

template <int Vectors, class T, class Fn>
Columns<Vectors> extreme_columns(const ReduceBlock& r, const T* x, int64_t count, float start, Fn fn) {
  Columns<Vectors> out;
  for (int v = 0; v < Vectors; ++v) out.v[v] = broadcast(start);
  for (int64_t i = 0; i < r.rows; ++i) {
    const auto row = load_columns<Vectors>(x + i * r.row_stride, count);
    for (int v = 0; v < Vectors; ++v) out.v[v] = fn(out.v[v], row.v[v]);
  }
  return out;
}

template <int Vectors, class T>
Columns<Vectors> reduce_some(const ReduceBlock& r, const T* x, int64_t count) {
  const auto same = [](Vec v) { return v; };
  const auto square = [](Vec v) { return v * v; };
  Columns<Vectors> out{};
  switch (r.kind) {
    case Reduction::sum:
      return sum_columns<Vectors>(r, x, count, same);
    case Reduction::mean:
      out = sum_columns<Vectors>(r, x, count, same);
      for (int v = 0; v < Vectors; ++v) out.v[v] /= broadcast(static_cast<float>(r.rows));
      return out;
    case Reduction::l1:
      return sum_columns<Vectors>(r, x, count, [](Vec v) { return magnitude(v); });
    case Reduction::sum_square:
      return sum_columns<Vectors>(r, x, count, square);
    case Reduction::l2:
      out = sum_columns<Vectors>(r, x, count, square);
      for (int v = 0; v < Vectors; ++v) out.v[v] = sqrt(out.v[v]);
      return out;
    case Reduction::max:
      return extreme_columns<Vectors>(r, x, count, -__builtin_inff(), Max{});
    case Reduction::min:
      return extreme_columns<Vectors>(r, x, count, __builtin_inff(), Min{});
  }
  return out;
}

template <class T>
void columns_of(const ReduceBlock& r) {
  constexpr int wide = 4;
  const T* x = static_cast<const T*>(r.from);
  T* to = static_cast<T*>(r.to);
  int64_t n = 0;
  for (; n + wide * vector_floats <= r.columns; n += wide * vector_floats) {
    const auto sums = reduce_some<wide>(r, x + n, wide * vector_floats);
    for (int v = 0; v < wide; ++v) store(to + n + v * vector_floats, sums.v[v]);
  }
  for (; n + vector_floats <= r.columns; n += vector_floats)
    store(to + n, reduce_some<1>(r, x + n, vector_floats).v[0]);
  if (n < r.columns) store_partial(to + n, reduce_some<1>(r, x + n, r.columns - n).v[0], r.columns - n);
}

}  // namespace

void reduce_rows(const ReduceBlock& block) { block.half ? rows_of<uint16_t>(block) : rows_of<float>(block); }

void reduce_columns(const ReduceBlock& block) {
  block.half ? columns_of<uint16_t>(block) : columns_of<float>(block);
}

}  // namespace spinel::cpu::SPINEL_ISA
