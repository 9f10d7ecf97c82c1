#include "runtime/async_queue.hpp"

#include "runtime/threads.hpp"

namespace spinel::runtime {

AsyncQueue::~AsyncQueue() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void AsyncQueue::push(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (!thread_.joinable()) {
    thread_ = start_thread([this] { work(); });
  }
  jobs_.push_back(std::move(job));
  changed_.notify_all();
}

void AsyncQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

}  // namespace spinel::runtime
