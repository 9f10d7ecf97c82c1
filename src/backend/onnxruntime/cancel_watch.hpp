// Carrying a cancel flag over to runs that are inside ONNX Runtime.
#pragma once
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include "backend/onnxruntime/environment.hpp"

namespace spinel::backend::ort {

/// A flag that another thread sets tells nobody, and ONNX Runtime must be told by a call, so a thread looks
/// at the flags of the runs under way every few milliseconds. It starts with the first such run and sleeps
/// while there is none. Thread-safe.
class CancelWatch {
 public:
  explicit CancelWatch(Api api) : api_(api) {}
  CancelWatch(const CancelWatch&) = delete;
  CancelWatch& operator=(const CancelWatch&) = delete;
  /// No run may be under way.
  ~CancelWatch();

  /// Watches one run while it lives. Without a thread to be had the run merely cannot be cut short.
  class Run {
   public:
    Run(CancelWatch& watch, const std::atomic<bool>& flag, RunOptions* options);
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    ~Run();

   private:
    CancelWatch& watch_;
    std::list<std::pair<const std::atomic<bool>*, RunOptions*>>::iterator place_;
  };

 private:
  void work();

  Api api_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::list<std::pair<const std::atomic<bool>*, RunOptions*>> runs_;
  std::thread thread_;
  bool asleep_ = false;
  bool stopping_ = false;
};

}  // namespace spinel::backend::ort
