// Reductions and global pools on tuned kernels: candidates for the kernel list.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

graph::OpPtr make_reduce_kernel(const Candidate& candidate, std::string& refusal);
/// GlobalAveragePool and GlobalMaxPool of [N, C, spatial...].
graph::OpPtr make_global_pool_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
