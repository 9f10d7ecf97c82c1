#include <algorithm>

#include "plan/program.hpp"

namespace spinel::plan {
namespace {

/// Lists of requests by step, as chains in one array.
class ByStep {
 public:
  explicit ByStep(size_t steps) : head_(steps, -1) {}
  void add(int step, size_t request) {
    links_.push_back({request, head_[static_cast<size_t>(step)]});
    head_[static_cast<size_t>(step)] = static_cast<int>(links_.size()) - 1;
  }
  template <class Fn>
  void for_each(int step, Fn&& fn) const {
    for (int at = head_[static_cast<size_t>(step)]; at >= 0; at = links_[static_cast<size_t>(at)].next)
      fn(links_[static_cast<size_t>(at)].request);
  }

 private:
  struct Link {
    size_t request;
    int next;
  };
  std::vector<int> head_;
  std::vector<Link> links_;
};

}  // namespace

std::vector<uint64_t> place_buffers(std::span<const BufferRequest> requests, uint64_t& total_bytes) {
  constexpr uint64_t alignment = 64;
  struct Block {
    uint64_t begin;
    uint64_t end;
  };
  struct Ordered {
    uint64_t blocks;
    size_t request;
  };
  int steps = 0;
  std::vector<Ordered> by_size;
  by_size.reserve(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    steps = std::max(steps, requests[i].last + 1);
    by_size.push_back({std::max<uint64_t>((requests[i].bytes + alignment - 1) / alignment, 1), i});
  }
  std::ranges::sort(by_size, [](const Ordered& a, const Ordered& b) {
    return a.blocks != b.blocks ? a.blocks > b.blocks : a.request < b.request;
  });

  // A placed request that overlaps in time with another is alive when that begins, or begins later in its
  // life.
  ByStep alive(static_cast<size_t>(steps));
  ByStep beginning(static_cast<size_t>(steps));
  std::vector<uint64_t> offsets(requests.size(), 0);
  std::vector<Block> neighbours;
  total_bytes = 0;
  for (const auto& [blocks, index] : by_size) {
    const BufferRequest& request = requests[index];
    neighbours.clear();
    auto collect = [&](size_t other) {
      const uint64_t bytes =
          std::max<uint64_t>((requests[other].bytes + alignment - 1) / alignment, 1) * alignment;
      neighbours.push_back({offsets[other], offsets[other] + bytes});
    };
    alive.for_each(request.first, collect);
    for (int step = request.first + 1; step <= request.last; ++step) beginning.for_each(step, collect);
    std::ranges::sort(neighbours, {}, &Block::begin);
    const uint64_t bytes = blocks * alignment;
    uint64_t offset = 0;
    for (const Block& neighbour : neighbours) {
      if (neighbour.begin >= offset + bytes) break;
      offset = std::max(offset, neighbour.end);
    }
    offsets[index] = offset;
    total_bytes = std::max(total_bytes, offset + bytes);
    beginning.add(request.first, index);
    for (int step = request.first; step <= request.last; ++step) alive.add(step, index);
  }
  return offsets;
}

}  // namespace spinel::plan
