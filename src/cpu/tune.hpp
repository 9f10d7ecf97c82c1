// Timing candidates on this machine.
#pragma once
#include <string>
#include <vector>

#include "cpu/conv.hpp"

namespace spinel::cpu {

struct TimedAlgorithm {
  ConvAlgorithm algorithm;
  double seconds;  ///< The best of several runs on one thread.
};

/// Times every algorithm that can compute the layer, on an image of this size; the first is the fastest. The
/// batch has no part in it, so that the choice suits the exactness promise.
std::vector<TimedAlgorithm> time_conv_algorithms(const Isa& isa, const ConvLayer& layer,
                                                 const Tensor& weights, int64_t height, int64_t width);

/// "product 0.42 ms, winograd 0.19 ms"
std::string timing_text(const std::vector<TimedAlgorithm>& timings);

}  // namespace spinel::cpu
