// What an InferEngine holds.
#pragma once
#include <spinel/engine.hpp>

#include <unistd.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "api/engine_run.hpp"
#include "backend/backend.hpp"
#include "runtime/async_queue.hpp"
#include "runtime/lease.hpp"
#include "runtime/thread_pool.hpp"

namespace spinel {

struct InferEngine::Impl {
  /// `source` is moved from; nullptr where an engine file is loaded. Throws Error.
  Impl(onnx::ModelSource* source, const EngineOptions& given);

  /// Registers a run for its lifetime, so that release() can wait for it.
  class ActiveRun {
   public:
    /// Throws Error(released).
    explicit ActiveRun(Impl& impl);
    ActiveRun(const ActiveRun&) = delete;
    ActiveRun& operator=(const ActiveRun&) = delete;
    ~ActiveRun();

   private:
    Impl& impl_;
  };

  void run(std::span<const Tensor> given, std::span<Tensor> results, const CancelToken* cancel);
  std::vector<Value> run_values(std::span<const Value> given, const CancelToken* cancel);
  /// Inputs of exactly the types that the model takes, in its order. Throws Error.
  std::vector<graph::RuntimeValue> in_model_order(std::span<const Tensor> given) const;
  /// Dims of the inputs in the model's order. Throws Error for another number.
  std::vector<Dims> in_model_order(std::span<const Dims> given) const;
  /// What a run of the whole batch as one part, on which all threads work, needs.
  graph::RunServices services(const CancelToken* cancel);
  [[noreturn]] void fail_uninspectable() const;
  /// Waits for runs under way and frees everything; in a child of fork() nothing is waited for, nor freed.
  void release();

  EngineOptions options;
  int spas = 1;
  int creator_process = getpid();
  std::vector<TensorInfo> inputs;
  std::vector<TensorInfo> outputs;
  std::vector<PassReport> pass_report;
  std::vector<size_t> order;  ///< Position in the model of each of the caller's inputs.
  std::unique_ptr<backend::Model> model;
  std::unique_ptr<runtime::LeasePool<backend::Replica>> replicas;
  std::unique_ptr<runtime::ThreadPool> threads;
  std::unique_ptr<runtime::AsyncQueue> queue;
  std::atomic<double> last_run_seconds{0};

  std::mutex mutex;
  std::vector<std::unique_ptr<api::BatchRun>> batch_runs;  ///< Those that no run uses.
  size_t batch_run_count = 0;
  std::condition_variable idle;
  int active_runs = 0;
  bool released = false;

 private:
  class BatchRunLease;

  std::map<std::string, Dims> input_sizes(const onnx::ModelSource& source,
                                          const ops::CustomOpTable& custom_ops) const;
  void require_size_for_each(size_t inputs_of_model) const;
  void check_input_size() const;
  void warn_about_split() const;
  void require_input_count(size_t given) const;
  void abandon();
};

}  // namespace spinel
