#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "engine_handle.hpp"
#include "run.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace {

/// Shared with the engine's thread, which may still be leaving it when the request is released.
struct Progress {
  std::mutex mutex;
  std::condition_variable changed;
  bool finished = false;
  bool delivered = false;
  std::vector<Tensor> results;
  std::exception_ptr failure;
  spinel_finished_callback callback = nullptr;
  void* user = nullptr;
  bool in_callback = false;
  std::thread::id callback_thread;

  /// The engine's part: the results are there.
  void finish(std::vector<Tensor> its_results, std::exception_ptr its_failure) {
    std::unique_lock lock(mutex);
    results = std::move(its_results);
    failure = std::move(its_failure);
    finished = true;
    changed.notify_all();
    if (callback != nullptr) call_back(lock);
  }

  void call_back(std::unique_lock<std::mutex>& lock) {
    in_callback = true;
    callback_thread = std::this_thread::get_id();
    lock.unlock();
    callback(user);
    lock.lock();
    in_callback = false;
    changed.notify_all();
  }

  /// Until the run and its callback are over; a callback may release its own request.
  void wait_until_idle() {
    std::unique_lock lock(mutex);
    changed.wait(
        lock, [this] { return finished && (!in_callback || callback_thread == std::this_thread::get_id()); });
  }

  bool wait(std::unique_lock<std::mutex>& lock, int64_t timeout_ms) {
    const auto done = [this] { return finished; };
    // Longer waits would overflow the clock; they are for ever.
    constexpr int64_t longest_ms = int64_t{1000} * 3600 * 24 * 365;
    if (timeout_ms >= 0 && timeout_ms <= longest_ms)
      return changed.wait_for(lock, std::chrono::milliseconds(timeout_ms), done);
    changed.wait(lock, done);
    return true;
  }
};

}  // namespace

struct spinel_request {
  StructArray<spinel_tensor> targets;
  CancelToken cancel;
  std::shared_ptr<Progress> progress;
};

int32_t spinel_engine_run_async(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                                spinel_tensor* outputs, size_t output_count, spinel_request** request,
                                spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require(request, "request");
    RunBuffers buffers = read_buffers(inputs, input_count, outputs, output_count);
    auto progress = std::make_shared<Progress>();
    auto made = std::make_unique<spinel_request>(spinel_request{buffers.targets, {}, progress});
    engine->engine.run_async(std::move(buffers.inputs), std::move(buffers.outputs), made->cancel,
                             [progress](std::vector<Tensor> results, std::exception_ptr failure) {
                               progress->finish(std::move(results), std::move(failure));
                             });
    *request = made.release();
  });
}

int32_t spinel_request_wait(spinel_request* request, int64_t timeout_ms, int32_t* finished,
                            spinel_error** error) {
  return guard(__func__, error, [&] {
    require(request, "request");
    if (timeout_ms < -1) misuse("timeout_ms is {}; it must be at least -1, which means for ever", timeout_ms);
    if (finished == nullptr && timeout_ms != -1)
      misuse("finished is NULL, but without it a wait of {} ms cannot say whether it is over", timeout_ms);
    Progress& progress = *request->progress;
    std::unique_lock lock(progress.mutex);
    const bool done = progress.wait(lock, timeout_ms);
    if (finished != nullptr) *finished = done ? 1 : 0;
    if (!done) return;
    if (progress.failure) std::rethrow_exception(progress.failure);
    if (progress.delivered) return;
    deliver(request->targets, progress.results);
    progress.results.clear();
    progress.delivered = true;
  });
}

int32_t spinel_request_on_finished(spinel_request* request, spinel_finished_callback callback, void* user,
                                   spinel_error** error) {
  return guard(__func__, error, [&] {
    require(request, "request");
    if (callback == nullptr) misuse("callback is NULL");
    // The callback may release the request.
    const std::shared_ptr<Progress> progress = request->progress;
    std::unique_lock lock(progress->mutex);
    if (progress->callback != nullptr) misuse("the request has a callback already");
    progress->callback = callback;
    progress->user = user;
    if (progress->finished) progress->call_back(lock);
  });
}

void spinel_request_cancel(spinel_request* request) {
  if (request != nullptr) request->cancel.cancel();
}

void spinel_request_release(spinel_request* request) {
  if (request == nullptr) return;
  request->cancel.cancel();
  request->progress->wait_until_idle();
  delete request;
}
