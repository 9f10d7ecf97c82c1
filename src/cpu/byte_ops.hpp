// Operators on 8-bit integers that stand for numbers, element by element.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

/// QLinearAdd and QLinearMul of tensors of equal dims.
graph::OpPtr make_byte_binary_kernel(const Candidate& candidate, std::string& refusal);
/// QuantizeLinear and DequantizeLinear between float32 or float16 and 8 bits, with one scale for the tensor.
graph::OpPtr make_quantize_kernel(const Candidate& candidate, std::string& refusal);
graph::OpPtr make_dequantize_kernel(const Candidate& candidate, std::string& refusal);
/// DynamicQuantizeLinear of float32 or float16.
graph::OpPtr make_dynamic_quantize_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
