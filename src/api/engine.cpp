#include <spinel/engine.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "api/engine_options.hpp"
#include "api/engine_run.hpp"
#include "api/fit_inputs.hpp"
#include "api/host_loop.hpp"
#include "base/allocate.hpp"
#include "base/cancel.hpp"
#include "base/text.hpp"
#include "runtime/async_queue.hpp"

namespace spinel {

struct InferEngine::Impl {
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

  /// `source` is moved from; nullptr where an engine file is loaded.
  Impl(onnx::ModelSource* source, const EngineOptions& given) : options(given), spas(api::spa_count(given)) {
    const backend::Target& target = backend::find_target(options.target);
    backend::CompileOptions compile;
    compile.dtype = options.dtype;
    compile.keep_io_types = options.keep_io_types;
    compile.limits = options.limits;
    compile.log = options.log;
    compile.progress = [&](std::string_view stage, double fraction) {
      api::report_progress(options, stage, fraction);
    };
    compile.custom_ops = ops::CustomOpTable(options.custom_ops);
    compile.spas = spas;
    compile.threads_per_spa = options.threads_per_spa;
    compile.aliases = options.aliases;
    compile.huge_pages = options.huge_pages;
    compile.isa = options.isa;
    compile.tune = options.tune;
    compile.inspectable = options.inspectable;
    compile.onnxruntime_path = options.onnxruntime_path;
    compile.pass_path = options.pass_path;
    compile.pass_json = options.pass_json;
    if (source != nullptr) {
      compile.save_engine = options.save_engine;
      compile.input_size = input_sizes(*source, compile.custom_ops);
      model = target.compile(std::move(*source), compile);
    } else {
      compile.load_engine = options.load_engine;
      compile.verify_weights = options.verify == VerifyEngine::full;
      if (!options.ckpt.empty()) compile.model_bytes = api::file_bytes(options.ckpt);
      model = target.load(compile);
    }
    order = api::input_order(model->inputs(), options.input_name);
    for (size_t index : order) inputs.push_back(model->inputs()[index]);
    if (source == nullptr) check_input_size();
    outputs = model->outputs();
    pass_report = model->pass_report();
    for (const auto& [name, value] : options.pad_value)
      if (std::ranges::find(inputs, name, &TensorInfo::name) == inputs.end())
        fail(ErrorCode::not_found, "pad_value names '{}', which is no input of the model", name);
    std::vector<std::unique_ptr<backend::Replica>> items;
    for (int i = 0; i < spas; ++i) items.push_back(model->make_replica());
    replicas = std::make_unique<runtime::LeasePool<backend::Replica>>(std::move(items));
    const int threads_per_replica = model->has_own_threads() ? 1 : options.threads_per_spa;
    const int workers = options.parallel_for ? 0 : spas * threads_per_replica - 1;
    threads = std::make_unique<runtime::ThreadPool>(workers, options.spin_us);
    queue = std::make_unique<runtime::AsyncQueue>();
    warn_about_split();
  }

  void require_size_for_each(size_t inputs_of_model) const {
    if (inputs_of_model != options.input_size.size())
      fail(ErrorCode::invalid_argument, "input_size has {} shapes for {} inputs; give one an input",
           options.input_size.size(), inputs_of_model);
  }

  /// input_size by name. Without input_name the file's order counts, which only importing tells.
  std::map<std::string, Dims> input_sizes(const onnx::ModelSource& source,
                                          const ops::CustomOpTable& custom_ops) const {
    std::map<std::string, Dims> sizes;
    if (options.input_size.empty()) return sizes;
    std::vector<std::string> names = options.input_name;
    if (names.empty()) {
      const graph::Graph graph = onnx::import_model(source, options.limits, nullptr, custom_ops);
      for (graph::ValueId id : graph.inputs) names.push_back(graph.value(id).name);
    }
    require_size_for_each(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      Dims dims = options.input_size[i];
      if (!dims.empty()) dims[0] = 0;  // The batch stays what the model makes it.
      sizes[names[i]] = std::move(dims);
    }
    return sizes;
  }

  /// Of an engine file: whether it was built for the dims that are asked for. Throws Error.
  void check_input_size() const {
    if (options.input_size.empty()) return;
    require_size_for_each(inputs.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const Dims& wanted = options.input_size[i];
      bool fits = wanted.empty() || wanted.size() == inputs[i].dims.size();
      for (size_t axis = 1; fits && axis < wanted.size(); ++axis)
        fits = wanted[axis] <= 0 || wanted[axis] == inputs[i].dims[axis];
      if (!fits)
        fail(ErrorCode::unsupported,
             "the engine file takes '{}' as {}, input_size asks for {}; leave the option out, or build what "
             "is "
             "wanted: spinel build",
             inputs[i].name, describe(inputs[i]), dims_text(wanted));
    }
  }

  void warn_about_split() const {
    const backend::BatchInfo& batch = model->batch();
    if (!options.log || spas == 1 || batch.proven || options.split != SplitPolicy::proven) return;
    options.log(LogLevel::warning,
                fmt::format("one SPA runs the whole batch: {}{}", batch.reason,
                            batch.blocking_node.empty() ? "" : " at node '" + batch.blocking_node + "'"));
  }

  /// Registers a run for its lifetime, so that release() can wait for it.
  class ActiveRun {
   public:
    explicit ActiveRun(Impl& impl) : impl_(impl) {
      const std::lock_guard lock(impl_.mutex);
      if (impl_.released) fail(ErrorCode::released, "the engine was released");
      ++impl_.active_runs;
    }
    ActiveRun(const ActiveRun&) = delete;
    ActiveRun& operator=(const ActiveRun&) = delete;
    ~ActiveRun() {
      // Notified under the lock: once it is released, the engine may be gone.
      const std::lock_guard lock(impl_.mutex);
      --impl_.active_runs;
      impl_.idle.notify_all();
    }

   private:
    Impl& impl_;
  };

  /// What one of the concurrent runs works with, kept for later ones.
  class BatchRunLease {
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

  void require_input_count(size_t given) const {
    if (given != inputs.size())
      fail(ErrorCode::invalid_argument, "the model takes {} input{}, {} were given", inputs.size(),
           inputs.size() == 1 ? "" : "s", given);
  }

  static double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  void run(std::span<const Tensor> given, std::span<Tensor> results, const CancelToken* cancel) {
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

  std::vector<Value> run_values(std::span<const Value> given, const CancelToken* cancel) {
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

  /// Inputs of exactly the types that the model takes, in its order. Throws Error.
  std::vector<graph::RuntimeValue> in_model_order(std::span<const Tensor> given) const {
    require_input_count(given.size());
    api::require_tensors_alone(*model);
    std::vector<graph::RuntimeValue> ordered(given.size());
    for (size_t i = 0; i < given.size(); ++i) {
      if (given[i].dtype() != inputs[i].dtype)
        fail(ErrorCode::invalid_argument, "input '{}' takes {}, given {}", inputs[i].name,
             describe(inputs[i]), describe(given[i]));
      ordered[order[i]] = given[i];
    }
    return ordered;
  }

  /// What a run of the whole batch as one part, on which all threads work, needs.
  graph::RunServices services(const CancelToken* cancel) {
    graph::RunServices out;
    out.cancelled = cancel ? cancel->flag() : nullptr;
    out.max_tensor_bytes = options.limits.max_tensor_bytes;
    out.concurrency = spas * options.threads_per_spa;
    out.parallel_for = [this](int64_t count, FunctionRef<void(int64_t)> fn) {
      api::run_loop(options, *threads, count, fn);
    };
    return out;
  }

  [[noreturn]] void fail_uninspectable() const {
    fail(ErrorCode::unsupported, "target '{}' cannot tell its layers' values{}", options.target,
         options.inspectable ? "" : "; load the model with the option inspectable");
  }

  /// A child of fork() has neither the threads nor the runs of its parent, and the locks and condition
  /// variables may be in use there: nothing of them can be waited for or destroyed. They are put aside, still
  /// reachable for leak checkers.
  void abandon() {
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

  void release() {
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
};

std::unique_ptr<InferEngine::Impl> InferEngine::load(onnx::ModelSource* source, const EngineOptions& options,
                                                     const std::string& name) {
  try {
    auto impl = std::make_unique<Impl>(source, options);
    api::report_progress(options, "done", 1);
    return impl;
  } catch (const Error& error) {
    // What is wrong inside the bytes does not know which file they are.
    throw Error(error.code(), name + error.what(), error.node());
  } catch (const std::bad_alloc&) {
    throw Error(ErrorCode::out_of_memory, name + "no memory left for the model");
  } catch (const std::exception& error) {
    throw Error(ErrorCode::internal, name + error.what());
  }
}

InferEngine::InferEngine(const EngineOptions& options) {
  api::check_options(options);
  const CancelScope scope(options.cancel.flag());
  const AllocatorScope memory(options.allocator);
  api::report_progress(options, "read", 0);
  if (!options.load_engine.empty()) {
    impl_ = load(nullptr, options, options.load_engine + ": ");
    return;
  }
  if (options.ckpt.empty()) fail(ErrorCode::invalid_argument, "ckpt is empty; give the path of an ONNX file");
  onnx::ModelSource source = onnx::open_model(options.ckpt, options.limits);
  impl_ = load(&source, options, options.ckpt + ": ");
}

InferEngine InferEngine::from_memory(std::span<const std::byte> model, const EngineOptions& options,
                                     const std::string& folder) {
  api::check_options(options);
  if (!options.load_engine.empty())
    fail(ErrorCode::invalid_argument, "load_engine '{}' is given with a model in memory; leave one out",
         options.load_engine);
  const CancelScope scope(options.cancel.flag());
  const AllocatorScope memory(options.allocator);
  api::report_progress(options, "read", 0);
  onnx::ModelSource source;
  // Constants may stay views into the model's bytes, which belong to the caller only during this call.
  Tensor copy = Tensor::uninitialized(DType::uint8, {static_cast<int64_t>(model.size())});
  copy_bytes(copy.raw(), model.data(), model.size());
  source.bytes = {{static_cast<const std::byte*>(copy.raw()), model.size()}, copy.owner()};
  if (!folder.empty()) source.folder = folder;
  return InferEngine(load(&source, options, ""));
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

const std::vector<PassReport>& InferEngine::pass_report() const noexcept { return impl_->pass_report; }
double InferEngine::run_time() const noexcept { return impl_->last_run_seconds.load(); }

std::vector<std::optional<Dims>> InferEngine::output_dims(std::span<const Dims> input_dims) const {
  const Impl::ActiveRun active(*impl_);
  if (input_dims.size() != impl_->inputs.size())
    fail(ErrorCode::invalid_argument, "the model takes {} inputs, dims of {} were given",
         impl_->inputs.size(), input_dims.size());
  std::vector<Dims> ordered(input_dims.size());
  for (size_t i = 0; i < input_dims.size(); ++i) ordered[impl_->order[i]] = input_dims[i];
  const backend::BatchInfo& batch = impl_->model->batch();
  for (size_t i = 0; i < ordered.size(); ++i) {
    const TensorInfo& info = impl_->model->inputs()[i];
    if (!info.has_rank || info.dims.size() != ordered[i].size()) continue;
    if (Dims filled = api::dims_to_fill(info, batch.input_axes[i], impl_->options, ordered[i]);
        !filled.empty())
      ordered[i] = std::move(filled);
  }
  // A model made for one batch runs others in parts, so its outputs scale with the batch given.
  int64_t given_batch = 0;
  for (size_t i = 0; i < ordered.size() && batch.proven && batch.fixed > 0; ++i) {
    const int axis = batch.input_axes[i];
    if (axis < 0 || static_cast<size_t>(axis) >= ordered[i].size()) continue;
    given_batch = std::exchange(ordered[i][static_cast<size_t>(axis)], batch.fixed);
  }
  auto dims = impl_->model->output_dims(ordered);
  for (size_t i = 0; i < dims.size() && given_batch > 0; ++i)
    if (dims[i] && batch.output_axes[i] >= 0)
      (*dims[i])[static_cast<size_t>(batch.output_axes[i])] = given_batch;
  return dims;
}

BatchReport InferEngine::batch_report() const {
  const Impl::ActiveRun active(*impl_);
  const backend::BatchInfo& batch = impl_->model->batch();
  return {batch.proven, batch.fixed, batch.blocking_node, batch.reason};
}

MemoryReport InferEngine::memory_report(std::span<const Dims> input_dims) const {
  const Impl::ActiveRun active(*impl_);
  std::vector<Dims> ordered(impl_->inputs.size());
  if (!input_dims.empty() && input_dims.size() != ordered.size())
    fail(ErrorCode::invalid_argument, "the model takes {} inputs, dims of {} were given", ordered.size(),
         input_dims.size());
  for (size_t i = 0; i < ordered.size(); ++i) {
    Dims dims = input_dims.empty() ? impl_->inputs[i].dims : input_dims[i];
    for (int64_t& dim : dims)
      if (dim < 0) dim = 1;
    ordered[impl_->order[i]] = std::move(dims);
  }
  MemoryReport report = impl_->model->memory(ordered);
  report.spas = impl_->spas;
  report.total_bytes = report.weight_bytes + report.arena_bytes_per_spa * static_cast<uint64_t>(impl_->spas);
  return report;
}

RunProfile InferEngine::profile(std::span<const Tensor> inputs, const CancelToken* cancel) const {
  const Impl::ActiveRun active(*impl_);
  const std::vector<graph::RuntimeValue> ordered = impl_->in_model_order(inputs);
  const runtime::ThreadPool::Awake awake(*impl_->threads);
  const AllocatorScope memory(impl_->options.allocator);
  std::optional<RunProfile> profile = impl_->model->profile(ordered, impl_->services(cancel));
  if (!profile)
    fail(ErrorCode::unsupported, "target '{}' cannot time its layers; profile with target 'cpu'",
         impl_->options.target);
  return std::move(*profile);
}

std::vector<LayerValue> InferEngine::layer_values(std::span<const Dims> input_dims) const {
  const Impl::ActiveRun active(*impl_);
  std::vector<Dims> ordered(input_dims.size());
  if (!input_dims.empty() && input_dims.size() != impl_->inputs.size())
    fail(ErrorCode::invalid_argument, "the model takes {} inputs, dims of {} were given",
         impl_->inputs.size(), input_dims.size());
  for (size_t i = 0; i < input_dims.size(); ++i) ordered[impl_->order[i]] = input_dims[i];
  auto values = impl_->model->layer_values(ordered);
  if (!values) impl_->fail_uninspectable();
  return std::move(*values);
}

std::vector<Tensor> InferEngine::inspect(std::span<const Tensor> inputs, const Inspection& inspection,
                                         const CancelToken* cancel) const {
  const Impl::ActiveRun active(*impl_);
  const std::vector<graph::RuntimeValue> ordered = impl_->in_model_order(inputs);
  const runtime::ThreadPool::Awake awake(*impl_->threads);
  const AllocatorScope memory(impl_->options.allocator);
  auto results = impl_->model->inspect(ordered, inspection, impl_->services(cancel));
  if (!results) impl_->fail_uninspectable();
  std::vector<Tensor> tensors;
  for (graph::RuntimeValue& result : *results) tensors.push_back(std::move(result.tensor()));
  return tensors;
}

std::string InferEngine::graph_text() const {
  const Impl::ActiveRun active(*impl_);
  return impl_->model->graph_text();
}

int InferEngine::spas() const noexcept { return impl_->spas; }
int InferEngine::threads_per_spa() const noexcept { return impl_->options.threads_per_spa; }
const std::string& InferEngine::target() const noexcept { return impl_->options.target; }
DType InferEngine::compute_dtype() const noexcept {
  return impl_->model ? impl_->model->compute_dtype() : DType::undefined;
}

std::string InferEngine::arithmetic() const {
  const Impl::ActiveRun active(*impl_);
  return impl_->model->arithmetic();
}

void InferEngine::release() { impl_->release(); }

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const backend::Target& target : backend::targets()) names.emplace_back(target.name);
  return names;
}

const char* version() noexcept { return SPINEL_VERSION; }

}  // namespace spinel
