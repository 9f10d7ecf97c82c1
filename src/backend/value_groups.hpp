// Lists of values that are read out of a run together.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <spinel/inspect.hpp>

namespace spinel::backend {

/// Memory that values which are held at once may take together.
constexpr uint64_t max_group_bytes = uint64_t{256} << 20;

/// The values in order, cut into groups that fit `max_bytes`; a value that alone does not has its own. One
/// whose dims are not known counts as a sixteenth.
std::vector<std::vector<LayerValue>> group_values(std::span<const LayerValue> values,
                                                  uint64_t max_bytes = max_group_bytes);

/// Throws Error(not_found) that names the first of `wanted` that `known` lacks, and one that is alike.
void require_values(std::span<const std::string> wanted, std::span<const std::string> known);

}  // namespace spinel::backend
