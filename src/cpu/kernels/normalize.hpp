// What kernels/vector_table.cpp takes from normalize.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void softmax_rows(const SoftmaxBlock& block);
void softmax_columns(const SoftmaxBlock& block);
void row_moments(const void* x, bool half, int64_t count, float epsilon, float* mean, float* inverse);
void normalize_rows(const NormalizeRows& rows);

}  // namespace spinel::cpu::SPINEL_ISA
