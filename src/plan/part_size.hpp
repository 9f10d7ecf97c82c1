// How many samples to run at once.
#pragma once
#include <functional>

#include "plan/program.hpp"

namespace spinel::plan {

/// The samples, at most `most`, of a part that moves the fewest bytes per sample through the caches: many
/// samples share each pass over the weights, few keep the activations of a layer in the cache until the next
/// reads them. `dims_of(samples)` gives the inputs' dims for a part. The choice never changes a result.
int64_t best_part_samples(const Program& program, int64_t most,
                          const std::function<std::vector<Dims>(int64_t samples)>& dims_of);

}  // namespace spinel::plan
