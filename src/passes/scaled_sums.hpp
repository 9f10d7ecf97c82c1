// What quantisers put behind an integer product: Cast to float32, and Mul by the operands' scales.
#pragma once
#include "passes/match.hpp"

namespace spinel::passes {

/// The nodes behind a product, and what its sums are multiplied with: factor * scales, of which either may be
/// missing (no_value: 1). The factor has one element, the scales one or one a column.
struct ScaledSums {
  graph::NodeId cast = graph::no_node;
  graph::NodeId multiply = graph::no_node;
  graph::ValueId y = graph::no_value;  ///< Float32, of the sums' dims.
  graph::ValueId factor = graph::no_value;
  graph::ValueId scales = graph::no_value;
};

/// Those behind node `n`, if nothing else reads what is between. Columns lie along the sums' axis
/// `axis_from_end`, 1 being the last.
std::optional<ScaledSums> scaled_sums(const Matcher& matcher, graph::NodeId n, size_t axis_from_end);

}  // namespace spinel::passes
