// The table of this instruction set.
#include "cpu/kernels.hpp"
#include "cpu/kernels/attention.hpp"
#include "cpu/kernels/depthwise.hpp"
#include "cpu/kernels/gemm.hpp"
#include "cpu/kernels/patches.hpp"
#include "cpu/kernels/pool.hpp"
#include "cpu/kernels/vector_table.hpp"
#include "cpu/kernels/weights.hpp"
#include "cpu/kernels/winograd.hpp"

namespace spinel::cpu::SPINEL_ISA {

const Kernels kernels = {
    .vector = &vector_kernels,
    .attention = &attention_kernels,
    .vector_floats = vector_floats,
    .panel_columns = panel_columns,
    .tile_rows = tile_rows,
    .packed_size = packed_size,
    .pack_columns = pack_columns,
    .gemm_block = gemm_block,
    .planar_rows = planar_rows,
    .pack_patches = pack_patches,
    .pack_half_patches = pack_half_patches,
    .winograd_weights = winograd_weights,
    .winograd_input = winograd_input,
    .winograd_output = winograd_output,
    .depthwise_scratch_floats = depthwise_scratch_floats,
    .depthwise_rows = depthwise_rows,
    .max_pool = max_pool,
    .average_pool = average_pool,
    .mean_rows = mean_rows,
    .widen_rows = widen_rows,
    .narrow_rows = narrow_rows,
    .weigh = weigh,
    .round_weights = round_weights,
};

}  // namespace spinel::cpu::SPINEL_ISA
