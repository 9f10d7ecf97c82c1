// What kernels/table.cpp takes from depthwise.cpp.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void depthwise_rows(const DepthwiseRows& rows);

}  // namespace spinel::cpu::SPINEL_ISA
