// Convolution 3x3 of stride 1 by Winograd's F(4x4, 3x3).
#pragma once
#include "cpu/conv.hpp"

namespace spinel::cpu {

/// The tiles of an image.
struct WinogradGrid {
  int64_t tiles_h, tiles_w;  ///< Of one of the dilation_h x dilation_w phases.
  int64_t tiles;             ///< Of all phases.
};
WinogradGrid winograd_grid(const ConvLayer& layer, int64_t out_height, int64_t out_width);

/// The transformed weights: 36 packed matrices [C, M].
Tensor pack_winograd_weights(const Kernels& kernels, const ConvLayer& layer, const Tensor& weights);

/// What a task needs for a layer.
uint64_t winograd_scratch_bytes(const Kernels& kernels, const ConvLayer& layer);

/// Y = activation(conv(X) + bias + residual). A tile lies in one image, and every product is summed over
/// depth_block after depth_block of the channels, however the work is cut.
///
/// Against exact arithmetic an output's error stays below 16 units of 2^-24 times the sum of the absolute
/// products (most are at a third of that or less; docs/accuracy.md).
void run_winograd(graph::RunContext& context, const Kernels& kernels, const ConvLayer& layer,
                  const Patches& patches, const float* weights, const Epilogue& epilogue,
                  const void* residual, int64_t samples, void* y);

}  // namespace spinel::cpu
