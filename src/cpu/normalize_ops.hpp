// Softmax, LayerNormalization, InstanceNormalization and GroupNormalization on tuned kernels: candidates for
// the kernel list.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

graph::OpPtr make_softmax_kernel(const Candidate& candidate, std::string& refusal);
graph::OpPtr make_layer_normalization_kernel(const Candidate& candidate, std::string& refusal);
graph::OpPtr make_group_normalization_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
