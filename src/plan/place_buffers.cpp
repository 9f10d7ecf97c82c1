#include <algorithm>
#include <numeric>

#include "plan/program.hpp"

namespace spinel::plan {

std::vector<uint64_t> place_buffers(std::span<const BufferRequest> requests, uint64_t& total_bytes) {
  constexpr uint64_t alignment = 64;
  auto rounded = [](uint64_t bytes) {
    return (std::max<uint64_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  };
  std::vector<size_t> by_size(requests.size());
  std::iota(by_size.begin(), by_size.end(), size_t{0});
  std::ranges::stable_sort(by_size,
                           [&](size_t a, size_t b) { return requests[a].bytes > requests[b].bytes; });

  std::vector<uint64_t> offsets(requests.size(), 0);
  std::vector<size_t> placed;  // sorted by offset
  total_bytes = 0;
  for (size_t index : by_size) {
    const BufferRequest& request = requests[index];
    uint64_t offset = 0;
    for (size_t other : placed) {
      const BufferRequest& neighbour = requests[other];
      if (neighbour.last < request.first || neighbour.first > request.last) continue;
      if (offsets[other] >= offset + rounded(request.bytes)) break;
      offset = std::max(offset, offsets[other] + rounded(neighbour.bytes));
    }
    offsets[index] = offset;
    total_bytes = std::max(total_bytes, offset + rounded(request.bytes));
    placed.insert(std::ranges::upper_bound(placed, offset, {}, [&](size_t i) { return offsets[i]; }), index);
  }
  return offsets;
}

}  // namespace spinel::plan
