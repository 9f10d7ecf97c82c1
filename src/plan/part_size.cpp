#include "plan/part_size.hpp"

#include <limits>

namespace spinel::plan {
namespace {

/// Activations of this size stay in the caches between two layers: the second-level cache of a core and a
/// share of the third. (ResNet-50 on 2 cores with 1 MiB and 32 MiB: 61 images/s in parts of 1 sample, 57 in
/// parts of 4 or 8.)
constexpr double cache_bytes = 8 << 20;
/// A byte of activations that has left the cache costs as much as these of weights, which are fetched ahead.
constexpr double activation_weight = 3;
constexpr int64_t largest_part = 16;

double activation_bytes(const Program& program, const Binding& binding) {
  const graph::Graph& graph = program.graph();
  double bytes = 0;
  for (graph::ValueId id = 0; id < static_cast<graph::ValueId>(graph.values.size()); ++id) {
    const graph::Value& value = graph.value(id);
    if (value.is_constant() || value.producer == graph::no_node || !value.type.is_tensor()) continue;
    if (const auto dims = program.known_dims(binding, id))
      bytes += static_cast<double>(tensor_bytes(value.type.dtype, *dims));
  }
  return 2 * bytes;  // Written and read.
}

}  // namespace

int64_t best_part_samples(const Program& program, int64_t most,
                          const std::function<std::vector<Dims>(int64_t samples)>& dims_of) {
  int64_t best = 1;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t samples = 1; samples <= std::min(most, largest_part); samples *= 2) {
    const auto binding = program.bind(dims_of(samples));
    double bytes = static_cast<double>(program.weight_bytes());
    if (static_cast<double>(binding->arena_bytes - binding->scratch_bytes) > cache_bytes)
      bytes += activation_weight * activation_bytes(program, *binding);
    bytes /= static_cast<double>(samples);
    if (bytes >= least) continue;
    least = bytes;
    best = samples;
  }
  return best;
}

}  // namespace spinel::plan
