// Which operators must stay in float32 for a float16 engine to be accurate enough.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cli/compare_engines.hpp"

namespace spinel::cli {

struct Suggestion {
  bool met = false;                ///< Whether the limit is met.
  bool minimal = false;            ///< No entry can be left out; false where max_trials ended the search.
  std::vector<std::string> nodes;  ///< ONNX nodes that stay in float32; all of the model's, if it is not met.
  double diff2 = 0;                ///< With them in float32.
  double diff2_before = 0;         ///< With none.
  int trials = 0;                  ///< Engines that were compiled and run.
};

/// The worst diff2 of the outputs if these ONNX nodes stay in float32. Infinite where outputs cannot be
/// compared.
using Measure = std::function<double(const std::vector<std::string>& nodes)>;

/// Searches a list of layers to keep that meets `limit`: the layers are ranked by the error that each
/// introduces when it is fed with the reference's values (ComparedLayer::own); the shortest prefix of that
/// ranking that meets the limit is found by bisection, then parts of it, at last single layers, are left out
/// as long as the limit is met (delta debugging, Zeller and Hildebrandt 2002). Every step is measured on the
/// whole model. The result is one from which no layer can be left out, not always the smallest of all.
Suggestion suggest_float32(const std::vector<ComparedLayer>& layers, double limit, int max_trials,
                           const Measure& measure);

}  // namespace spinel::cli
