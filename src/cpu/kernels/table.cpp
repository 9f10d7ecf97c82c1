// The table of this instruction set.
#include "cpu/kernels.hpp"
#include "cpu/kernels/gemm.hpp"
#include "cpu/kernels/patches.hpp"
#include "cpu/kernels/vector_table.hpp"

namespace spinel::cpu::SPINEL_ISA {

const Kernels kernels = {
    .vector = &vector_kernels,
    .vector_floats = vector_floats,
    .panel_columns = panel_columns,
    .tile_rows = tile_rows,
    .pack_columns = pack_columns,
    .gemm_block = gemm_block,
    .pack_patches = pack_patches,
};

}  // namespace spinel::cpu::SPINEL_ISA
