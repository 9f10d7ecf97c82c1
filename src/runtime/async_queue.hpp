// One thread that runs queued jobs in order.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace spinel::runtime {

/// Jobs run one after another on a thread that starts with the first and sleeps while there is none.
class AsyncQueue {
 public:
  AsyncQueue() = default;
  AsyncQueue(const AsyncQueue&) = delete;
  AsyncQueue& operator=(const AsyncQueue&) = delete;
  /// Finishes the queued jobs and joins the thread. In a child of fork(), where it does not exist, it is
  /// forgotten.
  ~AsyncQueue();

  /// The job must not throw.
  void push(std::function<void()> job);

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::thread thread_;
  bool stopping_ = false;
};

}  // namespace spinel::runtime
