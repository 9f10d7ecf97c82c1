// InferEngine: loads an ONNX model, compiles it for a target and runs batches over the SPAs.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spinel/allocator.hpp>
#include <spinel/custom_op.hpp>
#include <spinel/error.hpp>
#include <spinel/inspect.hpp>
#include <spinel/limits.hpp>
#include <spinel/log.hpp>
#include <spinel/pass_report.hpp>
#include <spinel/profile.hpp>
#include <spinel/tensor.hpp>
#include <spinel/value.hpp>

namespace spinel {

namespace onnx {
struct ModelSource;
}

/// Whether a batch may be split over the SPAs.
enum class SplitPolicy {
  proven,  ///< Only if the batch analysis proves that every output row depends on its own input row alone.
  never,   ///< One SPA runs the whole batch.
  always,  ///< Split along axis 0 of every input and output without a proof. The caller answers for the
           ///< result.
};

/// What of an engine file is verified when it is loaded.
enum class VerifyEngine {
  program,  ///< All but the weights' values: loading touches no weights.
  full,     ///< The weights' checksum, too, for which they are read.
};

/// An input and the output that may be given the same memory.
struct AliasPair {
  std::string input;
  std::string output;
};

/// Cancels loads and runs from another thread. Copies share one flag.
class CancelToken {
 public:
  CancelToken() : flag_(std::make_shared<std::atomic<bool>>(false)) {}
  void cancel() noexcept { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return flag_->load(std::memory_order_relaxed); }
  const std::atomic<bool>* flag() const noexcept { return flag_.get(); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
};

/// Where a load stands.
struct LoadProgress {
  std::string_view stage;  ///< "read", "import", a pass's name, "plan", "done"; valid during the call.
  double fraction = 0;     ///< Of the stages, those done before this one: 1 for "done".
};

/// How to load a model. Only `ckpt` is required (and not even that for a model in memory or an engine file).
struct EngineOptions {
  /// Path of the ONNX file.
  std::string ckpt;
  /// Names of the inputs in the order in which the caller gives them; empty: the model's order. Must name
  /// every input.
  std::vector<std::string> input_name;
  /// What executes: see available_targets().
  std::string target = "cpu";
  /// Samples of one call over all SPAs; only used to size the SPAs' part, max(batch_size / spas, 1), where
  /// `input_size` fixes dims and the model's batch is dynamic. 0: not said.
  int64_t batch_size = 0;
  /// One shape an input, in the order of `input_name`, batch included (its first number is per SPA and may be
  /// 0 or -1 for "any"). Pins the model's dynamic dims other than the batch; data that falls short is padded,
  /// data that is larger is an Error. Empty: dynamic dims are bound at each call.
  std::vector<Dims> input_size;
  /// Compute precision and type of the model's float inputs and outputs: float32 or float16. undefined: the
  /// model's own.
  DType dtype = DType::undefined;
  /// With `dtype`: leaves the types of inputs and outputs as the file has them.
  bool keep_io_types = false;
  /// Inputs, by name, whose data may fall short of a fixed dim (never the batch), and the number that fills
  /// it up.
  std::map<std::string, double> pad_value;
  /// Whether inputs that `pad_value` does not name are filled up, too, with 0; off: such an input is an
  /// Error.
  bool pad_inputs = false;
  /// Path of a JSON file that configures the graph passes: docs/passes.md. Empty: every pass runs.
  std::string pass_path;
  /// The same as text. At most one of the two is given.
  std::string pass_json;
  /// Path to write an engine file to, the compiled program with its packed weights: docs/engine_files.md. It
  /// is written whole or not at all.
  std::string save_engine;
  /// Path of an engine file to load instead of compiling. An Error if it was built by another version, for
  /// another instruction set, or with other options than those given here. `ckpt` may be left out; if it is
  /// given, the engine file must have been built from a file of the same size.
  std::string load_engine;
  /// What of an engine file is verified when it is loaded.
  VerifyEngine verify = VerifyEngine::program;
  /// Target `onnx` alone: absolute path of ONNX Runtime's shared library, or of the folder that holds it.
  /// Empty: the usual search of the dynamic loader for libonnxruntime.so.
  std::string onnxruntime_path;
  /// The device, or the rank of this process where several share the machine.
  int rank = 0;
  /// Processes that share this machine's cores; the default number of SPAs is divided by it. At least 1.
  int ranks_on_machine = 1;
  /// Number of SPAs. 0: one for each `threads_per_spa` of the cores that the process may use.
  int spas = 0;
  /// Threads that work on one SPA's part. At least 1.
  int threads_per_spa = 1;
  SplitPolicy split = SplitPolicy::proven;
  /// How long a thread waits awake for more work, in microseconds; only during a run. 0: it sleeps at once.
  int spin_us = 50;
  /// The host's own loop; the engine then starts no thread but that of asynchronous runs. It calls
  /// task(0) ... task(count - 1), each once, in any order and possibly at once, and returns when all are
  /// done. Tasks never throw and never call it again. It may be called from several threads if runs are.
  std::function<void(int64_t count, const std::function<void(int64_t)>& task)> parallel_for;
  /// Outputs that a caller may place on an input's buffer, such as key-value caches.
  std::vector<AliasPair> aliases;
  /// Asks the system for huge pages for activations and packed weights; log tells if it refuses.
  bool huge_pages = false;
  /// Target `cpu`: the instruction set whose kernels are used, "avx512_fp16", "avx512_vnni", "avx512", "avx2"
  /// or "portable"; an Error if this machine lacks it. Empty: the best that it has. Results differ in their
  /// last bits between them.
  std::string isa;
  /// Target `cpu`: times the candidate kernels of each layer on this machine while compiling, and keeps the
  /// fastest. Off: a fixed rule decides, so that equal machines compute equal bits.
  bool tune = false;
  /// Target `onnx`: keeps the file's bytes, which layer_values() and inspect() need. Target `cpu` can always
  /// be inspected.
  bool inspectable = false;
  Limits limits;
  /// Receives warnings and information; none: they are dropped.
  LogCallback log;
  /// Operators that the model may use beside Spinel's own: docs/custom_operators.md. A model or engine file
  /// that uses one which is not here is an Error that names it.
  std::vector<CustomOp> custom_ops;
  /// Where weights, activations with their scratch, and tensors lie; none: operator new. Target `onnx` has an
  /// allocator of its own.
  std::shared_ptr<const Allocator> allocator;
  /// Ends the load with Error(cancelled) soon after it is cancelled. Runs have tokens of their own.
  CancelToken cancel;
  /// Told when a stage of the load begins, by the thread that loads; none: nobody is.
  std::function<void(const LoadProgress& progress)> progress;
};

enum class ValueKind { tensor, sequence, optional };

/// Name, element type and dims of a model's input or output.
struct TensorInfo {
  std::string name;
  DType dtype = DType::undefined;
  bool has_rank = true;                ///< False if the model leaves even the rank open; dims is then empty.
  Dims dims;                           ///< -1 where a dim is dynamic.
  std::vector<std::string> dim_names;  ///< One a dim: the name or expression of a dynamic dim, else empty.
  int batch_axis = -1;                 ///< The axis that is split over the SPAs; -1: none.
  /// Most models take and give tensors alone. Of a sequence or an optional, `element` says what is in it, and
  /// nothing else here but the name means anything.
  ValueKind kind = ValueKind::tensor;
  std::shared_ptr<const TensorInfo> element = nullptr;
};

/// "float32[batch, 3, 224, 224]", "sequence(float32[...])"
std::string describe(const TensorInfo& info);

/// What the batch analysis found.
struct BatchReport {
  bool splittable = false;
  int64_t fixed_batch = 0;    ///< The batch that the model is made for; 0 if any batch runs.
  std::string blocking_node;  ///< The first node that mixes rows, if not splittable.
  std::string reason;         ///< Why, in words.
};

/// Memory that an engine holds or will hold.
struct MemoryReport {
  uint64_t weight_bytes = 0;           ///< Constants, shared by all SPAs.
  uint64_t arena_bytes_per_spa = 0;    ///< Planned activations and scratch of one SPA, for these shapes.
  uint64_t scratch_bytes_per_spa = 0;  ///< Of those, the most scratch that one layer has.
  int spas = 0;
  uint64_t total_bytes = 0;            ///< weights + arenas.
  std::vector<std::string> unplanned;  ///< Values whose size only running tells; allocated during the run.
};

/// Names of the targets of this build, the default first.
std::vector<std::string> available_targets();

/// A compiled model with one replica per SPA.
///
/// All const members may be called from any thread at once; concurrent runs share the SPAs, first come, first
/// served. Results are bit-identical whatever the number of SPAs and threads, the place in the batch and the
/// run. No thread is started before the first run. The destructor, like release(), waits for runs under way.
class InferEngine {
 public:
  /// Loads options.ckpt, or options.load_engine. Throws Error; every operator that is not supported is
  /// listed.
  explicit InferEngine(const EngineOptions& options);
  /// Loads a model from memory, which is only read during the call (its weights are copied).
  /// `folder` is where external data is looked for; empty: external data is an Error.
  static InferEngine from_memory(std::span<const std::byte> model, const EngineOptions& options,
                                 const std::string& folder = {});
  InferEngine(InferEngine&&) noexcept;
  InferEngine& operator=(InferEngine&&) noexcept;
  ~InferEngine();

  /// In the caller's order (EngineOptions::input_name).
  const std::vector<TensorInfo>& inputs() const;
  const std::vector<TensorInfo>& outputs() const;

  /// Runs one batch: inputs in the order of inputs(), results in the order of outputs(), owned by the caller.
  /// Inputs are read, never changed. Throws Error if a dtype, rank or dim does not fit, naming both sides.
  std::vector<Tensor> run(std::span<const Tensor> inputs, const CancelToken* cancel = nullptr) const;
  std::vector<Tensor> run(std::initializer_list<Tensor> inputs) const;
  /// The same with inputs by name.
  std::vector<Tensor> run(const std::map<std::string, Tensor>& inputs,
                          const CancelToken* cancel = nullptr) const;
  std::vector<Tensor> operator()(std::span<const Tensor> inputs) const { return run(inputs); }

  /// Writes the results into the caller's tensors. An element of `outputs` that is undefined receives an
  /// owned tensor; a defined one must have the result's dtype and dims. On failure their contents are
  /// unspecified.
  void run_into(std::span<const Tensor> inputs, std::span<Tensor> outputs,
                const CancelToken* cancel = nullptr) const;

  /// Runs a model that takes or gives sequences or optionals, which run() refuses: an empty Value is an empty
  /// optional, a filled one its element. Models of tensors alone run as with run(); the others are run whole
  /// by one SPA, and their tensors are not padded. Results are owned. Throws Error if a kind, dtype, rank or
  /// dim does not fit.
  std::vector<Value> run_values(std::span<const Value> inputs, const CancelToken* cancel = nullptr) const;

  /// Queues a run and returns at once; runs start in the order of the calls. The inputs' buffers must stay
  /// unchanged until the future is ready. The future carries the results or the Error.
  std::future<std::vector<Tensor>> run_async(std::vector<Tensor> inputs, CancelToken cancel = {}) const;
  /// The same with a callback, called on the engine's thread exactly once, with the error or nullptr.
  void run_async(std::vector<Tensor> inputs, std::vector<Tensor> outputs, CancelToken cancel,
                 std::function<void(std::vector<Tensor> outputs, std::exception_ptr error)> done) const;

  /// Seconds that the last finished run took; 0 before the first.
  double run_time() const noexcept;

  /// The dims of every output for these input dims, or empty where only running tells.
  std::vector<std::optional<Dims>> output_dims(std::span<const Dims> input_dims) const;
  BatchReport batch_report() const;
  /// Memory for the given input dims (in order). Empty dims: the model's own, with 1 for what is dynamic.
  MemoryReport memory_report(std::span<const Dims> input_dims = {}) const;
  /// Times every layer of one run after a first one that is not counted. The whole batch runs as one part on
  /// which all of the engine's threads work: with one thread, what an SPA does with a part of that size.
  /// Inputs are in the order of inputs() and of exactly the dims and types that the model takes. Other runs
  /// go on meanwhile, and disturb the figures; activations get memory of their own. Throws Error(unsupported)
  /// if the target cannot tell.
  RunProfile profile(std::span<const Tensor> inputs, const CancelToken* cancel = nullptr) const;
  /// The values of the file that a run computes, in the order of execution. With the inputs' dims (in order)
  /// the values' dims are those of such a run, as far as they are known before running. Throws
  /// Error(unsupported) if the target cannot tell.
  std::vector<LayerValue> layer_values(std::span<const Dims> input_dims = {}) const;
  /// Runs the model once as profile() does and gives the values between its layers out. The results, in the
  /// order of outputs(), are bit-identical to those of run() unless values are replaced: fusion, kernels and
  /// places in memory stay as they are. Memory beyond a run's: one value at a time; target `onnx` makes a
  /// session of its own in which the values are outputs, for at most 256 MiB of them at once. Throws Error:
  /// not_found for a name that layer_values() lacks, unsupported if the target cannot do it.
  std::vector<Tensor> inspect(std::span<const Tensor> inputs, const Inspection& inspection,
                              const CancelToken* cancel = nullptr) const;
  /// What each pass did to the graph and what it left alone, in order; empty for targets without passes.
  const std::vector<PassReport>& pass_report() const noexcept;
  /// The compiled graph as text.
  std::string graph_text() const;
  int spas() const noexcept;
  int threads_per_spa() const noexcept;
  const std::string& target() const noexcept;
  /// The type that floats are computed in.
  DType compute_dtype() const noexcept;
  /// How, in words: "float32 (avx512)", or for float16 whether products are computed in float16, too, in
  /// fixed point of 16 bits or in float32.
  std::string arithmetic() const;

  /// Waits for runs under way, then frees replicas, weights and threads. Later runs are an Error(released).
  void release();

 private:
  struct Impl;
  explicit InferEngine(std::unique_ptr<Impl> impl);
  static std::unique_ptr<Impl> load(onnx::ModelSource* source, const EngineOptions& options,
                                    const std::string& name);
  std::unique_ptr<Impl> impl_;
};

/// Spinel's version, "0.1.0".
const char* version() noexcept;

}  // namespace spinel
