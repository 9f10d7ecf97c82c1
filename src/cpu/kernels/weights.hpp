// What kernels/table.cpp takes from weights.cpp.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

WeightFacts weigh(bool half, const void* from, int64_t count);
HalfRounding round_weights(const float* from, int64_t count, uint16_t* to);

}  // namespace spinel::cpu::SPINEL_ISA
