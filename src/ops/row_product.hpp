// The matrix product of the reference kernels.
#pragma once
#include <algorithm>
#include <cstdint>

namespace spinel::ops {

/// Where a matrix's elements lie: element (row, column) is data[row * row_stride + column * column_stride].
template <class T>
struct MatrixView {
  const T* data;
  int64_t row_stride;
  int64_t column_stride;
  const T& at(int64_t row, int64_t column) const { return data[row * row_stride + column * column_stride]; }
};

/// Sizes of the block of b that the products below keep in cache: 64 rows of 256 columns.
constexpr int64_t product_depth_block = 64;
constexpr int64_t product_column_block = 256;

/// c[0..columns) += sum over k of a[k * a_stride] * b[k * b_stride + 0..columns).
///
/// Every element is summed alone: blocks of product_depth_block values of k, counted from k = 0 and each
/// summed in ascending order, are added up in ascending order (which keeps rounding errors of long sums
/// small). The result does not depend on how callers cut rows and columns, nor k if they cut it at multiples
/// of product_depth_block. Rows of b are contiguous.
template <class T>
void add_row_product(int64_t columns, int64_t depth, const T* a, int64_t a_stride, const T* b,
                     int64_t b_stride, T* __restrict c) {
  T sum[product_column_block];
  for (int64_t j0 = 0; j0 < columns; j0 += product_column_block) {
    const int64_t count = std::min(product_column_block, columns - j0);
    for (int64_t k0 = 0; k0 < depth; k0 += product_depth_block) {
      const int64_t end = std::min(k0 + product_depth_block, depth);
      std::fill_n(sum, count, T{0});
      int64_t k = k0;
      for (; k + 4 <= end; k += 4) {
        const T a0 = a[k * a_stride];
        const T a1 = a[(k + 1) * a_stride];
        const T a2 = a[(k + 2) * a_stride];
        const T a3 = a[(k + 3) * a_stride];
        const T* b0 = b + k * b_stride + j0;
        const T* b1 = b0 + b_stride;
        const T* b2 = b1 + b_stride;
        const T* b3 = b2 + b_stride;
        for (int64_t j = 0; j < count; ++j)
          sum[j] = (((sum[j] + a0 * b0[j]) + a1 * b1[j]) + a2 * b2[j]) + a3 * b3[j];
      }
      for (; k < end; ++k) {
        const T a0 = a[k * a_stride];
        const T* b0 = b + k * b_stride + j0;
        for (int64_t j = 0; j < count; ++j) sum[j] += a0 * b0[j];
      }
      for (int64_t j = 0; j < count; ++j) c[j0 + j] += sum[j];
    }
  }
}

/// c[i][j] += sum over k of a(i, k) * b(k, j), for rows of c that are contiguous and c_stride apart. The
/// order of every sum is that of add_row_product. `scratch` holds product_depth_block * product_column_block
/// elements; it is used only if b's rows are not contiguous.
template <class T>
void add_product(int64_t rows, int64_t columns, int64_t depth, MatrixView<T> a, MatrixView<T> b, T* c,
                 int64_t c_stride, T* scratch) {
  for (int64_t j0 = 0; j0 < columns; j0 += product_column_block) {
    const int64_t j_count = std::min(product_column_block, columns - j0);
    for (int64_t k0 = 0; k0 < depth; k0 += product_depth_block) {
      const int64_t k_count = std::min(product_depth_block, depth - k0);
      const T* block = &b.at(k0, j0);
      int64_t block_stride = b.row_stride;
      if (b.column_stride != 1) {
        for (int64_t j = 0; j < j_count; ++j)
          for (int64_t k = 0; k < k_count; ++k) scratch[k * j_count + j] = b.at(k0 + k, j0 + j);
        block = scratch;
        block_stride = j_count;
      }
      for (int64_t i = 0; i < rows; ++i)
        add_row_product(j_count, k_count, &a.at(i, k0), a.column_stride, block, block_stride,
                        c + i * c_stride + j0);
    }
  }
}

}  // namespace spinel::ops
