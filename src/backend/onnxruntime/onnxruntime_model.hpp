// The target `onnx`: ONNX Runtime on the CPU, in the same process, as the baseline of accuracy and speed.
#pragma once
#include <memory>

#include "backend/backend.hpp"

namespace spinel::backend {

/// Loads ONNX Runtime's library and makes a session a SPA. The file runs as it is: its types are not changed.
/// Throws Error, with ONNX Runtime's message where it refuses the model.
std::unique_ptr<Model> compile_for_onnxruntime(onnx::ModelSource source, const CompileOptions& options);

}  // namespace spinel::backend
