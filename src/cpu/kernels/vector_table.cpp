#include "cpu/kernels/vector_table.hpp"

#include "cpu/kernels/elementwise.hpp"
#include "cpu/kernels/move.hpp"
#include "cpu/kernels/normalize.hpp"
#include "cpu/kernels/reduce.hpp"

namespace spinel::cpu::SPINEL_ISA {

const VectorKernels vector_kernels = {
    .elementwise = elementwise,
    .softmax_rows = softmax_rows,
    .softmax_columns = softmax_columns,
    .row_moments = row_moments,
    .normalize_rows = normalize_rows,
    .reduce_rows = reduce_rows,
    .reduce_columns = reduce_columns,
    .transpose = transpose,
    .copy_rows = copy_rows,
};

}  // namespace spinel::cpu::SPINEL_ISA
