// BatchNormalization in training mode, which no pass rewrites.
#pragma once
#include "ops/op_args.hpp"

namespace spinel::ops {

/// Reads epsilon and momentum; the attributes that tell training from inference are the caller's.
OpPtr make_batch_normalization_training(const OpArgs& args);

}  // namespace spinel::ops
