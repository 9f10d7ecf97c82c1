#include "cpu/quant_product.hpp"

#include <algorithm>
#include <vector>

namespace spinel::cpu {
namespace {

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Between packed rows, so that those of a tile do not compete for the same sets of the cache.
int64_t row_bytes(const ByteKernels& kernels, int64_t depth) {
  constexpr int64_t line = 64;
  return ceil_div(kernels.whole_depth(depth) * kernels.element_bytes, line) * line + line;
}

/// Rows of a task: those stay in the second-level cache while all columns go by. The more columns do not,
/// the more rows should share them.
int64_t max_block_rows(const ByteKernels& kernels, int64_t depth, int64_t columns) {
  constexpr int64_t block_bytes = int64_t{1} << 18;
  constexpr int64_t large_bytes = int64_t{1} << 19;
  const int64_t most_tiles = depth * columns > large_bytes ? 32 : 8;
  const int64_t tiles = block_bytes / row_bytes(kernels, depth) / kernels.tile_rows;
  return std::clamp<int64_t>(tiles, 1, most_tiles) * kernels.tile_rows;
}

/// Whether rows of A can be multiplied where they lie.
bool reads_in_place(const ByteKernels& kernels, const QuantProduct& p) {
  // Rows that lie a multiple of this apart fall into one set of the first-level cache.
  constexpr int64_t set_distance = 4096;
  return kernels.multiplies_bytes && p.is_matrix && !p.a.is_signed && p.depth % kernels.depth_step == 0 &&
         p.patches.pixel_stride % set_distance != 0;
}

/// How one product is cut: blocks of rows, of equal size, and groups of columns where those are few.
struct Cut {
  int64_t block_rows, blocks, group_columns, groups;
};

Cut cut_product(const ByteKernels& kernels, const QuantProduct& p, int64_t count, int concurrency) {
  Cut cut{};
  cut.blocks = ceil_div(p.rows, max_block_rows(kernels, p.depth, p.columns));
  const int64_t panels = ceil_div(p.columns, kernels.panel_columns);
  cut.groups = 1;
  if (concurrency > 1 && count * cut.blocks < 4 * concurrency) {
    constexpr int64_t min_task_operations = int64_t{1} << 20;
    // A few rows take as long as these many, for the columns have to be read.
    constexpr int64_t few_rows = 8;
    const int64_t worthwhile =
        std::max<int64_t>(1, std::max(p.rows, few_rows) * p.columns * p.depth / min_task_operations);
    const int64_t wanted = std::min(ceil_div(2 * concurrency, count), worthwhile);
    if (ceil_div(p.rows, kernels.tile_rows) >= 4 * wanted)
      cut.blocks = std::max(cut.blocks, ceil_div(wanted, concurrency) * concurrency);
    else if (cut.blocks < wanted)
      cut.groups = std::min(panels, ceil_div(wanted, cut.blocks));
  }
  cut.block_rows = ceil_div(p.rows, cut.blocks);
  cut.blocks = ceil_div(p.rows, cut.block_rows);
  cut.group_columns = ceil_div(panels, cut.groups) * kernels.panel_columns;
  cut.groups = ceil_div(p.columns, cut.group_columns);
  return cut;
}

const int32_t* advanced(const int32_t* values, int64_t by) {
  return values == nullptr ? nullptr : values + by;
}

/// Rows [row, row + rows) times columns [column, column + columns).
void run_part(const ByteKernels& kernels, const QuantProduct& p, int64_t row, int64_t rows, int64_t column,
              int64_t columns, std::byte* scratch) {
  ByteBlock block{.depth = kernels.whole_depth(p.depth),
                  .rows = rows,
                  .columns = columns,
                  .start = advanced(p.start, column),
                  .c_stride = p.c_stride};
  block.b = static_cast<const std::byte*>(p.b) + column * block.depth * kernels.element_bytes;
  if (reads_in_place(kernels, p)) {
    block.a_stride_bytes = p.patches.pixel_stride;
    block.a = static_cast<const std::byte*>(p.patches.x) + row * block.a_stride_bytes;
  } else {
    std::byte* const packed =
        scratch + static_cast<int64_t>(sizeof(int32_t)) * max_block_rows(kernels, p.depth, p.columns);
    block.a_stride_bytes = row_bytes(kernels, p.depth);
    block.a = packed;
    kernels.pack_patches(p.patches, p.a, row, rows, packed, block.a_stride_bytes);
  }
  if (kernels.multiplies_bytes) {
    block.column_sums = advanced(p.column_sums, column);
    block.a_zero_point = p.a.zero_point + (p.a.is_signed ? 128 : 0);
    if (p.b_zero_points != nullptr) {
      auto* const sums = reinterpret_cast<int32_t*>(scratch);
      kernels.row_sums(block.a, block.a_stride_bytes, rows, p.depth, sums);
      block.row_sums = sums;
      block.b_zero_points = p.b_zero_points + column;
    }
  }
  ByteEpilogue bytes = p.bytes;
  ByteFloats floats = p.floats;
  const int64_t offset = row * p.c_stride + column;
  switch (p.result) {
    case QuantProduct::Result::sums:
      block.c = static_cast<int32_t*>(p.c) + offset;
      break;
    case QuantProduct::Result::bytes:
      bytes.multipliers += column;
      block.epilogue = &bytes;
      block.c = static_cast<uint8_t*>(p.c) + offset;
      break;
    case QuantProduct::Result::floats:
      floats.scales += column;
      if (floats.epilogue.bias != nullptr) floats.epilogue.bias += column;
      if (floats.residual != nullptr) floats.residual += row * floats.residual_stride + column;
      block.floats = &floats;
      block.c = static_cast<float*>(p.c) + offset;
      break;
  }
  kernels.multiply(block);
}

}  // namespace

Patches matrix_patches(const void* a, int64_t rows, int64_t depth) {
  Patches patches;
  patches.x = a;
  patches.pixel_stride = patches.channels = depth;
  patches.height = patches.out_height = rows;
  patches.width = patches.out_width = 1;
  patches.kernel_h = patches.kernel_w = 1;
  return patches;
}

ByteEpilogue byte_epilogue(DType dtype, int32_t zero_point, const float* multipliers) {
  const int32_t lowest = dtype == DType::int8 ? -128 : 0;
  return {.multipliers = multipliers,
          .low = static_cast<float>(lowest - zero_point),
          .high = static_cast<float>(lowest + 255 - zero_point),
          .zero_point = zero_point};
}

uint64_t quant_product_scratch_bytes(const ByteKernels& kernels, int64_t depth, int64_t columns) {
  const int64_t rows = max_block_rows(kernels, depth, columns);
  return static_cast<uint64_t>(rows) * (sizeof(int32_t) + static_cast<uint64_t>(row_bytes(kernels, depth)));
}

void run_quant_products(graph::RunContext& context, const ByteKernels& kernels, int64_t count,
                        FunctionRef<QuantProduct(int64_t index)> make) {
  if (count == 0) return;
  const QuantProduct first = make(0);
  if (first.rows == 0 || first.columns == 0) return;
  const Cut cut = cut_product(kernels, first, count, context.concurrency());
  context.parallel_for_scratch(count * cut.groups * cut.blocks, [&](int64_t task, std::byte* scratch) {
    const int64_t column = task % cut.groups * cut.group_columns;
    const int64_t row = task / cut.groups % cut.blocks * cut.block_rows;
    const QuantProduct p = make(task / cut.groups / cut.blocks);
    run_part(kernels, p, row, std::min(cut.block_rows, p.rows - row), column,
             std::min(cut.group_columns, p.columns - column), scratch);
  });
}

bool pack_quant_columns(const ByteKernels& kernels, const uint8_t* b, bool is_signed,
                        std::span<const int32_t> zero_points, int64_t row_stride, int64_t column_stride,
                        int64_t depth, int64_t column, int64_t columns, std::byte* packed,
                        const QuantColumns& info) {
  const int64_t whole_depth = kernels.whole_depth(depth);
  std::byte* const to = packed + column * whole_depth * kernels.element_bytes;
  const bool one_zero = zero_points.size() == 1;
  kernels.pack_columns(b + column * column_stride, is_signed, zero_points.data() + (one_zero ? 0 : column),
                       one_zero ? 0 : 1, row_stride, column_stride, depth, columns, to);
  if (!kernels.multiplies_bytes) return false;
  // A row of ones makes the sums of the columns.
  const std::vector<uint8_t> ones(static_cast<size_t>(whole_depth), 1);
  kernels.multiply({.a = ones.data(),
                    .a_stride_bytes = whole_depth,
                    .b = to,
                    .depth = whole_depth,
                    .rows = 1,
                    .columns = columns,
                    .c = info.sums + column,
                    .c_stride = columns});
  const int64_t end = column + columns;
  const int64_t whole_end = column + kernels.whole_columns(columns);
  std::fill(info.sums + end, info.sums + whole_end, 0);
  std::fill(info.zero_points + end, info.zero_points + whole_end, 0);
  bool any = false;
  for (int64_t n = column; n < end; ++n) {
    const int32_t zero = zero_points[one_zero ? 0 : static_cast<size_t>(n)] - (is_signed ? 0 : 128);
    info.zero_points[n] = zero;
    info.sums[n] = static_cast<int32_t>(static_cast<uint32_t>(info.sums[n]) -
                                        static_cast<uint32_t>(zero) * static_cast<uint32_t>(depth));
    any = any || zero != 0;
  }
  return any;
}

}  // namespace spinel::cpu
