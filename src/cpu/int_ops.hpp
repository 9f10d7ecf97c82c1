// Convolutions and matrix products of 8-bit integers by the tuned product of an instruction set.
#pragma once
#include "cpu/int_kernels.hpp"
#include "cpu/kernel_list.hpp"

namespace spinel::ops {
class IntProduct;
}

namespace spinel::cpu {

/// The product of the instruction set that has these kernels, with what else this machine has for it. Lives
/// as long as the program.
const ops::IntProduct& int_product(const Kernels& kernels);
/// All of this machine and build, for tests, each with a name that says which it is.
std::vector<const ops::IntProduct*> int_products();

/// QLinearConv and ConvInteger; weights that are constants are packed.
graph::OpPtr make_int_conv_kernel(const Candidate& candidate, std::string& refusal);
/// QLinearMatMul, MatMulInteger, QGemm, MatMulIntegerToFloat and DynamicQuantizeMatMul; a constant B is
/// packed.
graph::OpPtr make_int_matmul_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
