// MatMul of two tensors that are both computed at run time.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

/// Candidate for the kernel list: stacks of matrices of float32 or float16. Each B is packed into scratch
/// memory, then the products run as those of linear layers do.
graph::OpPtr make_matmul(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
