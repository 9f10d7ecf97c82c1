// Running a program on one SPA.
#pragma once
#include <list>
#include <memory>
#include <span>
#include <vector>

#include <spinel/log.hpp>

#include "runtime/run_state.hpp"

namespace spinel::runtime {

struct ReplicaOptions {
  bool huge_pages = false;  ///< Asks the system for them; `log` tells if it refuses.
  LogCallback log;
};

/// One SPA's activation memory and prepared runs. The memory grows to the largest binding that was run and is
/// kept; a second run of a shape allocates nothing but values whose size only running tells. Not thread-safe:
/// a replica runs one part at a time.
class Replica {
 public:
  explicit Replica(std::shared_ptr<const plan::Program> program, ReplicaOptions options = {});

  /// Runs the program. `inputs` are in the order of the graph's inputs, bound by `binding`. An element of
  /// `outputs` that is defined is a buffer of the result's dtype and dims and is filled; the others receive
  /// owned tensors.
  void run(const std::shared_ptr<const plan::Binding>& binding, std::span<const graph::RuntimeValue> inputs,
           std::span<graph::RuntimeValue> outputs, const graph::RunServices& services);

  uint64_t arena_bytes() const noexcept { return arena_.bytes; }

 private:
  void reserve(uint64_t bytes);
  RunState& state_of(const std::shared_ptr<const plan::Binding>& binding);

  std::shared_ptr<const plan::Program> program_;
  ReplicaOptions options_;
  std::vector<graph::RuntimeValue> constants_;  ///< By ValueId.
  Arena arena_;
  std::list<RunState> states_;  ///< The last used first.
};

}  // namespace spinel::runtime
