// What kernels/vector_table.cpp takes from reduce.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void reduce_rows(const ReduceBlock& block);
void reduce_columns(const ReduceBlock& block);

}  // namespace spinel::cpu::SPINEL_ISA
