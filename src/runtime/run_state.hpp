// What running a program under one binding needs, made once and used by every run.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "graph/interpret.hpp"
#include "plan/program.hpp"

namespace spinel::runtime {

/// A replica's activation memory.
struct Arena {
  std::shared_ptr<void> memory;
  uint64_t bytes = 0;

  std::byte* begin() const noexcept { return static_cast<std::byte*>(memory.get()); }
  bool holds(const void* data) const noexcept {
    const auto* p = static_cast<const std::byte*>(data);
    return begin() != nullptr && p >= begin() && p < begin() + bytes;
  }
};

/// The values of a program under one binding: prepared views into the arena and into the caller's buffers,
/// empty slots for what only running tells. A run allocates nothing but the latter.
class RunState {
 public:
  /// `constants` are the program's by ValueId and outlive this object, as do `program` and `arena`.
  RunState(const plan::Program& program, std::shared_ptr<const plan::Binding> binding,
           const std::vector<graph::RuntimeValue>& constants, const Arena& arena);
  RunState(const RunState&) = delete;
  RunState& operator=(const RunState&) = delete;

  const std::shared_ptr<const plan::Binding>& binding() const noexcept { return binding_; }
  /// As Replica::run(). The arena must have binding().arena_bytes by now.
  void run(std::span<const graph::RuntimeValue> inputs, std::span<graph::RuntimeValue> outputs,
           const graph::RunServices& services);

 private:
  class Context;
  struct Step {
    const graph::Node* node;
    size_t inputs;              ///< Where its inputs begin in inputs_.
    bool view = false;          ///< The output is a prepared view of an input: nothing is to be done.
    std::vector<size_t> dying;  ///< Values that only running tells, and that nobody reads after this node.
  };

  void prepare_values();
  void prepare_steps();
  bool is_prepared_view(const graph::Node& node) const;
  void point_into_arena();
  void point_into_buffers(std::span<const graph::RuntimeValue> inputs,
                          std::span<graph::RuntimeValue> outputs);
  void point(graph::ValueId id, void* data);
  void store_outputs(std::span<graph::RuntimeValue> outputs);
  void run_steps(const graph::RunServices& services);
  const plan::Place& place(graph::ValueId id) const { return binding_->places[static_cast<size_t>(id)]; }
  bool is_planned(graph::ValueId id) const { return place(id).base != plan::Place::Base::none; }
  graph::RuntimeValue& value(graph::ValueId id) { return values_[static_cast<size_t>(id)]; }

  const plan::Program& program_;
  const graph::Graph& graph_;
  const std::shared_ptr<const plan::Binding> binding_;
  const std::vector<graph::RuntimeValue>& constants_;
  const Arena& arena_;
  const std::byte* pointed_at_ = nullptr;           ///< The arena that values_ point into.
  std::vector<graph::RuntimeValue> values_;         ///< By ValueId; constants are elsewhere.
  std::vector<graph::RuntimeValue> ignored_;        ///< Outputs that nobody reads, by position.
  std::vector<const graph::RuntimeValue*> inputs_;  ///< Of all steps.
  std::vector<Step> steps_;
  std::vector<graph::ValueId> in_arena_;
  std::vector<graph::ValueId> in_buffers_;
  std::vector<size_t> unplanned_;
};

}  // namespace spinel::runtime
