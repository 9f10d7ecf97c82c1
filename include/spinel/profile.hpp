// Where a run's time goes, layer by layer.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel {

/// One node of the compiled graph in one run.
struct LayerTime {
  std::string name;
  std::string op;                    ///< "NhwcConv"
  std::string kernel;                ///< "winograd"; "reference" where there is no faster one.
  std::vector<std::string> sources;  ///< The ONNX nodes that the layer stands for.
  std::vector<Dims> inputs;   ///< Empty for an input that is omitted, or whose dims only running tells.
  std::vector<Dims> outputs;  ///< Likewise.
  int64_t start_ns = 0;       ///< Since the run began.
  int64_t duration_ns = 0;
  /// Multiplications and additions that the layer's definition asks for (two a multiply-add), whatever way
  /// they are saved; counted for convolutions, matrix products and attention, 0 for others and where dims are
  /// not known.
  double flops = 0;
};

/// What InferEngine::profile() measured.
struct RunProfile {
  std::vector<LayerTime> layers;  ///< In the order in which they ran.
  int64_t duration_ns = 0;        ///< Of the whole run.
};

}  // namespace spinel
