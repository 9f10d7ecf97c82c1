// Convolutions of groups of few channels, cut into tasks.
#pragma once
#include "cpu/kernels.hpp"
#include "graph/op.hpp"

namespace spinel::cpu {

/// Scratch memory of a task of run_depthwise, which depends on the window alone.
uint64_t depthwise_scratch_bytes(const Kernels& kernels, const Patches& patches, int64_t group_channels = 1);

/// Runs `rows` of `whole`, from its first on, and all channels of its patches on the context's threads;
/// `channel`, `channels` and `scratch` of `whole` are not read.
void run_depthwise(graph::RunContext& context, const Kernels& kernels, const DepthwiseRows& whole);

}  // namespace spinel::cpu
