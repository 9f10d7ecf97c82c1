// The values between the layers of a program, under their ONNX names.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include <spinel/inspect.hpp>

#include "plan/program.hpp"
#include "runtime/executor.hpp"

namespace spinel::backend {

/// See InferEngine::layer_values; `binding` gives the dims, or nullptr. An ONNX value that several values of
/// the program equal is the first of them.
std::vector<LayerValue> layer_values(const plan::Program& program, const plan::Binding* binding);

/// See InferEngine::inspect. Runs on a replica of its own. Throws Error.
std::vector<graph::RuntimeValue> inspect_program(const std::shared_ptr<const plan::Program>& program,
                                                 const runtime::ReplicaOptions& options,
                                                 std::span<const graph::RuntimeValue> inputs,
                                                 const Inspection& inspection, graph::RunServices services);

}  // namespace spinel::backend
