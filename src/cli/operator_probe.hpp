// Trying operators: which element types each takes, and which kernel runs it.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include <spinel/tensor.hpp>

#include "cli/operator_samples.hpp"

namespace spinel::cli {

/// What trying a sample found.
struct OperatorTypes {
  std::string label;
  std::vector<DType> dtypes;                            ///< Taken, in the order of all_dtypes().
  std::vector<std::pair<DType, std::string>> refusals;  ///< The others, and why.
};

/// Every element type of ONNX that is tried, floats first.
const std::vector<DType>& all_dtypes();

/// Builds a model of the sample with T as each element type, loads it with an engine of target `cpu` and runs
/// it: what does not throw is taken. `kernels` receives the names of the tuned kernels that the first of them
/// ran, if there are any.
OperatorTypes try_operator(const OperatorSample& sample, std::vector<std::string>& kernels);

}  // namespace spinel::cli
