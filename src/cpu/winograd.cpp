#include "cpu/winograd.hpp"

#include <algorithm>

#include "base/cancel.hpp"
#include "cpu/weights.hpp"

namespace spinel::cpu {
namespace {

constexpr int64_t points = 36;
constexpr int64_t tile_outputs = 4;  // Along each axis.

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// Tiles of a task. The transformed tiles should stay in the second-level cache, but many channels need more
/// tiles for each pass over the weights, which come from farther away.
int64_t block_tiles(const Kernels& kernels, const ConvLayer& layer) {
  const int64_t register_tiles = layer.in_channels + layer.out_channels <= 256 ? 3 : 6;
  return kernels.tile_rows * register_tiles;
}

}  // namespace

WinogradGrid winograd_grid(const ConvLayer& layer, int64_t out_height, int64_t out_width) {
  const int64_t dh = layer.window.dilations[0];
  const int64_t dw = layer.window.dilations[1];
  WinogradGrid grid{ceil_div(ceil_div(out_height, dh), tile_outputs),
                    ceil_div(ceil_div(out_width, dw), tile_outputs), 0};
  grid.tiles = dh * dw * grid.tiles_h * grid.tiles_w;
  return grid;
}

Tensor pack_winograd_weights(const Kernels& kernels, const ConvLayer& layer, const Tensor& weights) {
  constexpr int64_t taps = 9;
  constexpr int64_t block_channels = 64;  // Whose weights and their transforms stay in the caches.
  const int64_t in = layer.in_channels;
  const int64_t out = layer.out_channels;
  const Tensor from = convert(weights, layer.dtype);
  const WeightMatrix matrix{.from = from.raw(),
                            .half = layer.dtype == DType::float16,
                            .columns = out,
                            .channels = in,
                            .taps = taps,
                            .column_stride = taps * in,
                            .channel_stride = taps};
  const int64_t size = kernels.packed_size(in, out);
  Tensor packed = Tensor::uninitialized(DType::float32, {points * size});
  // The points' matrices are written side by side. Their pages come one by one before, for together they take
  // longer than a cancelled load may go on.
  constexpr int64_t page_floats = int64_t{1} << 19;
  for (int64_t i = 0; i < points * size; i += page_floats) {
    check_load_cancelled();
    packed.data<float>()[static_cast<size_t>(i)] = 0;
  }
  std::vector<float> turned(static_cast<size_t>(taps * block_channels * kernels.panel_columns));
  std::vector<uint16_t> halves(matrix.half ? turned.size() : 0);
  std::vector<float> transformed;
  for (int64_t first = 0; first < out; first += kernels.panel_columns) {
    const int64_t columns = std::min(kernels.panel_columns, out - first);
    const int64_t width = kernels.packed_size(1, columns);
    float* const panel = packed.data<float>().data() + in * first;
    for (int64_t c = 0; c < in; c += block_channels) {
      check_load_cancelled();
      const WeightBlock block{first, columns, c, std::min(block_channels, in - c)};
      if (matrix.half) {
        turn_weights(kernels, matrix, block, halves.data(), columns);
        kernels.widen_rows(halves.data(), 0, 1, taps * block.channels * columns, turned.data(), 0);
      } else {
        turn_weights(kernels, matrix, block, turned.data(), columns);
      }
      float* const to = panel + c * width;
      if (columns == width) {  // A panel is what the transform writes.
        kernels.winograd_weights(turned.data(), block.channels, columns, to, size);
        continue;
      }
      const int64_t count = block.channels * columns;
      transformed.resize(static_cast<size_t>(points * count));
      kernels.winograd_weights(turned.data(), block.channels, columns, transformed.data(), count);
      for (int64_t p = 0; p < points; ++p)
        kernels.pack_columns(transformed.data() + p * count, columns, 1, block.channels, columns,
                             to + p * size);
    }
  }
  return packed;
}

uint64_t winograd_scratch_bytes(const Kernels& kernels, const ConvLayer& layer) {
  return static_cast<uint64_t>(points * block_tiles(kernels, layer) *
                               (layer.in_channels + layer.out_channels)) *
         sizeof(float);
}

void run_winograd(graph::RunContext& context, const Kernels& kernels, const ConvLayer& layer,
                  const Patches& patches, const float* weights, const Epilogue& epilogue,
                  const void* residual, int64_t samples, void* y) {
  const WinogradGrid grid = winograd_grid(layer, patches.out_height, patches.out_width);
  const int64_t tiles_h = grid.tiles_h;
  const int64_t tiles_w = grid.tiles_w;
  const int64_t tiles = samples * grid.tiles;
  const int64_t in = layer.in_channels;
  const int64_t out = layer.out_channels;
  const int64_t packed = kernels.packed_size(in, out);
  const int64_t element = dtype_bits(layer.dtype) / 8;

  // Few tiles are shared out by columns, so that each thread reads its part of the weights alone.
  int64_t blocks = ceil_div(tiles, block_tiles(kernels, layer));
  int64_t groups = 1;
  const int64_t panels = ceil_div(out, kernels.panel_columns);
  const int64_t concurrency = context.concurrency();
  if (concurrency > 1 && blocks < 4 * concurrency) {
    const int64_t even = ceil_div(blocks, concurrency) * concurrency;
    if (tiles >= even * kernels.tile_rows)
      blocks = even;
    else
      groups = std::min(panels, ceil_div(concurrency, blocks));
  }
  const int64_t task_tiles = ceil_div(tiles, blocks);
  blocks = ceil_div(tiles, task_tiles);
  const int64_t group_columns = ceil_div(panels, groups) * kernels.panel_columns;
  groups = ceil_div(out, group_columns);

  context.parallel_for_scratch(blocks * groups, [&](int64_t task, std::byte* scratch) {
    const int64_t first = task / groups * task_tiles;
    const int64_t column = task % groups * group_columns;
    const int64_t columns = std::min(group_columns, out - column);
    const WinogradTiles block{.patches = patches,
                              .tile = first,
                              .tiles = std::min(task_tiles, tiles - first),
                              .tiles_h = tiles_h,
                              .tiles_w = tiles_w};
    auto* v = reinterpret_cast<float*>(scratch);
    float* m = v + points * block.tiles * in;
    kernels.winograd_input(block, v);
    for (int64_t p = 0; p < points; ++p) {
      GemmBlock product{.a_stride = in,
                        .b = weights + p * packed + column * in,
                        .whole_depth = in,
                        .c = m + p * block.tiles * columns,
                        .c_stride = columns,
                        .rows = block.tiles,
                        .columns = columns};
      for (int64_t k = 0; k < in; k += depth_block) {
        product.a = v + p * block.tiles * in + k;
        product.k = k;
        product.depth = std::min(depth_block, in - k);
        kernels.gemm_block(product);
        product.start = product.c;
        product.start_stride = columns;
      }
    }
    Epilogue shifted = epilogue;
    if (shifted.bias != nullptr) shifted.bias += column;
    kernels.winograd_output(
        block, m,
        {.y = static_cast<std::byte*>(y) + column * element,
         .residual =
             residual == nullptr ? nullptr : static_cast<const std::byte*>(residual) + column * element,
         .pixel_stride = out,
         .columns = columns,
         .epilogue = &shifted});
  });
}

}  // namespace spinel::cpu
