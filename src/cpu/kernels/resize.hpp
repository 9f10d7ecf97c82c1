// What kernels/vector_table.cpp takes from resize.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void resize_rows(const ResizeRows& rows);
void resize_nearest_rows(const ResizeRows& rows);

}  // namespace spinel::cpu::SPINEL_ISA
