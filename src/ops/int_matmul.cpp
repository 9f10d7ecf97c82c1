#include "ops/int_matmul.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "ops/narrow.hpp"

namespace spinel::ops {
namespace {

bool is_int8(DType dtype) { return dtype == DType::int8 || dtype == DType::uint8; }

std::vector<int32_t> integers(const Tensor& tensor) {
  if (!tensor.defined()) return {0};
  const Tensor wide = convert(tensor, DType::int32);
  const auto values = wide.data<int32_t>();
  return {values.begin(), values.end()};
}

void check_zero_points(const IntMatrices& matrices, const Tensor& tensor, const Tensor& zero_point) {
  const auto lines = static_cast<size_t>(matrices.lines_are_columns ? matrices.columns : matrices.rows);
  const size_t count = matrices.zero_points.size();
  if (count != 1 && count != lines && count != lines * static_cast<size_t>(matrices.matrices))
    fail(ErrorCode::invalid_argument,
         "the zero point {} does not fit the matrix {}: it needs one element or {}", describe(zero_point),
         describe(tensor), lines);
}

template <class T>
void widen_row(const T* from, int64_t count, int32_t zero, int16_t* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<int16_t>(from[i] - zero);
}

void load_row(const IntMatrices& a, int64_t matrix, int64_t row, int16_t* to) {
  if (a.transposed) {
    for (int64_t k = 0; k < a.columns; ++k) to[k] = a.at(matrix, row, k);
  } else {
    const uint8_t* from = a.data + (matrix * a.rows + row) * a.columns;
    const int32_t zero = a.zero_point(matrix, row);
    if (a.is_signed)
      widen_row(reinterpret_cast<const int8_t*>(from), a.columns, zero, to);
    else
      widen_row(from, a.columns, zero, to);
  }
  if (a.columns % 2 != 0) to[a.columns] = 0;
}

}  // namespace

void require_int8(const Tensor& tensor, const char* name) {
  if (!is_int8(tensor.dtype()))
    fail(ErrorCode::unsupported, "input {} of type {} is not supported; it must be int8 or uint8", name,
         dtype_name(tensor.dtype()));
}

void require_int8(const InferContext& context, size_t index, const char* name) {
  if (!context.has_input(index)) return;
  const DType dtype = context.dtype(index);
  if (dtype != DType::undefined && !is_int8(dtype))
    fail(ErrorCode::unsupported, "input {} of type {} is not supported; it must be int8 or uint8", name,
         dtype_name(dtype));
}

IntMatrices left_matrices(const Tensor& a, const Tensor& zero_point) {
  IntMatrices out{.data = static_cast<const uint8_t*>(a.raw()),
                  .is_signed = a.dtype() == DType::int8,
                  .matrices = 1,
                  .rows = a.rank() > 1 ? a.dim(-2) : 1,
                  .columns = a.dim(-1),
                  .zero_points = integers(zero_point)};
  for (int axis = 0; axis + 2 < a.rank(); ++axis) out.matrices *= a.dim(axis);
  check_zero_points(out, a, zero_point);
  return out;
}

IntMatrices right_matrices(const Tensor& b, const Tensor& zero_point) {
  IntMatrices out{.data = static_cast<const uint8_t*>(b.raw()),
                  .is_signed = b.dtype() == DType::int8,
                  .matrices = 1,
                  .rows = b.rank() > 1 ? b.dim(-2) : b.dim(0),
                  .columns = b.rank() > 1 ? b.dim(-1) : 1,
                  .zero_points = integers(zero_point),
                  .lines_are_columns = true};
  for (int axis = 0; axis + 2 < b.rank(); ++axis) out.matrices *= b.dim(axis);
  check_zero_points(out, b, zero_point);
  return out;
}

IntColumns::IntColumns(const IntMatrices& b) {
  const int64_t depth = even_depth(b.rows);
  matrix_elements_ = int_packed_elements(b.columns, depth);
  data_.resize(static_cast<size_t>(matrix_elements_ * b.matrices));
  std::vector<int16_t> columns(static_cast<size_t>(b.columns * depth));
  for (int64_t m = 0; m < b.matrices; ++m) {
    for (int64_t k = 0; k < b.rows; ++k)
      for (int64_t n = 0; n < b.columns; ++n) columns[static_cast<size_t>(n * depth + k)] = b.at(m, k, n);
    int_pack(columns.data(), b.columns, depth, data_.data() + m * matrix_elements_);
  }
}

void int_matmul(RunContext& context, const MatMulLayout& layout, const IntMatrices& a, const IntColumns& b,
                IntTileFn emit) {
  const int64_t depth = even_depth(layout.k);
  const int64_t row_block = int_row_block(depth);
  const int64_t blocks = (layout.m + row_block - 1) / row_block;
  const int64_t whole = element_count(layout.stack) * blocks;
  if (whole == 0 || layout.n == 0) return;
  const int64_t tiles = (layout.n + int_tile_columns - 1) / int_tile_columns;
  const int64_t wanted_parts = std::clamp<int64_t>(3 * context.concurrency() / whole, 1, tiles);
  const int64_t part_columns = (tiles + wanted_parts - 1) / wanted_parts * int_tile_columns;
  const int64_t parts = (layout.n + part_columns - 1) / part_columns;
  context.parallel_for_scratch(whole * parts, [&](int64_t task, std::byte* memory) {
    auto* const sums = reinterpret_cast<int32_t*>(memory);
    auto* const rows =
        reinterpret_cast<int16_t*>(memory + sizeof(int32_t) * int_tile_rows * int_tile_columns);
    const int64_t first = task % parts * part_columns;
    const int64_t last = std::min(first + part_columns, layout.n);
    const int64_t row = task / parts % blocks * row_block;
    const int64_t matrix = task / parts / blocks;
    const int64_t count = std::min(row_block, layout.m - row);
    const int64_t a_matrix = layout.a_matrix(matrix);
    for (int64_t r = 0; r < count; ++r) load_row(a, a_matrix, row + r, rows + r * depth);
    for (int64_t c = first; c < last; c += int_tile_columns) {
      const int64_t columns = std::min(int_tile_columns, last - c);
      int_multiply(rows, count, depth, b.matrix(layout.b_matrix(matrix)), c, columns, sums, int_tile_columns);
      emit({matrix, row, count, c, columns, sums, int_tile_columns});
    }
  });
}

}  // namespace spinel::ops
