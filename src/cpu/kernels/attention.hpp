// What kernels/table.cpp takes from attention.cpp.
#pragma once
#include "cpu/attention_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

extern const AttentionKernels attention_kernels;

}  // namespace spinel::cpu::SPINEL_ISA
