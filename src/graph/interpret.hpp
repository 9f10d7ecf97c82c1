// Running nodes one after another, every value allocated: constant folding and subgraphs use it.
#pragma once
#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "graph/graph.hpp"

namespace spinel::graph {

/// What running needs from outside. Default: the calling thread, no cancelling, no limit.
struct RunServices {
  /// Runs fn(0) ... fn(count - 1), at most `concurrency` at once.
  std::function<void(int64_t count, FunctionRef<void(int64_t task)> fn)> parallel_for;
  int concurrency = 1;
  const std::atomic<bool>* cancelled = nullptr;
  uint64_t max_tensor_bytes = 0;
  /// Told of every node of the main graph that ran: begin and end in nanoseconds of steady_clock.
  std::function<void(const Node& node, int64_t begin_ns, int64_t end_ns)> observe;
  /// Called after every node of the main graph with its outputs (nullptr: not wanted), which it may change.
  /// They stand until it returns.
  std::function<void(const Node& node, std::span<RuntimeValue* const> outputs)> inspect;
};

/// Runs one node on the values of its graph (indexed by ValueId) and stores its outputs there.
/// Throws Error with the node's name.
void run_node(const Graph& graph, const Node& node, std::vector<RuntimeValue>& values,
              const RunServices& services);

/// Runs a node's operator in a context that somebody else made. Throws Error with the node's name.
void run_op(const Node& node, RunContext& context);

/// Runs a sorted graph. `captured` are the values of graph.captures, in order.
std::vector<RuntimeValue> interpret(const Graph& graph, std::vector<RuntimeValue> inputs,
                                    const std::vector<RuntimeValue>& captured, const RunServices& services);

}  // namespace spinel::graph
