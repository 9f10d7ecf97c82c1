// Running a program on one SPA.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "graph/interpret.hpp"
#include "plan/program.hpp"

namespace spinel::runtime {

/// One SPA's activation memory. It grows to the largest binding that was run and is kept. Not thread-safe: a
/// replica runs one part at a time.
class Replica {
 public:
  explicit Replica(std::shared_ptr<const plan::Program> program) : program_(std::move(program)) {}

  /// Runs the program. `inputs` are in the order of the graph's inputs, bound by `binding`. An element of
  /// `outputs` that is defined is a buffer of the result's dtype and dims and is filled; the others receive
  /// owned tensors.
  void run(const plan::Binding& binding, std::span<const graph::RuntimeValue> inputs,
           std::span<graph::RuntimeValue> outputs, const graph::RunServices& services);

  uint64_t arena_bytes() const noexcept { return arena_bytes_; }

 private:
  void reserve(uint64_t bytes);
  bool in_arena(const void* data) const noexcept;
  void store_outputs(std::vector<graph::RuntimeValue>& values, std::span<graph::RuntimeValue> outputs) const;

  std::shared_ptr<const plan::Program> program_;
  std::shared_ptr<void> arena_;
  uint64_t arena_bytes_ = 0;
};

}  // namespace spinel::runtime
