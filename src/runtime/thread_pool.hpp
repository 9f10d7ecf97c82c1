// Threads that help the caller with parallel loops, and sleep otherwise.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "base/function_ref.hpp"

namespace spinel::runtime {

/// A pool whose only primitive is parallel_for. Threads start at the first loop and sleep while there is no
/// work.
///
/// Loops may nest and run from several threads at once; the caller always takes part, so that a loop finishes
/// even if every worker is busy. Idle workers join whatever loop still has tasks, the layers of a
/// neighbouring SPA included.
class ThreadPool {
 public:
  /// `workers` besides the caller; 0 runs everything on the caller.
  explicit ThreadPool(int workers) : worker_count_(workers) {}
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

 private:
  struct Loop;
  void start_workers();
  void work();
  bool run_one(Loop& loop, std::unique_lock<std::mutex>& lock);

  const int worker_count_;
  std::mutex mutex_;
  std::condition_variable work_ready_;
  std::condition_variable loop_done_;
  std::list<Loop*> loops_;
  std::vector<std::thread> workers_;
  bool stopping_ = false;
};

}  // namespace spinel::runtime
