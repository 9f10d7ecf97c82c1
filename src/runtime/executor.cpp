#include "runtime/executor.hpp"

#include <new>

#include "base/pages.hpp"
#include "base/text.hpp"

namespace spinel::runtime {

using graph::RuntimeValue;

Replica::Replica(std::shared_ptr<const plan::Program> program, ReplicaOptions options)
    : program_(std::move(program)), options_(std::move(options)) {
  constants_.resize(program_->graph().values.size());
  for (size_t i = 0; i < constants_.size(); ++i)
    if (program_->graph().values[i].is_constant()) constants_[i] = program_->graph().values[i].constant;
}

void Replica::reserve(uint64_t bytes) {
  if (bytes <= arena_.bytes) return;
  arena_ = {};
  std::string refusal;
  std::shared_ptr<void> memory = allocate_pages(bytes, options_.huge_pages, refusal);
  if (memory == nullptr) fail(ErrorCode::out_of_memory, "no memory for {} bytes of activations", bytes);
  if (!refusal.empty() && options_.log)
    options_.log(LogLevel::warning, fmt::format("activations are in small pages: {}", refusal));
  arena_ = {std::move(memory), bytes};
}

RunState& Replica::state_of(const std::shared_ptr<const plan::Binding>& binding) {
  for (auto it = states_.begin(); it != states_.end(); ++it) {
    if (it->binding() != binding) continue;
    states_.splice(states_.begin(), states_, it);
    return states_.front();
  }
  states_.emplace_front(*program_, binding, constants_, arena_);
  if (states_.size() > plan::Program::max_cached_bindings) states_.pop_back();
  return states_.front();
}

void Replica::run(const std::shared_ptr<const plan::Binding>& binding, std::span<const RuntimeValue> inputs,
                  std::span<RuntimeValue> outputs, const graph::RunServices& services) {
  reserve(binding->arena_bytes);
  state_of(binding).run(inputs, outputs, services);
}

}  // namespace spinel::runtime
