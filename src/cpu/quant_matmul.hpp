// Matrix products of 8-bit integers: MatMulInteger, QLinearMatMul, QGemm and MatMulIntegerToFloat, whatever
// is known of B when they are compiled.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

/// A B that is a constant is packed at once, any other at each run. Equal to the reference bit by bit.
graph::OpPtr make_quant_matmul(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
