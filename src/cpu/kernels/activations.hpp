// Activations that follow a product, applied to a tile that is still in the first-level cache.
#pragma once
#include "cpu/kernels.hpp"
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {

/// The epilogue's activation of one vector.
Vec activate(const Epilogue& epilogue, Vec x);
/// Applies the epilogue's activation in place to rows x columns of c.
void activate_rows(const Epilogue& epilogue, float* c, int64_t c_stride, int64_t rows, int64_t columns);

}  // namespace spinel::cpu::SPINEL_ISA
