#include "ops/int_product.hpp"

#include <algorithm>

namespace spinel::ops {
namespace {

/// The sum of so many products of elements in [-255, 255] fits int32.
constexpr int64_t exact_depth = 16384;

/// The sums of one row with four columns, without an overflow that C++ leaves undefined.
void dot4(const int16_t* a, const int16_t* b, int64_t stride, int64_t depth, uint32_t* out) {
  for (int64_t k0 = 0; k0 < depth; k0 += exact_depth) {
    const int64_t end = std::min(k0 + exact_depth, depth);
    int32_t s0 = 0;
    int32_t s1 = 0;
    int32_t s2 = 0;
    int32_t s3 = 0;
    for (int64_t k = k0; k < end; ++k) {
      s0 += a[k] * b[k];
      s1 += a[k] * b[k + stride];
      s2 += a[k] * b[k + 2 * stride];
      s3 += a[k] * b[k + 3 * stride];
    }
    out[0] += static_cast<uint32_t>(s0);
    out[1] += static_cast<uint32_t>(s1);
    out[2] += static_cast<uint32_t>(s2);
    out[3] += static_cast<uint32_t>(s3);
  }
}

}  // namespace

// Columns are kept one after another, with zeros for those that the last group of four lacks.

int64_t int_packed_elements(int64_t columns, int64_t depth) { return (columns + 3) / 4 * 4 * depth; }

void int_pack(const int16_t* from, int64_t columns, int64_t depth, int16_t* to) {
  std::copy_n(from, columns * depth, to);
  std::fill(to + columns * depth, to + int_packed_elements(columns, depth), int16_t{0});
}

void int_multiply(const int16_t* a, int64_t rows, int64_t depth, const int16_t* packed, int64_t column,
                  int64_t columns, int32_t* c, int64_t c_stride) {
  for (int64_t j = 0; j < columns; j += 4)
    for (int64_t r = 0; r < rows; ++r) {
      uint32_t sums[4] = {0, 0, 0, 0};
      dot4(a + r * depth, packed + (column + j) * depth, depth, depth, sums);
      for (int64_t i = 0; i < 4 && j + i < columns; ++i)
        c[r * c_stride + j + i] = static_cast<int32_t>(sums[i]);
    }
}

int64_t int_row_block(int64_t depth) {
  constexpr int64_t block_elements = 65536;
  return std::clamp(block_elements / std::max<int64_t>(depth, 1), int64_t{14}, int_tile_rows);
}

uint64_t int_block_bytes(int64_t depth) {
  return sizeof(int32_t) * int_tile_rows * int_tile_columns +
         sizeof(int16_t) * static_cast<uint64_t>(int_row_block(depth) * even_depth(depth));
}

}  // namespace spinel::ops
