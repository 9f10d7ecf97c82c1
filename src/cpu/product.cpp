#include "cpu/product.hpp"

#include <algorithm>

namespace spinel::cpu {
namespace {

/// Register tiles of a task's block of rows: enough to use each panel of B several times, few enough that the
/// block's patches stay in the second-level cache.
constexpr int64_t block_tiles = 8;
/// Between rows of packed patches, so that rows do not compete for the same sets of the cache.
constexpr int64_t patch_padding = 16;
/// Columns of a task whose sums are kept in scratch memory until they become float16.
constexpr int64_t half_columns = 512;
/// A task should be worth waking a thread.
constexpr int64_t min_task_operations = int64_t{1} << 18;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t patch_stride(int64_t depth) { return std::min(depth, depth_block) + patch_padding; }
/// Whether A has to be copied before it can be multiplied.
bool packs_rows(const Product& p) { return p.from_patches || p.half; }

/// How one product is cut: blocks of rows, and groups of columns where there are few rows.
struct Cut {
  int64_t block_rows, blocks, group_columns, groups;
};

Cut cut_product(const Kernels& kernels, const Product& p, int64_t count, int concurrency) {
  Cut cut{};
  cut.blocks = std::max<int64_t>(1, ceil_div(p.rows, kernels.tile_rows * block_tiles));
  const int64_t panels = ceil_div(p.columns, kernels.panel_columns);
  cut.groups = 1;
  if (concurrency > 1 && count * cut.blocks < 4 * concurrency) {
    const int64_t worthwhile = std::max<int64_t>(1, p.rows * p.columns * p.depth / min_task_operations);
    const int64_t wanted = std::min(ceil_div(2 * concurrency, count), worthwhile);
    const int64_t row_tiles = ceil_div(p.rows, kernels.tile_rows);
    if (row_tiles >= 4 * wanted) {
      cut.blocks = std::max(cut.blocks, ceil_div(cut.blocks, concurrency) * concurrency);
    } else if (cut.blocks < wanted) {
      cut.groups = std::min(panels, ceil_div(wanted, cut.blocks));
    }
  }
  if (p.half) cut.groups = std::max(cut.groups, ceil_div(p.columns, half_columns));
  cut.block_rows = ceil_div(ceil_div(p.rows, cut.blocks), kernels.tile_rows) * kernels.tile_rows;
  cut.blocks = ceil_div(p.rows, cut.block_rows);
  cut.group_columns = ceil_div(panels, cut.groups) * kernels.panel_columns;
  cut.groups = ceil_div(p.columns, cut.group_columns);
  return cut;
}

/// A task's scratch memory, floats each.
struct Buffers {
  float* rows;   ///< A depth block of A.
  float* panel;  ///< A depth block of a panel of B, widened.
  float* sums;   ///< C before it becomes float16.
};

Buffers cut_scratch(const Kernels& kernels, const Product& p, std::byte* scratch) {
  Buffers buffers{};
  buffers.rows = reinterpret_cast<float*>(scratch);
  buffers.panel =
      buffers.rows + (packs_rows(p) ? kernels.tile_rows * block_tiles * patch_stride(p.depth) : 0);
  buffers.sums = buffers.panel + (p.half_weights ? depth_block * kernels.panel_columns : 0);
  return buffers;
}

void run_block(const Kernels& kernels, const Product& p, int64_t row, int64_t rows, int64_t column,
               int64_t columns, const Buffers& buffers) {
  Epilogue epilogue = p.epilogue;
  if (epilogue.bias != nullptr) epilogue.bias += column;
  GemmBlock block{.panel = buffers.panel, .whole_depth = p.depth, .rows = rows, .columns = columns};
  const int64_t first_panel = column * p.depth;
  if (p.half_weights)
    block.half_b = static_cast<const uint16_t*>(p.b) + first_panel;
  else
    block.b = static_cast<const float*>(p.b) + first_panel;

  const int64_t c_offset = row * p.c_stride + column;
  const int64_t residual_offset = row * p.residual_stride + column;
  if (p.half) {
    block.c = buffers.sums;
    block.c_stride = columns;
    if (p.residual != nullptr) {
      kernels.widen_rows(static_cast<const uint16_t*>(p.residual) + residual_offset, p.residual_stride, rows,
                         columns, buffers.sums, columns);
      block.start = buffers.sums;
      block.start_stride = columns;
    }
  } else {
    block.c = static_cast<float*>(p.c) + c_offset;
    block.c_stride = p.c_stride;
    if (p.residual != nullptr) {
      block.start = static_cast<const float*>(p.residual) + residual_offset;
      block.start_stride = p.residual_stride;
    }
  }

  for (int64_t k = 0; k < p.depth; k += depth_block) {
    const int64_t depth = std::min(depth_block, p.depth - k);
    if (packs_rows(p)) {
      block.a = buffers.rows;
      block.a_stride = patch_stride(p.depth);
    } else {
      block.a = static_cast<const float*>(p.a) + row * p.a_stride + k;
      block.a_stride = p.a_stride;
    }
    // The first and the last block do more than to add.
    const bool adds = p.finite_weights && p.residual == nullptr && k > 0 && k + depth < p.depth;
    if (p.from_patches) {
      const bool some = kernels.pack_patches(p.patches, row, rows, k, depth, buffers.rows, block.a_stride);
      if (!some && adds) continue;
      if (!some) std::fill_n(buffers.rows, rows * block.a_stride, 0.0F);
    } else if (p.half) {
      kernels.widen_rows(static_cast<const uint16_t*>(p.a) + row * p.a_stride + k, p.a_stride, rows, depth,
                         buffers.rows, block.a_stride);
    }
    block.k = k;
    block.depth = depth;
    block.epilogue = k + depth == p.depth ? &epilogue : nullptr;
    kernels.gemm_block(block);
    block.start = block.c;
    block.start_stride = block.c_stride;
  }
  if (p.half)
    kernels.narrow_rows(buffers.sums, columns, rows, columns, static_cast<uint16_t*>(p.c) + c_offset,
                        p.c_stride);
}

}  // namespace

uint64_t product_scratch_bytes(const Kernels& kernels, const Product& product) {
  const Buffers end = cut_scratch(kernels, product, nullptr);
  const int64_t sums =
      product.half ? kernels.tile_rows * block_tiles * std::min(half_columns, product.columns) : 0;
  return reinterpret_cast<uintptr_t>(end.sums) + static_cast<uint64_t>(sums) * sizeof(float);
}

void run_products(graph::RunContext& context, const Kernels& kernels, int64_t count,
                  FunctionRef<Product(int64_t index)> make) {
  if (count == 0) return;
  const Product first = make(0);
  if (first.rows == 0 || first.columns == 0) return;
  const Cut cut = cut_product(kernels, first, count, context.concurrency());
  const auto run_task = [&](int64_t task, std::byte* scratch) {
    const int64_t row = task % cut.blocks * cut.block_rows;
    const int64_t column = task / cut.blocks % cut.groups * cut.group_columns;
    const Product p = make(task / cut.blocks / cut.groups);
    run_block(kernels, p, row, std::min(cut.block_rows, p.rows - row), column,
              std::min(cut.group_columns, p.columns - column), cut_scratch(kernels, p, scratch));
  };
  const int64_t tasks = count * cut.groups * cut.blocks;
  if (packs_rows(first) || first.half_weights)
    context.parallel_for_scratch(tasks, run_task);
  else
    context.parallel_for(tasks, [&](int64_t task) { run_task(task, nullptr); });
}

}  // namespace spinel::cpu
