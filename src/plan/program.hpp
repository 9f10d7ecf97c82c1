// A compiled graph, ready to be bound to shapes and run.
#pragma once
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <spinel/limits.hpp>

#include "graph/batch.hpp"
#include "graph/graph.hpp"
#include "plan/sizes.hpp"
#include "plan/storage.hpp"

namespace spinel::plan {

/// Where a value's elements lie.
struct Place {
  enum class Base : int8_t {
    none,    ///< Only running tells.
    arena,   ///< In the SPA's activation memory.
    input,   ///< In the buffer of a graph input.
    output,  ///< In the buffer of a graph output.
  };
  Base base = Base::none;
  int index = 0;        ///< Of the graph input or output.
  uint64_t offset = 0;  ///< In bytes.
};

/// A node's scratch memory in the arena.
struct ScratchPlace {
  bool bound = false;  ///< False: a size is missing, so that the node's scratch is allocated when it runs.
  uint64_t shared_offset = 0;
  uint64_t thread_offset = 0;  ///< The first of Program::concurrency() blocks.
  uint64_t thread_stride = 0;
};

/// Sizes and places of every value for one set of input dims. Immutable.
struct Binding {
  std::vector<int64_t> sizes;         ///< See SizeTable.
  std::vector<bool> sized;            ///< By ValueId: a tensor whose dims are all known.
  std::vector<Place> places;          ///< By ValueId.
  std::vector<ScratchPlace> scratch;  ///< By node.
  uint64_t arena_bytes = 0;           ///< Activations and scratch.
  uint64_t scratch_bytes = 0;         ///< The most that one node has.
};

struct ProgramOptions {
  Limits limits;
  /// Threads that may work on one SPA's part at once: blocks of scratch memory per node.
  int concurrency = 1;
  std::vector<Alias> aliases;
};

/// An immutable compiled model: the graph after all passes, the batch analysis and the values' lifetimes.
/// Thread-safe. Binding evaluates symbolic sizes and arena offsets only; nothing is compiled again.
class Program {
 public:
  /// The graph must have gone through the passes. Throws Error.
  explicit Program(graph::Graph graph, ProgramOptions options = {});

  const graph::Graph& graph() const noexcept { return graph_; }
  const graph::BatchAnalysis& batch() const noexcept { return batch_; }
  const Limits& limits() const noexcept { return options_.limits; }
  int concurrency() const noexcept { return options_.concurrency; }
  bool has_aliases() const noexcept { return !options_.aliases.empty(); }
  uint64_t weight_bytes() const noexcept { return weight_bytes_; }

  /// Binds the dims of the graph's inputs, in order; a small cache keeps the last ones, and finding one there
  /// allocates nothing.
  /// Throws Error naming the input and both sides where dims contradict the model or each other, or a limit.
  std::shared_ptr<const Binding> bind(std::span<const Dims> input_dims) const;
  /// The dims of these values; what is no tensor has none to bind.
  std::shared_ptr<const Binding> bind(std::span<const graph::RuntimeValue> inputs) const;
  /// Bindings that the cache keeps.
  static constexpr size_t max_cached_bindings = 16;

  /// A value's dims; binding.sized must hold.
  std::span<const int64_t> dims(const Binding& binding, graph::ValueId id) const {
    return sizes_.dims(binding.sizes, id);
  }
  std::optional<Dims> known_dims(const Binding& binding, graph::ValueId id) const;
  const Storage& storage() const noexcept { return storage_; }
  /// Values, views included, that nobody reads after this node.
  std::span<const graph::ValueId> dying_after(size_t node) const { return dying_after_[node]; }
  /// Values whose buffer cannot be planned under this binding, by name.
  std::vector<std::string> unplanned(const Binding& binding) const;

 private:
  using DimsOf = FunctionRef<const Dims&(size_t input)>;
  std::shared_ptr<const Binding> bind(size_t count, DimsOf dims_of) const;
  graph::Bindings bind_symbols(size_t count, DimsOf dims_of) const;

  graph::Graph graph_;
  ProgramOptions options_;
  graph::BatchAnalysis batch_;
  uint64_t weight_bytes_ = 0;
  SizeTable sizes_;
  Storage storage_;
  std::vector<std::vector<graph::ValueId>> dying_after_;

  struct Cached {
    std::vector<Dims> key;
    std::shared_ptr<const Binding> binding;
  };
  mutable std::mutex mutex_;
  mutable std::list<Cached> cache_;  ///< The last used first.
};

/// Evaluates sizes and places buffers and scratch. Throws Error at a limit.
std::shared_ptr<const Binding> make_binding(const Program& program, const SizeTable& table,
                                            const graph::Bindings& symbols);

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
