// What kernels/vector_table.cpp takes from byte_elements.cpp.
#pragma once
#include "cpu/vector_kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void combine_bytes(const ByteBinary& bytes);
void quantize(const void* from, bool half, int64_t count, const ByteNumbers& numbers, void* to);
void range(const void* from, bool half, int64_t count, float* low, float* high);
void dequantize(const void* from, int64_t count, const ByteNumbers& numbers, bool half, void* to);

}  // namespace spinel::cpu::SPINEL_ISA
