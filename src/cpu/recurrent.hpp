// RNN, GRU and LSTM with constant weights.
#pragma once
#include "cpu/kernel_list.hpp"

namespace spinel::cpu {

/// RNN, GRU or LSTM whose W, R, B and P are constants and whose functions are tanh, sigmoid, ReLU or a hard
/// sigmoid: the input's share of the gates is one product for many steps, a step multiplies the state alone.
/// Sums, gates and the state are float32, also where X and the outputs are float16. A sample's result does
/// not depend on the others.
graph::OpPtr make_recurrent_kernel(const Candidate& candidate, std::string& refusal);

}  // namespace spinel::cpu
