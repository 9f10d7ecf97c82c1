#include "backend/onnxruntime/cancel_watch.hpp"

#include <chrono>
#include <system_error>

#include "runtime/threads.hpp"

namespace spinel::backend::ort {
namespace {

constexpr std::chrono::milliseconds between_looks{4};
// Looking goes on for so long after the last run, so that a series of short runs need not wake the thread.
constexpr int idle_looks = 8;

}  // namespace

CancelWatch::~CancelWatch() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

CancelWatch::Run::Run(CancelWatch& watch, const std::atomic<bool>& flag, RunOptions* options)
    : watch_(watch) {
  const std::lock_guard lock(watch_.mutex_);
  place_ = watch_.runs_.emplace(watch_.runs_.end(), &flag, options);
  if (!watch_.thread_.joinable()) {
    try {
      watch_.thread_ = runtime::start_thread([&watch] { watch.work(); });
    } catch (const std::system_error&) {
    }
  } else if (watch_.asleep_) {
    watch_.changed_.notify_one();
  }
}

CancelWatch::Run::~Run() {
  const std::lock_guard lock(watch_.mutex_);
  watch_.runs_.erase(place_);
}

void CancelWatch::work() {
  std::unique_lock lock(mutex_);
  for (int idle = 0; !stopping_;) {
    for (const auto& [flag, options] : runs_)
      // Under the lock the run is still registered, so that its options still exist.
      if (flag->load(std::memory_order_relaxed)) api_.release(api_.raw(set_terminate, options));
    idle = runs_.empty() ? idle + 1 : 0;
    if (idle > idle_looks) {
      asleep_ = true;
      changed_.wait(lock, [&] { return stopping_ || !runs_.empty(); });
      asleep_ = false;
      idle = 0;
    }
    if (!stopping_) changed_.wait_for(lock, between_looks);
  }
}

}  // namespace spinel::backend::ort
