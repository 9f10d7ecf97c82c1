#include "cpu/kernels/vector_table.hpp"

#include "cpu/kernels/elementwise.hpp"

namespace spinel::cpu::SPINEL_ISA {

const VectorKernels vector_kernels = {
    .elementwise = elementwise,
};

}  // namespace spinel::cpu::SPINEL_ISA
