// What kernels/table.cpp takes from winograd.cpp.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu::SPINEL_ISA {

void winograd_weights(const float* taps, int64_t channels, int64_t columns, float* u, int64_t plane);
void winograd_input(const WinogradTiles& tiles, float* v);
void winograd_output(const WinogradTiles& tiles, const float* m, const WinogradOutput& out);

}  // namespace spinel::cpu::SPINEL_ISA
