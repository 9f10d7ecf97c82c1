// Which operators a model file uses.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "onnx/model.hpp"

namespace spinel::onnx {

/// Nodes by operator ("Conv", "com.microsoft::Gelu"), those of subgraphs and functions included.
std::map<std::string, int64_t> operator_counts(const Model& model);

}  // namespace spinel::onnx
