// Two model files on the same random inputs.
#pragma once
#include <string>

#include <spinel/model_tools.hpp>

namespace spinel::tools {

/// Runs `original` and then `changed`, whose inputs and outputs have the same names, and compares the
/// outputs. Inputs of another float type are converted. BatchNormalization is folded by neither engine, so
/// that what a tool has folded shows. Throws Error naming the output if the models differ by more than the
/// tolerance, and if options.required and the original cannot be run.
CheckReport check_equal(const std::string& original, const std::string& changed, const CheckOptions& options,
                        double tolerance, const Limits& limits, const std::vector<CustomOp>& custom_ops);

}  // namespace spinel::tools
