// The way of one batch through an engine: check, pad, split, run, put together.
#pragma once
#include <atomic>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <spinel/engine.hpp>

#include "backend/backend.hpp"
#include "runtime/batch_split.hpp"
#include "runtime/lease.hpp"
#include "runtime/thread_pool.hpp"

namespace spinel::api {

/// The dims that an input of `given_dims`, which are as many as the model's, is filled up to: the model's
/// where it falls short of fixed ones, the batch excepted. Empty: the input fits. Throws Error if it is
/// larger, or may not be filled up.
Dims dims_to_fill(const TensorInfo& info, int batch_axis, const EngineOptions& options,
                  const Dims& given_dims);

/// What a run uses of its engine.
struct RunResources {
  const backend::Model& model;
  const EngineOptions& options;
  runtime::LeasePool<backend::Replica>& replicas;
  runtime::ThreadPool& threads;
  int spas;
};

/// Runs batches, one at a time, and keeps what it needs for that: a second run of a shape allocates nothing
/// but results of which the caller gave no buffer or only running tells the size.
class BatchRun {
 public:
  explicit BatchRun(const RunResources& resources);

  /// `order` is the place in the model of each of `inputs`. Defined outputs are filled, the others receive
  /// owned tensors. Throws Error.
  void run(std::span<const Tensor> inputs, std::span<const size_t> order, std::span<Tensor> outputs,
           const CancelToken* cancel);

 private:
  /// How batches of one shape are run.
  struct Shape {
    std::vector<Dims> inputs;
    bool may_cut;
    int64_t batch = 0;
    std::vector<runtime::Part> parts;
    std::vector<std::optional<Dims>> outputs;  ///< Dims of the whole batch; empty where only running tells.

    bool whole() const { return parts.size() == 1 && parts[0].count == parts[0].run_count; }
  };
  /// What one SPA runs its parts with.
  struct Worker {
    std::vector<graph::RuntimeValue> inputs;
    std::vector<graph::RuntimeValue> outputs;
    std::vector<runtime::PartBuffer> input_buffers;
    std::vector<runtime::PartBuffer> output_buffers;
  };

  bool check_overlaps(std::span<const Tensor> outputs) const;
  void fit_inputs();
  const Shape& shape_of(bool may_cut);
  Shape make_shape(bool may_cut) const;
  int64_t part_samples(const Shape& shape) const;
  bool has_packed_rows() const;
  void cut(Shape& shape) const;
  int64_t batch_size() const;
  void prepare_outputs();
  void run_parts();
  void run_loop(int64_t count, FunctionRef<void(int64_t)> fn);
  void reset() noexcept;
  void work(backend::Replica& replica, Worker& worker);
  void run_part(backend::Replica& replica, Worker& worker, const runtime::Part& part,
                const graph::RunServices& services);
  const graph::RunServices& services_of(size_t part) const;
  void put_result(size_t output, const graph::RuntimeValue& result, const runtime::Part& part);

  const RunResources resources_;
  const std::vector<TensorInfo>& infos_;
  const bool forced_;  ///< Split without a proof.
  std::vector<int> input_axes_;
  std::vector<int> output_axes_;
  std::vector<std::pair<size_t, size_t>> aliases_;  ///< Input and output.
  std::list<Shape> shapes_;                         ///< The last used first.
  std::vector<Worker> workers_;
  std::vector<Tensor> inputs_;
  std::vector<bool> prepared_;  ///< Outputs whose buffer is there before the run.

  // Of the run under way:
  const Shape* shape_ = nullptr;
  std::span<Tensor> outputs_;
  graph::RunServices services_;
  graph::RunServices alone_;  ///< Without help from other threads.
  std::atomic<size_t> next_worker_{0};
  std::atomic<size_t> next_part_{0};
  std::mutex mutex_;  ///< Of outputs_ while parts are put into them.
};

}  // namespace spinel::api
