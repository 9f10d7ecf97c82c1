#include "cpu/kernel_list.hpp"

#include "cpu/byte_ops.hpp"
#include "cpu/element_ops.hpp"
#include "cpu/matmul.hpp"
#include "cpu/normalize_ops.hpp"
#include "cpu/quant_matmul.hpp"
#include "cpu/recurrent.hpp"
#include "cpu/reduce_ops.hpp"
#include "cpu/resize_op.hpp"
#include "cpu/transpose_op.hpp"

namespace spinel::cpu {
namespace {

const KernelEntry entries[] = {
    // Element by element: element_ops.cpp.
    {"Abs", "elementwise", make_element_op},
    {"Add", "elementwise", make_element_op},
    {"BatchNormalization", "elementwise", make_element_op},
    {"Cast", "elementwise", make_cast_kernel},
    {"Clip", "elementwise", make_element_op},
    {"Div", "elementwise", make_element_op},
    {"Elu", "elementwise", make_element_op},
    {"Erf", "elementwise", make_element_op},
    {"Exp", "elementwise", make_element_op},
    {"Gelu", "elementwise", make_element_op},
    {"HardSigmoid", "elementwise", make_element_op},
    {"HardSwish", "elementwise", make_element_op},
    {"LeakyRelu", "elementwise", make_element_op},
    {"Log", "elementwise", make_element_op},
    {"Max", "elementwise", make_element_op},
    {"Min", "elementwise", make_element_op},
    {"Mish", "elementwise", make_element_op},
    {"Mul", "elementwise", make_element_op},
    {"Neg", "elementwise", make_element_op},
    {"PRelu", "elementwise", make_element_op},
    {"Pow", "elementwise", make_element_op},
    {"Reciprocal", "elementwise", make_element_op},
    {"Relu", "elementwise", make_element_op},
    {"Selu", "elementwise", make_element_op},
    {"Sigmoid", "elementwise", make_element_op},
    {"Softplus", "elementwise", make_element_op},
    {"Softsign", "elementwise", make_element_op},
    {"Sqrt", "elementwise", make_element_op},
    {"Sub", "elementwise", make_element_op},
    {"Sum", "elementwise", make_element_op},
    {"Swish", "elementwise", make_element_op},
    {"Tanh", "elementwise", make_element_op},
    // Along axes: normalize_ops.cpp, reduce_ops.cpp.
    {"Softmax", "softmax", make_softmax_kernel},
    {"LogSoftmax", "softmax", make_softmax_kernel},
    {"LayerNormalization", "layer_norm", make_layer_normalization_kernel},
    {"RMSNormalization", "layer_norm", make_layer_normalization_kernel},
    {"InstanceNormalization", "group_norm", make_group_normalization_kernel},
    {"GroupNormalization", "group_norm", make_group_normalization_kernel},
    {"ReduceL1", "reduce", make_reduce_kernel},
    {"ReduceL2", "reduce", make_reduce_kernel},
    {"ReduceMax", "reduce", make_reduce_kernel},
    {"ReduceMean", "reduce", make_reduce_kernel},
    {"ReduceMin", "reduce", make_reduce_kernel},
    {"ReduceSum", "reduce", make_reduce_kernel},
    {"ReduceSumSquare", "reduce", make_reduce_kernel},
    {"GlobalAveragePool", "reduce", make_global_pool_kernel},
    {"GlobalMaxPool", "reduce", make_global_pool_kernel},
    {"Resize", "resize", make_resize_kernel},
    {"Upsample", "resize", make_resize_kernel},
    // What only moves elements.
    {"Transpose", "transpose", make_transpose_kernel},
    // Both operands computed at run time: matmul.cpp.
    {"MatMul", "packed", make_matmul},
    // Products of 8-bit integers: quant_matmul.cpp.
    {"MatMulInteger", "bytes", make_quant_matmul},
    {"MatMulIntegerToFloat", "bytes", make_quant_matmul},
    {"QGemm", "bytes", make_quant_matmul},
    {"QLinearMatMul", "bytes", make_quant_matmul},
    // 8-bit integers element by element: byte_ops.cpp.
    {"DequantizeLinear", "bytes", make_dequantize_kernel},
    {"DynamicQuantizeLinear", "bytes", make_dynamic_quantize_kernel},
    {"QLinearAdd", "bytes", make_byte_binary_kernel},
    {"QLinearMul", "bytes", make_byte_binary_kernel},
    {"QuantizeLinear", "bytes", make_quantize_kernel},
    // Cells that carry a state from step to step: recurrent.cpp.
    {"GRU", "packed", make_recurrent_kernel},
    {"LSTM", "packed", make_recurrent_kernel},
    {"RNN", "packed", make_recurrent_kernel},
};

}  // namespace

std::span<const KernelEntry> kernel_list() { return entries; }

}  // namespace spinel::cpu
