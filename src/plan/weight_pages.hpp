// Weights in huge pages.
#pragma once
#include <spinel/log.hpp>

#include "graph/graph.hpp"

namespace spinel::plan {

/// Moves the graph's large constants into one block of huge pages, which saves the processor address
/// look-ups; they are copied once. `log` tells if the system refuses huge pages. Throws Error(out_of_memory).
void move_weights_to_huge_pages(graph::Graph& graph, const LogCallback& log);

}  // namespace spinel::plan
