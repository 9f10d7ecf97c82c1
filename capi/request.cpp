#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>

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
                               const std::lock_guard lock(progress->mutex);
                               progress->results = std::move(results);
                               progress->failure = std::move(failure);
                               progress->finished = true;
                               progress->changed.notify_all();
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

void spinel_request_cancel(spinel_request* request) {
  if (request != nullptr) request->cancel.cancel();
}

void spinel_request_release(spinel_request* request) {
  if (request == nullptr) return;
  request->cancel.cancel();
  {
    std::unique_lock lock(request->progress->mutex);
    request->progress->wait(lock, -1);
  }
  delete request;
}
