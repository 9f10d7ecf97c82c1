#include <algorithm>
#include <chrono>

#include "api/engine_impl.hpp"
#include "api/fit_inputs.hpp"
#include "api/host_loop.hpp"
#include "base/allocate.hpp"
#include "base/text.hpp"

namespace spinel {

namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

InferEngine::Impl::ActiveRun::ActiveRun(Impl& impl) : impl_(impl) {
  const std::lock_guard lock(impl_.mutex);
  if (impl_.released) fail(ErrorCode::released, "the engine was released");
  ++impl_.active_runs;
}

InferEngine::Impl::ActiveRun::~ActiveRun() {
  // Notified under the lock: once it is released, the engine may be gone.
  const std::lock_guard lock(impl_.mutex);
  --impl_.active_runs;
  impl_.idle.notify_all();
}

/// What one of the concurrent runs works with, kept for later ones.
class InferEngine::Impl::BatchRunLease {
 public:
  explicit BatchRunLease(Impl& impl) : impl_(impl) {
    const std::lock_guard lock(impl_.mutex);
    if (impl_.batch_runs.empty()) {
      run_ = std::make_unique<api::BatchRun>(
          api::RunResources{*impl_.model, impl_.options, *impl_.replicas, *impl_.threads, impl_.spas});
      // Giving it back must not need memory.
      impl_.batch_runs.reserve(++impl_.batch_run_count);
    } else {
      run_ = std::move(impl_.batch_runs.back());
      impl_.batch_runs.pop_back();
    }
  }
  BatchRunLease(const BatchRunLease&) = delete;
  BatchRunLease& operator=(const BatchRunLease&) = delete;
  ~BatchRunLease() {
    const std::lock_guard lock(impl_.mutex);
    impl_.batch_runs.push_back(std::move(run_));
  }
  api::BatchRun* operator->() const { return run_.get(); }

 private:
  Impl& impl_;
  std::unique_ptr<api::BatchRun> run_;
};

void InferEngine::Impl::require_input_count(size_t given) const {
  if (given != inputs.size())
    fail(ErrorCode::invalid_argument, "the model takes {} input{}, {} were given", inputs.size(),
         inputs.size() == 1 ? "" : "s", given);
}

void InferEngine::Impl::run(std::span<const Tensor> given, std::span<Tensor> results,
                            const CancelToken* cancel) {
  require_input_count(given.size());
  if (results.size() != outputs.size())
    fail(ErrorCode::invalid_argument, "the model has {} output{}, {} were asked for", outputs.size(),
         outputs.size() == 1 ? "" : "s", results.size());
  api::require_tensors_alone(*model);
  const AllocatorScope memory(options.allocator);
  const auto start = std::chrono::steady_clock::now();
  BatchRunLease(*this)->run(given, order, results, cancel);
  last_run_seconds.store(seconds_since(start));
}

std::vector<Value> InferEngine::Impl::run_values(std::span<const Value> given, const CancelToken* cancel) {
  require_input_count(given.size());
  std::vector<Value> results(outputs.size());
  if (api::has_tensors_alone(*model)) {
    std::vector<Tensor> tensors;
    for (size_t i = 0; i < given.size(); ++i) {
      api::check_kind(inputs[i], given[i]);
      tensors.push_back(given[i].tensor());
    }
    std::vector<Tensor> made(outputs.size());
    run(tensors, made, cancel);
    std::ranges::move(made, results.begin());
    return results;
  }
  const AllocatorScope memory(options.allocator);
  const auto start = std::chrono::steady_clock::now();
  std::vector<Value> ordered(given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    api::check_value(inputs[i], given[i]);
    ordered[order[i]] = given[i];
  }
  const runtime::ThreadPool::Awake awake(*threads);
  replicas->lease()->run(ordered, results, services(cancel));
  for (Value& result : results) result = api::owned(std::move(result));
  last_run_seconds.store(seconds_since(start));
  return results;
}

graph::RunServices InferEngine::Impl::services(const CancelToken* cancel) {
  graph::RunServices out;
  out.cancelled = cancel ? cancel->flag() : nullptr;
  out.max_tensor_bytes = options.limits.max_tensor_bytes;
  out.concurrency = spas * options.threads_per_spa;
  out.parallel_for = [this](int64_t count, FunctionRef<void(int64_t)> fn) {
    api::run_loop(options, *threads, count, fn);
  };
  return out;
}

/// A child of fork() has neither the threads nor the runs of its parent, and the locks and condition
/// variables may be in use there: nothing of them can be waited for or destroyed. They are put aside, still
/// reachable for leak checkers.
void InferEngine::Impl::abandon() {
  struct Abandoned {
    std::unique_ptr<runtime::AsyncQueue> queue;
    std::vector<std::unique_ptr<api::BatchRun>> batch_runs;
    std::unique_ptr<runtime::ThreadPool> threads;
    std::unique_ptr<runtime::LeasePool<backend::Replica>> replicas;
    std::unique_ptr<backend::Model> model;
    Abandoned* previous;
  };
  static std::atomic<Abandoned*> last{nullptr};
  auto* kept = new Abandoned{std::move(queue),    std::move(batch_runs), std::move(threads),
                             std::move(replicas), std::move(model),      last.load()};
  while (!last.compare_exchange_weak(kept->previous, kept)) {
  }
}

void InferEngine::Impl::release() {
  if (creator_process != getpid()) {
    released = true;
    abandon();
    return;
  }
  {
    std::unique_lock lock(mutex);
    released = true;
    idle.wait(lock, [&] { return active_runs == 0; });
  }
  queue.reset();
  batch_runs.clear();
  threads.reset();
  replicas.reset();
  model.reset();
}

InferEngine::InferEngine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
InferEngine::InferEngine(InferEngine&&) noexcept = default;
InferEngine& InferEngine::operator=(InferEngine&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->release();
    impl_ = std::move(other.impl_);
  }
  return *this;
}
InferEngine::~InferEngine() {
  if (impl_) impl_->release();
}

const std::vector<TensorInfo>& InferEngine::inputs() const { return impl_->inputs; }
const std::vector<TensorInfo>& InferEngine::outputs() const { return impl_->outputs; }

void InferEngine::run_into(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                           const CancelToken* cancel) const {
  const Impl::ActiveRun active(*impl_);
  impl_->run(inputs, outputs, cancel);
}

std::vector<Tensor> InferEngine::run(std::span<const Tensor> inputs, const CancelToken* cancel) const {
  std::vector<Tensor> results(impl_->outputs.size());
  run_into(inputs, results, cancel);
  return results;
}

std::vector<Value> InferEngine::run_values(std::span<const Value> inputs, const CancelToken* cancel) const {
  const Impl::ActiveRun active(*impl_);
  return impl_->run_values(inputs, cancel);
}

std::vector<Tensor> InferEngine::run(std::initializer_list<Tensor> inputs) const {
  return run(std::span<const Tensor>(inputs.begin(), inputs.size()));
}

std::vector<Tensor> InferEngine::run(const std::map<std::string, Tensor>& inputs,
                                     const CancelToken* cancel) const {
  std::vector<Tensor> ordered;
  for (const TensorInfo& info : impl_->inputs) {
    const auto found = inputs.find(info.name);
    if (found == inputs.end())
      fail(ErrorCode::not_found, "input '{}' ({}) was not given", info.name, describe(info));
    ordered.push_back(found->second);
  }
  for (const auto& [name, tensor] : inputs)
    if (std::ranges::find(impl_->inputs, name, &TensorInfo::name) == impl_->inputs.end())
      fail(ErrorCode::not_found, "'{}' is no input of the model", name);
  return run(std::span<const Tensor>(ordered), cancel);
}

void InferEngine::run_async(std::vector<Tensor> inputs, std::vector<Tensor> outputs, CancelToken cancel,
                            std::function<void(std::vector<Tensor>, std::exception_ptr)> done) const {
  auto active = std::make_shared<Impl::ActiveRun>(*impl_);
  outputs.resize(impl_->outputs.size());
  impl_->queue->push([impl = impl_.get(), active = std::move(active), inputs = std::move(inputs),
                      outputs = std::move(outputs), cancel = std::move(cancel),
                      done = std::move(done)]() mutable {
    std::exception_ptr error;
    try {
      impl->run(inputs, outputs, &cancel);
    } catch (...) {
      error = std::current_exception();
    }
    done(error ? std::vector<Tensor>{} : std::move(outputs), error);
  });
}

std::future<std::vector<Tensor>> InferEngine::run_async(std::vector<Tensor> inputs,
                                                        CancelToken cancel) const {
  auto promise = std::make_shared<std::promise<std::vector<Tensor>>>();
  auto future = promise->get_future();
  run_async(std::move(inputs), {}, std::move(cancel),
            [promise](std::vector<Tensor> outputs, std::exception_ptr error) {
              if (error)
                promise->set_exception(error);
              else
                promise->set_value(std::move(outputs));
            });
  return future;
}

void InferEngine::release() { impl_->release(); }

}  // namespace spinel
