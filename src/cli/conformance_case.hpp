// Running cases of conformance data, each so that whatever happens in it is its own outcome.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <spinel/engine.hpp>

#include "cli/interrupt.hpp"

namespace spinel::cli {

struct CaseFolder {
  std::string name;  ///< "node/test_abs"
  std::filesystem::path path;
};

enum class CaseStatus {
  pass,
  fail,         ///< Another result than expected, an error, or a crash.
  unsupported,  ///< An Error(unsupported): the target says that it cannot do it.
};
const char* status_name(CaseStatus status);

struct CaseOutcome {
  CaseStatus status = CaseStatus::fail;
  /// In one line; of a pass empty, or "distribution" for a result that is random by definition.
  std::string reason;
};

/// Loads the case's model with an engine of these options and compares every data set. Where options.dtype is
/// given, float inputs are converted to what the engine takes and float outputs back to what the data holds,
/// and for float16 the tolerance is rtol 1e-2 and atol 2e-3 times the greatest expected magnitude of a
/// tensor. Throws Error(cancelled) alone.
CaseOutcome run_case(const CaseFolder& folder, EngineOptions options, const CancelToken& cancel);

/// Runs the cases in order in a process of its own, which a crash takes along: the case is then a failure
/// that says so, and the others go on in a new process. Calls `done` for each in this process; returns early
/// once the interrupt is requested. Must be called while the process has one thread. Throws Error(io) if the
/// system has no process left.
void run_cases(const std::vector<CaseFolder>& cases, const EngineOptions& options, const Interrupt& interrupt,
               const std::function<void(size_t index, CaseOutcome outcome)>& done);

}  // namespace spinel::cli
