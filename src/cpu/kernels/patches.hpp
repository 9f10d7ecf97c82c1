// What kernels/table.cpp takes from patches.cpp.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

bool pack_patches(const Patches& patches, int64_t row, int64_t rows, int64_t k, int64_t depth, float* to,
                  int64_t to_stride);

bool pack_half_patches(const Patches& patches, int64_t row, int64_t rows, int64_t k, int64_t depth,
                       uint16_t* to, int64_t to_stride);
void widen_rows(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
                int64_t to_stride);
void narrow_rows(const float* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                 int64_t to_stride);

}  // namespace spinel::cpu::SPINEL_ISA
