// The target `cpu`: Spinel's own engine.
#pragma once
#include <memory>

#include "backend/backend.hpp"

namespace spinel::backend {

/// Imports, infers, runs the passes and plans. Throws Error.
std::unique_ptr<Model> compile_for_cpu(onnx::ModelSource source, const CompileOptions& options);

/// Maps options.load_engine and plans; nothing is compiled. Throws Error.
std::unique_ptr<Model> load_for_cpu(const CompileOptions& options);

}  // namespace spinel::backend
