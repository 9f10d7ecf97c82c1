#include "cpu/kernels/vector_table.hpp"

#include "cpu/kernels/byte_elements.hpp"
#include "cpu/kernels/cast.hpp"
#include "cpu/kernels/elementwise.hpp"
#include "cpu/kernels/move.hpp"
#include "cpu/kernels/normalize.hpp"
#include "cpu/kernels/reduce.hpp"
#include "cpu/kernels/resize.hpp"

namespace spinel::cpu::SPINEL_ISA {

const VectorKernels vector_kernels = {
    .elementwise = elementwise,
    .softmax_rows = softmax_rows,
    .softmax_columns = softmax_columns,
    .row_moments = row_moments,
    .normalize_rows = normalize_rows,
    .reduce_rows = reduce_rows,
    .reduce_columns = reduce_columns,
    .resize_rows = resize_rows,
    .resize_nearest_rows = resize_nearest_rows,
    .transpose = transpose,
    .copy_rows = copy_rows,
    .combine_bytes = combine_bytes,
    .quantize = quantize,
    .dequantize = dequantize,
    .cast = cast,
    .range = range,
};

}  // namespace spinel::cpu::SPINEL_ISA
