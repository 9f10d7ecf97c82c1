#include "cpu/product.hpp"

#include <algorithm>

namespace spinel::cpu {
namespace {

/// Register tiles of a task's block of rows: enough to use each panel of B several times, few enough that the
/// block's patches stay in the second-level cache.
constexpr int64_t block_tiles = 8;
/// Between rows of packed patches, so that rows do not compete for the same sets of the cache.
constexpr int64_t patch_padding = 16;
/// Columns of a task whose sums are kept in scratch memory.
constexpr int64_t sum_columns = 512;
/// A task should be worth waking a thread.
constexpr int64_t min_task_operations = int64_t{1} << 18;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t depth_step(const Product& p) { return p.half_chunk != 0 ? half_depth_block : depth_block; }
int64_t patch_stride(const Product& p) { return std::min(p.depth, depth_step(p)) + patch_padding; }
/// Whether A has to be copied before it can be multiplied. Float16 arithmetic reads pairs, which must not
/// reach into the next row.
bool packs_rows(const Product& p) {
  if (p.half_chunk != 0) return p.from_patches || p.depth % 2 != 0 || p.half_kernels->prepare_rows != nullptr;
  return p.from_patches || p.half;
}
/// Whether sums are kept in scratch memory until they are complete and go to C.
bool keeps_sums(const Product& p) { return p.half || p.c_lines.rows != 0; }

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
  if (keeps_sums(p) || p.depth > depth_step(p))
    cut.groups = std::max(cut.groups, ceil_div(p.columns, sum_columns));
  cut.block_rows = ceil_div(p.rows, cut.blocks);
  cut.blocks = ceil_div(p.rows, cut.block_rows);
  cut.group_columns = ceil_div(panels, cut.groups) * kernels.panel_columns;
  cut.groups = ceil_div(p.columns, cut.group_columns);
  return cut;
}

/// A task's scratch memory, floats each.
struct Buffers {
  float* rows;    ///< A depth block of A; float16 where that is the arithmetic.
  float* panel;   ///< A depth block of a panel of B, widened.
  float* sums;    ///< C, where it is not summed in its place.
  float* scales;  ///< Of the rows, where the arithmetic has them.
};

int64_t row_floats(const Kernels& kernels, const Product& p) {
  return packs_rows(p) ? kernels.tile_rows * block_tiles * patch_stride(p) : 0;
}
int64_t panel_floats(const Kernels& kernels, const Product& p) {
  return p.half_weights ? depth_block * kernels.panel_columns : 0;
}
int64_t scale_floats(const Kernels& kernels, const Product& p) {
  if (p.half_chunk == 0 || p.half_kernels->prepare_rows == nullptr) return 0;
  return kernels.tile_rows * block_tiles * ceil_div(std::min(p.depth, half_depth_block), p.half_chunk);
}

Buffers cut_scratch(const Kernels& kernels, const Product& p, std::byte* scratch) {
  Buffers buffers{};
  if (scratch == nullptr) return buffers;
  buffers.rows = reinterpret_cast<float*>(scratch);
  buffers.panel = buffers.rows + row_floats(kernels, p);
  buffers.scales = buffers.panel + panel_floats(kernels, p);
  buffers.sums = buffers.scales + scale_floats(kernels, p);
  return buffers;
}

/// A task's part of a product.
struct Part {
  int64_t row, rows;
  int64_t column, columns;
  Epilogue epilogue;
};

/// Where a part's sums are kept, and what they begin with.
void set_sums(const Kernels& kernels, const Product& p, const Part& part, float* sums, GemmBlock& block) {
  const int64_t residual_offset = part.row * p.residual_stride + part.column;
  if (!keeps_sums(p)) {
    block.c = static_cast<float*>(p.c) + part.row * p.c_stride + part.column;
    block.c_stride = p.c_stride;
    if (p.residual == nullptr) return;
    block.start = static_cast<const float*>(p.residual) + residual_offset;
    block.start_stride = p.residual_stride;
    return;
  }
  block.c = sums;
  block.c_stride = part.columns;
  if (p.residual == nullptr) return;
  kernels.widen_rows(static_cast<const uint16_t*>(p.residual) + residual_offset, p.residual_stride, part.rows,
                     part.columns, sums, part.columns);
  block.start = sums;
  block.start_stride = part.columns;
}

/// Moves a part's sums to C.
void store_sums(const Kernels& kernels, const Product& p, const Part& part, const float* sums) {
  const OutputLines& lines = p.c_lines;
  const int64_t end = part.row + part.rows;
  for (int64_t row = part.row; row < end;) {
    int64_t offset = row * p.c_stride;
    int64_t rows = end - row;
    if (lines.rows != 0) {
      const int64_t line = row / lines.rows;
      const int64_t at = row % lines.rows;
      offset = line / lines.per_image * lines.image_stride + line % lines.per_image * lines.stride +
               at * p.c_stride;
      rows = std::min(rows, lines.rows - at);
    }
    offset += part.column;
    if (p.half)
      kernels.narrow_rows(sums, part.columns, rows, part.columns, static_cast<uint16_t*>(p.c) + offset,
                          p.c_stride);
    else
      for (int64_t r = 0; r < rows; ++r)
        std::copy_n(sums + r * part.columns, part.columns,
                    static_cast<float*>(p.c) + offset + r * p.c_stride);
    sums += rows * part.columns;
    row += rows;
  }
}

/// Arithmetic in float32.
void run_part(const Kernels& kernels, const Product& p, const Part& part, const Buffers& buffers) {
  GemmBlock block{.panel = buffers.panel, .whole_depth = p.depth, .rows = part.rows, .columns = part.columns};
  set_sums(kernels, p, part, buffers.sums, block);
  const int64_t first_panel = part.column * p.depth;
  if (p.half_weights)
    block.half_b = static_cast<const uint16_t*>(p.b) + first_panel;
  else
    block.b = static_cast<const float*>(p.b) + first_panel;
  for (int64_t k = 0; k < p.depth; k += depth_block) {
    const int64_t depth = std::min(depth_block, p.depth - k);
    const bool packed = packs_rows(p);
    block.a_stride = packed ? patch_stride(p) : p.a_stride;
    block.a = packed ? buffers.rows : static_cast<const float*>(p.a) + part.row * p.a_stride + k;
    // The first and the last block do more than to add.
    const bool adds = p.finite_weights && p.residual == nullptr && k > 0 && k + depth < p.depth;
    if (p.from_patches) {
      const bool some =
          kernels.pack_patches(p.patches, part.row, part.rows, k, depth, buffers.rows, block.a_stride);
      if (!some && adds) continue;
      if (!some) std::fill_n(buffers.rows, part.rows * block.a_stride, 0.0F);
    } else if (p.half) {
      kernels.widen_rows(static_cast<const uint16_t*>(p.a) + part.row * p.a_stride + k, p.a_stride, part.rows,
                         depth, buffers.rows, block.a_stride);
    }
    block.k = k;
    block.depth = depth;
    block.epilogue = k + depth == p.depth ? &part.epilogue : nullptr;
    kernels.gemm_block(block);
    block.start = block.c;
    block.start_stride = block.c_stride;
  }
  if (keeps_sums(p)) store_sums(kernels, p, part, buffers.sums);
}

/// Arithmetic in 16 bits.
void run_half_part(const Kernels& kernels, const Product& p, const Part& part, const Buffers& buffers) {
  const HalfKernels& half = *p.half_kernels;
  const bool prepares = half.prepare_rows != nullptr;
  const bool packed = packs_rows(p);
  auto* const rows = reinterpret_cast<uint16_t*>(buffers.rows);
  HalfGemmBlock block{.scales = buffers.scales,
                      .b = static_cast<const uint16_t*>(p.b) + half.packed_size(p.depth, part.column),
                      .whole_depth = p.depth,
                      .chunk = p.half_chunk,
                      .c = buffers.sums,
                      .c_stride = part.columns,
                      .rows = part.rows,
                      .columns = part.columns};
  if (p.c_lines.rows == 0) {
    block.y = static_cast<uint16_t*>(p.c) + part.row * p.c_stride + part.column;
    block.y_stride = p.c_stride;
  }
  if (p.residual != nullptr) {
    block.residual = static_cast<const uint16_t*>(p.residual) + part.row * p.residual_stride + part.column;
    block.residual_stride = p.residual_stride;
  }
  for (int64_t k = 0; k < p.depth; k += half_depth_block) {
    const int64_t depth = std::min(half_depth_block, p.depth - k);
    const uint16_t* a = static_cast<const uint16_t*>(p.a) + part.row * p.a_stride + k;
    int64_t a_stride = p.a_stride;
    block.a_stride = packed ? patch_stride(p) : p.a_stride;
    block.a = packed ? rows : a;
    const bool adds = p.finite_weights && k > 0 && k + depth < p.depth;
    if (p.from_patches) {
      const bool some =
          kernels.pack_half_patches(p.patches, part.row, part.rows, k, depth, rows, block.a_stride);
      if (!some && adds) continue;
      if (!some) std::fill_n(rows, part.rows * block.a_stride, uint16_t{0});
      a = rows;
      a_stride = block.a_stride;
    }
    if (prepares) {
      block.all_finite = half.prepare_rows(a, a_stride, part.rows, depth, p.half_chunk, rows, block.a_stride,
                                           buffers.scales);
    } else if (packed) {
      for (int64_t r = 0; r < part.rows; ++r) {
        if (a != rows) std::copy_n(a + r * a_stride, depth, rows + r * block.a_stride);
        if (depth % 2 != 0) rows[r * block.a_stride + depth] = 0;
      }
    }
    block.k = k;
    block.depth = depth + depth % 2;
    block.epilogue = k + depth == p.depth ? &part.epilogue : nullptr;
    half.gemm_block(block);
    block.start = block.c;
    block.start_stride = block.c_stride;
  }
  if (block.y == nullptr) store_sums(kernels, p, part, buffers.sums);
}

}  // namespace

uint64_t product_scratch_bytes(const Kernels& kernels, const Product& product) {
  const int64_t sums =
      keeps_sums(product) ? kernels.tile_rows * block_tiles * std::min(sum_columns, product.columns) : 0;
  return static_cast<uint64_t>(row_floats(kernels, product) + panel_floats(kernels, product) +
                               scale_floats(kernels, product) + sums) *
         sizeof(float);
}

namespace {

/// The task with that number of a product that is cut like this.
void run_task(const Kernels& kernels, const Product& p, const Cut& cut, int64_t task, std::byte* scratch) {
  const int64_t column = task % cut.groups * cut.group_columns;
  const int64_t row = task / cut.groups * cut.block_rows;
  Part part{.row = row,
            .rows = std::min(cut.block_rows, p.rows - row),
            .column = column,
            .columns = std::min(cut.group_columns, p.columns - column),
            .epilogue = p.epilogue};
  if (part.epilogue.bias != nullptr) part.epilogue.bias += column;
  const Buffers buffers = cut_scratch(kernels, p, scratch);
  if (p.half_chunk != 0)
    run_half_part(kernels, p, part, buffers);
  else
    run_part(kernels, p, part, buffers);
}

}  // namespace

void run_products(graph::RunContext& context, const Kernels& kernels, int64_t count,
                  FunctionRef<Product(int64_t index)> make) {
  if (count == 0) return;
  const Product first = make(0);
  if (first.rows == 0 || first.columns == 0) return;
  const Cut cut = cut_product(kernels, first, count, context.concurrency());
  const int64_t tasks = cut.groups * cut.blocks;
  // Neighbouring tasks have the same rows: they stay on one core, whose caches may hold them from the layer
  // before.
  const auto run = [&](int64_t task, std::byte* scratch) {
    run_task(kernels, make(task / tasks), cut, task % tasks, scratch);
  };
  if (packs_rows(first) || keeps_sums(first))
    context.parallel_for_scratch(count * tasks, run);
  else
    context.parallel_for(count * tasks, [&](int64_t task) { run(task, nullptr); });
}

void run_product(const Kernels& kernels, const Product& product, std::byte* scratch) {
  if (product.rows == 0 || product.columns == 0) return;
  const Cut cut = cut_product(kernels, product, 1, 1);
  for (int64_t task = 0; task < cut.groups * cut.blocks; ++task)
    run_task(kernels, product, cut, task, scratch);
}

}  // namespace spinel::cpu
