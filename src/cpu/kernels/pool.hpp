// What kernels/table.cpp takes from pool.cpp.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void max_pool(const PoolRows& pool, void* y);
void average_pool(const PoolRows& pool, void* y);
void mean_rows(bool half, const void* from, int64_t rows, int64_t columns, void* to);

}  // namespace spinel::cpu::SPINEL_ISA
