#include "runtime/thread_pool.hpp"

#include <exception>
#include <system_error>

#include "runtime/threads.hpp"

namespace spinel::runtime {

struct ThreadPool::Loop {
  FunctionRef<void(int64_t)> fn;
  int64_t count;
  int64_t next = 0;
  int64_t running = 0;
  std::exception_ptr error;

  bool has_tasks() const { return next < count; }
  bool finished() const { return next >= count && running == 0; }
};

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_ready_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::start_workers() {
  if (!workers_.empty() || worker_count_ == 0) return;
  try {
    for (int i = 0; i < worker_count_; ++i) workers_.push_back(start_thread([this] { work(); }));
  } catch (const std::system_error&) {
    // Fewer threads than asked for: the callers do the work that is left.
  }
}

/// Takes and runs one task of the loop; the lock is held before and after. False if there was none.
bool ThreadPool::run_one(Loop& loop, std::unique_lock<std::mutex>& lock) {
  if (!loop.has_tasks()) return false;
  const int64_t task = loop.next++;
  ++loop.running;
  lock.unlock();
  std::exception_ptr error;
  try {
    loop.fn(task);
  } catch (...) {
    error = std::current_exception();
  }
  lock.lock();
  --loop.running;
  if (error) {
    if (!loop.error) loop.error = error;
    loop.next = loop.count;
  }
  if (loop.finished()) loop_done_.notify_all();
  return true;
}

void ThreadPool::parallel_for(int64_t count, FunctionRef<void(int64_t)> fn) {
  if (count <= 0) return;
  if (count == 1 || worker_count_ == 0) {
    for (int64_t i = 0; i < count; ++i) fn(i);
    return;
  }
  Loop loop{fn, count, 0, 0, nullptr};
  std::unique_lock lock(mutex_);
  start_workers();
  const auto position = loops_.insert(loops_.end(), &loop);
  if (count > 2)
    work_ready_.notify_all();
  else
    work_ready_.notify_one();
  while (run_one(loop, lock)) {
  }
  loops_.erase(position);
  loop_done_.wait(lock, [&] { return loop.finished(); });
  lock.unlock();
  if (loop.error) std::rethrow_exception(loop.error);
}

void ThreadPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    Loop* found = nullptr;
    for (Loop* loop : loops_)
      if (loop->has_tasks()) {
        found = loop;
        break;
      }
    if (found != nullptr) {
      run_one(*found, lock);
      continue;
    }
    if (stopping_) return;
    work_ready_.wait(lock);
  }
}

}  // namespace spinel::runtime
