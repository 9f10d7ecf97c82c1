// Resize and Upsample on tuned kernels: a candidate for the kernel list.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

/// Takes two neighbouring axes of known sizes, or one, wherever they stand: [N, C, H, W] as [N, H, W, C].
graph::OpPtr make_resize_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
