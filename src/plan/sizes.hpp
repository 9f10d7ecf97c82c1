// The dims of every value as expressions that occur once each, so that binding evaluates few of them.
#pragma once
#include <span>
#include <vector>

#include "graph/graph.hpp"

namespace spinel::plan {

/// Shapes of a graph's values in one flat array. Immutable.
class SizeTable {
 public:
  explicit SizeTable(const graph::Graph& graph);

  /// Stands for a size that only running tells.
  static constexpr int64_t unknown = -1;

  /// All dims under these bindings. Throws Error if a size is negative or does not fit into 64 bits.
  std::vector<int64_t> evaluate(const graph::Graph& graph, const graph::Bindings& symbols) const;
  /// Whether the value is a tensor whose rank is known.
  bool has_rank(graph::ValueId id) const { return begin_[static_cast<size_t>(id)] >= 0; }
  /// The value's part of what evaluate() returned; has_rank() must hold.
  std::span<const int64_t> dims(std::span<const int64_t> sizes, graph::ValueId id) const {
    const auto i = static_cast<size_t>(id);
    return sizes.subspan(static_cast<size_t>(begin_[i]), static_cast<size_t>(rank_[i]));
  }

 private:
  [[noreturn]] void fail_negative(const graph::Graph& graph, size_t entry) const;

  std::vector<graph::Dim> expressions_;  ///< Each different one once.
  std::vector<int> expression_of_;       ///< By place in the flat array.
  std::vector<int> begin_;               ///< By ValueId; -1: no known rank.
  std::vector<int> rank_;
};

}  // namespace spinel::plan
