// What kernels/vector_table.cpp takes from elementwise.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void elementwise(const ElementStep& step);

}  // namespace spinel::cpu::SPINEL_ISA
