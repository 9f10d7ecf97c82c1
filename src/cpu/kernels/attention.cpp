// Attention's rows and packing: see cpu/attention.cpp.
#include "cpu/kernels/attention.hpp"

#include "cpu/kernels/gemm.hpp"
#include "cpu/kernels/lanes.hpp"
#include "cpu/kernels/turn.hpp"
#include "cpu/kernels/vector_math.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Elements moved at a time where a matrix is turned over.
constexpr int64_t turn = vector_floats;

template <class T>
void copy_row(const T* from, int64_t count, float* to) {
  int64_t n = 0;
  for (; n + vector_floats <= count; n += vector_floats) store(to + n, load(from + n));
  if (n < count) store_partial(to + n, load_partial(from + n, count - n), count - n);
}

void clear_row(float* to, int64_t count) {
  for (int64_t n = 0; n < count; ++n) to[n] = 0;
}

/// A panel of `count` columns, `width` wide, of a matrix whose columns are contiguous (keys): rows of `from`
/// are columns of the panel.
template <class T>
void pack_turned(const T* from, int64_t column_stride, int64_t depth, int64_t count, int64_t width,
                 float* to) {
  for (int64_t n = 0; n < width; n += turn) {
    const int64_t columns = count - n < turn ? (count > n ? count - n : 0) : turn;
    for (int64_t k = 0; k < depth; k += turn) {
      const int64_t rows = depth - k < turn ? depth - k : turn;
      Vec block[turn];
      for (int64_t i = 0; i < turn; ++i) {
        if (i >= columns)
          block[i] = Vec{};
        else if (rows == turn)
          block[i] = load(from + (n + i) * column_stride + k);
        else
          block[i] = load_partial(from + (n + i) * column_stride + k, rows);
      }
      turn_over(block);
      for (int64_t i = 0; i < rows; ++i) store(to + (k + i) * width + n, block[i]);
    }
  }
}

template <class T>
float element(const T* from) {
  float one[vector_floats];
  store(one, load_partial(from, 1));
  return one[0];
}

template <class T>
void pack_matrix(const StridedMatrix& m, int64_t depth, int64_t columns, float* to) {
  for (int64_t n0 = 0; n0 < columns; n0 += panel_columns) {
    const int64_t count = columns - n0 < panel_columns ? columns - n0 : panel_columns;
    const int64_t width = count <= vector_floats ? vector_floats : panel_columns;
    const T* from = static_cast<const T*>(m.data) + n0 * m.column_stride;
    if (m.column_stride == 1) {
      for (int64_t k = 0; k < depth; ++k) {
        copy_row(from + k * m.row_stride, count, to + k * width);
        clear_row(to + k * width + count, width - count);
      }
    } else if (m.row_stride == 1) {
      pack_turned(from, m.column_stride, depth, count, width, to);
    } else {
      for (int64_t k = 0; k < depth; ++k) {
        for (int64_t n = 0; n < count; ++n)
          to[k * width + n] = element(from + k * m.row_stride + n * m.column_stride);
        clear_row(to + k * width + count, width - count);
      }
    }
    to += depth * width;
  }
}

void pack(const StridedMatrix& from, int64_t depth, int64_t columns, float* to) {
  if (from.half)
    pack_matrix<uint16_t>(from, depth, columns, to);
  else
    pack_matrix<float>(from, depth, columns, to);
}

void widen_rows(const StridedMatrix& from, int64_t rows, int64_t columns, float* to, int64_t to_stride) {
  for (int64_t row = 0; row < rows; ++row, to += to_stride) {
    if (from.half)
      copy_row(static_cast<const uint16_t*>(from.data) + row * from.row_stride, columns, to);
    else
      copy_row(static_cast<const float*>(from.data) + row * from.row_stride, columns, to);
  }
}

/// What no mask reads as.
struct NoMask {
  Vec load_at(int64_t) const { return Vec{}; }
  Vec load_some(int64_t, int64_t) const { return Vec{}; }
};
template <class T>
struct MaskRow {
  const T* data;
  Vec load_at(int64_t n) const { return load(data + n); }
  Vec load_some(int64_t n, int64_t count) const { return load_partial(data + n, count); }
};
struct MaskValue {
  Vec value;
  Vec load_at(int64_t) const { return value; }
  Vec load_some(int64_t, int64_t) const { return value; }
};

template <class Mask>
float softmax_row(float* scores, int64_t columns, float scale, const Mask& mask) {
  const Vec factor = broadcast(scale);
  const float lowest = -__builtin_inff();
  Vec greatest_lanes = broadcast(lowest);
  int64_t n = 0;
  for (; n + vector_floats <= columns; n += vector_floats) {
    const Vec x = fma(load(scores + n), factor, mask.load_at(n));
    store(scores + n, x);
    greatest_lanes = max(x, greatest_lanes);
  }
  if (n < columns) {
    const Vec x = fma(load_partial(scores + n, columns - n), factor, mask.load_some(n, columns - n));
    store_partial(scores + n, x, columns - n);
    greatest_lanes = max(keep_lanes(x, columns - n, broadcast(lowest)), greatest_lanes);
  }
  const Vec maximum = broadcast(max_lanes(greatest_lanes));
  Vec sums{};
  for (n = 0; n + vector_floats <= columns; n += vector_floats) {
    const Vec x = exp(load(scores + n) - maximum);
    store(scores + n, x);
    sums += x;
  }
  if (n < columns) {
    const Vec x = exp(load_partial(scores + n, columns - n) - maximum);
    store_partial(scores + n, x, columns - n);
    sums += keep_lanes(x, columns - n, Vec{});
  }
  return sum_lanes(sums);
}

template <class T>
float softmax_row(const SoftmaxRows& r, int64_t row) {
  float* scores = r.scores + row * r.stride;
  const T* mask = static_cast<const T*>(r.mask.data) + row * r.mask.row_stride;
  if (r.mask.column_stride == 0)
    return softmax_row(scores, r.columns, r.scale, MaskValue{broadcast(element(mask))});
  return softmax_row(scores, r.columns, r.scale, MaskRow<T>{mask});
}

void softmax_rows(const SoftmaxRows& r) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const float sum = r.mask.data == nullptr
                          ? softmax_row(r.scores + row * r.stride, r.columns, r.scale, NoMask{})
                      : r.mask.half ? softmax_row<uint16_t>(r, row)
                                    : softmax_row<float>(r, row);
    r.inverse_sums[row] = 1.0F / sum;
    if (sum != sum && r.undefined_is_zero) {
      clear_row(r.scores + row * r.stride, r.columns);
      r.inverse_sums[row] = 0;
    }
  }
}

template <class T>
void scale_to(const float* from, int64_t from_stride, const float* factors, int64_t rows, int64_t columns,
              T* to, int64_t to_stride) {
  for (int64_t row = 0; row < rows; ++row, from += from_stride, to += to_stride) {
    const Vec factor = broadcast(factors[row]);
    int64_t n = 0;
    for (; n + vector_floats <= columns; n += vector_floats) store(to + n, load(from + n) * factor);
    if (n < columns) store_partial(to + n, load_partial(from + n, columns - n) * factor, columns - n);
  }
}

void scale_rows(const float* from, int64_t from_stride, const float* factors, int64_t rows, int64_t columns,
                void* to, int64_t to_stride, bool to_half) {
  if (to_half)
    scale_to(from, from_stride, factors, rows, columns, static_cast<uint16_t*>(to), to_stride);
  else
    scale_to(from, from_stride, factors, rows, columns, static_cast<float*>(to), to_stride);
}

}  // namespace

const AttentionKernels attention_kernels = {
    .pack = pack, .widen_rows = widen_rows, .softmax_rows = softmax_rows, .scale_rows = scale_rows};

}  // namespace spinel::cpu::SPINEL_ISA
