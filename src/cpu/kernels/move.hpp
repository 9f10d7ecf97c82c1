// What kernels/vector_table.cpp takes from move.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void transpose(const TransposeBlock& block);
void copy_rows(const void* from, int64_t from_stride, void* to, int64_t to_stride, int64_t rows,
               int64_t row_bytes);

}  // namespace spinel::cpu::SPINEL_ISA
