// Transpose on tuned kernels: a candidate for the kernel list.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

graph::OpPtr make_transpose_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
