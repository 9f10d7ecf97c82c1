// What kernels/vector_table.cpp takes from cast.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void cast(const void* from, NumberType from_type, int64_t count, NumberType to_type, void* to);

}  // namespace spinel::cpu::SPINEL_ISA
