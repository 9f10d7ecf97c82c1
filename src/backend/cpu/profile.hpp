// Timing the nodes of a program.
#pragma once
#include <memory>
#include <span>

#include <spinel/profile.hpp>

#include "plan/program.hpp"
#include "runtime/executor.hpp"

namespace spinel::backend {

/// Runs the program twice on a replica of its own and times the nodes of the second run. Throws Error.
RunProfile profile_program(const std::shared_ptr<const plan::Program>& program,
                           const runtime::ReplicaOptions& options,
                           std::span<const graph::RuntimeValue> inputs, graph::RunServices services);

/// LayerTime::flops of a node whose inputs and outputs have these dims (empty: omitted or not known).
double count_flops(const graph::Op& op, std::span<const Dims> inputs, std::span<const Dims> outputs);

}  // namespace spinel::backend
