// A compiled graph, ready to be bound to shapes and run.
#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <spinel/limits.hpp>

#include "graph/batch.hpp"
#include "graph/graph.hpp"

namespace spinel::plan {

/// Sizes and places of every value for one set of input dims. Immutable.
struct Binding {
  std::vector<std::optional<Dims>> dims;  ///< By ValueId; empty where only running tells.
  std::vector<int64_t> offsets;           ///< By ValueId, bytes into the arena; -1: not in the arena.
  uint64_t arena_bytes = 0;
};

/// An immutable compiled model: the graph after all passes, the batch analysis and the values' lifetimes.
/// Thread-safe. Binding evaluates symbolic sizes and arena offsets only; nothing is compiled again.
class Program {
 public:
  /// The graph must have gone through the passes. Throws Error.
  Program(graph::Graph graph, Limits limits);

  const graph::Graph& graph() const noexcept { return graph_; }
  const graph::BatchAnalysis& batch() const noexcept { return batch_; }
  const Limits& limits() const noexcept { return limits_; }
  uint64_t weight_bytes() const noexcept { return weight_bytes_; }

  /// Binds the dims of the graph's inputs, in order; a small cache keeps the last ones.
  /// Throws Error naming the input and both sides where dims contradict the model or each other, or a limit.
  std::shared_ptr<const Binding> bind(std::span<const Dims> input_dims) const;

  /// The value whose buffer this one is a view of; itself for a value with its own.
  graph::ValueId storage(graph::ValueId id) const { return storage_[static_cast<size_t>(id)]; }
  /// Values, views included, that nobody reads after this node.
  const std::vector<graph::ValueId>& dying_after(size_t node) const { return dying_after_[node]; }
  /// Values whose buffer cannot be planned under this binding, by name.
  std::vector<std::string> unplanned(const Binding& binding) const;

 private:
  std::shared_ptr<const Binding> make_binding(std::span<const Dims> input_dims) const;
  graph::Bindings bind_symbols(std::span<const Dims> input_dims) const;
  bool plannable(graph::ValueId id) const;
  void find_lifetimes();

  graph::Graph graph_;
  Limits limits_;
  graph::BatchAnalysis batch_;
  uint64_t weight_bytes_ = 0;
  std::vector<graph::ValueId> storage_;
  std::vector<int> first_use_;  ///< By storage value: the node that writes it; -1 for inputs and constants.
  std::vector<int> last_use_;   ///< By storage value: the last node that reads it or a view of it.
  std::vector<bool>
      escapes_;  ///< By storage value: may be held by a sequence or subgraph, so it owns its memory.
  std::vector<std::vector<graph::ValueId>> dying_after_;

  static constexpr size_t max_cached_bindings = 16;
  mutable std::mutex mutex_;
  mutable std::list<std::pair<std::vector<Dims>, std::shared_ptr<const Binding>>> cache_;
};

/// A buffer's size and lifetime, both ends included.
struct BufferRequest {
  uint64_t bytes;
  int first;
  int last;
};

/// Places every buffer so that no two that live at once overlap; returns the offsets, multiples of 64, and
/// the total. Largest first, each at the lowest place that is free ("greedy by size", Pisarchyk and Lee 2020,
/// arXiv:2001.03288).
std::vector<uint64_t> place_buffers(std::span<const BufferRequest> requests, uint64_t& total_bytes);

}  // namespace spinel::plan
