// Sharing out the tasks of a loop.
#pragma once
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace spinel {

/// Tasks 0 ... count - 1 in contiguous slices, one for each participant. Who takes tasks begins with its own
/// slice and goes on with what is left of the others: neighbouring tasks, and the same tasks of the next
/// loop, stay on one core, whose caches hold their data, and nobody waits while there is work.
class TaskSlices {
 public:
  static constexpr int max_slices = 16;

  /// For as many participants; more than max_slices share slices. Nobody may be taking tasks.
  void reset(int64_t count, int64_t participants) {
    slices_ = static_cast<int>(std::clamp<int64_t>(std::min(participants, count), 1, max_slices));
    for (int i = 0; i < slices_; ++i) {
      slice_[static_cast<size_t>(i)].next.store(count * i / slices_, std::memory_order_relaxed);
      slice_[static_cast<size_t>(i)].end = count * (i + 1) / slices_;
    }
  }

  /// A task that nobody has taken, or -1.
  int64_t take(int64_t participant) {
    const int first = static_cast<int>(participant % slices_);
    for (int i = 0; i < slices_; ++i) {
      Slice& slice = slice_[static_cast<size_t>((first + i) % slices_)];
      if (slice.next.load(std::memory_order_relaxed) >= slice.end) continue;
      const int64_t task = slice.next.fetch_add(1, std::memory_order_relaxed);
      if (task < slice.end) return task;
    }
    return -1;
  }

  /// Leaves out every task that nobody has taken.
  void drop_rest() {
    for (int i = 0; i < slices_; ++i)
      slice_[static_cast<size_t>(i)].next.store(slice_[static_cast<size_t>(i)].end,
                                                std::memory_order_relaxed);
  }

 private:
  struct alignas(64) Slice {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  std::array<Slice, max_slices> slice_;
  int slices_ = 1;
};

}  // namespace spinel
