// Threads that help the caller with parallel loops, and sleep otherwise.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function_ref.hpp"

namespace spinel::runtime {

/// A pool whose only primitive is parallel_for. Threads start at the first loop and sleep while there is no
/// work; during a run (see Awake) they first wait for it awake, for a while.
///
/// Loops may nest and run from several threads at once; the caller always takes part, so that a loop finishes
/// even if every worker is busy. Idle workers join whatever loop still has tasks, the layers of a
/// neighbouring SPA included; a caller whose own tasks are all taken joins the loops inside them. A loop
/// allocates nothing and, where everybody is awake, makes no system call.
class ThreadPool {
 public:
  /// `workers` besides the caller; 0 runs everything on the caller. A thread waits awake for `spin_us`
  /// microseconds at most.
  explicit ThreadPool(int workers, int spin_us = 50);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  /// Joins the workers. Must not run in a child of fork(), where they do not exist.
  ~ThreadPool();

  /// Runs fn(0) ... fn(count - 1), each once, in any order, and returns when all are done. If tasks throw,
  /// the first exception is rethrown here, after the others have finished; tasks not yet begun are then
  /// skipped.
  void parallel_for(int64_t count, FunctionRef<void(int64_t)> fn);
  /// Threads that may work on one loop at once.
  int concurrency() const noexcept { return worker_count_ + 1; }

  /// While one exists, a run is under way and workers may spin between its loops.
  class Awake {
   public:
    explicit Awake(ThreadPool& pool) : pool_(pool) { pool_.runs_.fetch_add(1); }
    Awake(const Awake&) = delete;
    Awake& operator=(const Awake&) = delete;
    ~Awake() { pool_.runs_.fetch_sub(1); }

   private:
    ThreadPool& pool_;
  };

 private:
  struct Slot;
  struct Slots;
  static constexpr int slot_count = 64;

  void start_workers();
  void work();
  void run_tasks(int index);
  bool visit(int index, uint64_t inside);
  bool visit_any(uint64_t inside);
  bool can_visit(uint64_t inside) const;
  void wake_helpers(int64_t count);
  void wait_for_visitors(int index);
  int take_slot();
  Slot& slot_at(int index) const;

  const int worker_count_;
  const int spin_us_;
  const std::unique_ptr<Slots> slots_;
  alignas(64) std::atomic<uint64_t> open_{0};  ///< Slots whose loop has tasks left, a bit each.
  alignas(64) std::atomic<uint64_t> used_{0};  ///< Slots that a loop has.
  std::atomic<int> runs_{0};
  std::atomic<int> sleepers_{0};
  std::atomic<bool> started_{false};
  std::mutex mutex_;
  std::condition_variable changed_;  ///< A loop opened, a sleeping caller's last visitor left, or the end.
  int sleeping_callers_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace spinel::runtime
