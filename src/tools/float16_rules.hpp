// Which operators take float16.
#pragma once
#include <string_view>

#include "graph/op.hpp"
#include "onnx/model.hpp"

namespace spinel::tools {

/// Whether ONNX's schema of the standard operator in this opset lets its float inputs and outputs be float16,
/// apart from those of needs_float32.
bool takes_float16(std::string_view op, int opset);
/// Whether input `index` stays float32 though the node computes in float16 (a Resize's scales). `op` may be
/// nullptr.
bool needs_float32(const onnx::Node& node, const graph::Op* op, size_t index);
/// Whether output `index` stays float32 (statistics of a LayerNormalization).
bool makes_float32(const onnx::Node& node, size_t index);

}  // namespace spinel::tools
