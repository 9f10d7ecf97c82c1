// BatchNormalization as part of the convolution before it.
#pragma once
#include <array>

#include "ops/batch_normalization.hpp"

namespace spinel::passes {

struct FoldedConv {
  Tensor weights;
  Tensor bias;
};

/// W' = W * s and B' = (B - mean) * s + shift, with s = scale / sqrt(var + epsilon) for each output channel,
/// in the type of the weights. `conv` is a Conv or ConvTranspose, `bias` may be nullptr, `parameters` are
/// scale, shift, mean and var. The normalisation must be per channel.
FoldedConv fold_batch_norm(const graph::Op& conv, const Tensor& weights, const Tensor* bias,
                           const ops::BatchNormalizationOp& norm,
                           const std::array<const Tensor*, 4>& parameters);

}  // namespace spinel::passes
