// The table of kernels that are not products, which kernels/table.cpp points to.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

extern const VectorKernels vector_kernels;

}  // namespace spinel::cpu::SPINEL_ISA
