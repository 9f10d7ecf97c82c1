// What kernels/table.cpp takes from gemm.cpp.
#pragma once
#include "cpu/kernels.hpp"
#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {

// As many accumulators as the registers hold beside the vectors of B and one broadcast element of A.
constexpr int tile_vectors = 2;
constexpr int tile_rows = vector_floats == 16 ? 14 : 6;
constexpr int64_t panel_columns = int64_t{tile_vectors} * vector_floats;

int64_t packed_size(int64_t depth, int64_t columns);
void pack_columns(const float* from, int64_t row_stride, int64_t column_stride, int64_t depth,
                  int64_t columns, float* to);
void gemm_block(const GemmBlock& block);
void planar_rows(const PlanarRows& rows);

}  // namespace spinel::cpu::SPINEL_ISA
