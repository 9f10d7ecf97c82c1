#include "backend/value_groups.hpp"

#include <algorithm>
#include <set>
#include <string_view>

#include "base/text.hpp"

namespace spinel::backend {
namespace {

uint64_t bytes_of(const LayerValue& value, uint64_t max_bytes) {
  const bool known = value.has_rank && std::ranges::none_of(value.dims, [](int64_t dim) { return dim < 0; });
  return known ? tensor_bytes(value.dtype, value.dims) : max_bytes / 16;
}

size_t common_prefix(std::string_view a, std::string_view b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

}  // namespace

std::vector<std::vector<LayerValue>> group_values(std::span<const LayerValue> values, uint64_t max_bytes) {
  std::vector<std::vector<LayerValue>> groups;
  uint64_t used = 0;
  for (const LayerValue& value : values) {
    const uint64_t bytes = bytes_of(value, max_bytes);
    if (groups.empty() || bytes > max_bytes - std::min(used, max_bytes)) {
      groups.emplace_back();
      used = 0;
    }
    used += bytes;
    groups.back().push_back(value);
  }
  return groups;
}

void require_values(std::span<const std::string> wanted, std::span<const std::string> known) {
  const std::set<std::string_view> names(known.begin(), known.end());
  for (const std::string& name : wanted) {
    if (names.contains(name)) continue;
    if (known.empty()) fail(ErrorCode::not_found, "the model has no value '{}' between its layers", name);
    const auto like = std::ranges::max_element(
        known, {}, [&](const std::string& each) { return common_prefix(each, name); });
    fail(ErrorCode::not_found,
         "no layer of the compiled model gives the value '{}': it is none of the file's, or lies inside a "
         "merged layer; there are {} others, such as '{}'",
         name, known.size(), *like);
  }
}

}  // namespace spinel::backend
