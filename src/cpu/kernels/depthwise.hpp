// What kernels/table.cpp takes from depthwise.cpp.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

int64_t depthwise_scratch_floats(const Patches& patches, int64_t group_channels);
void depthwise_rows(const DepthwiseRows& rows);

}  // namespace spinel::cpu::SPINEL_ISA
