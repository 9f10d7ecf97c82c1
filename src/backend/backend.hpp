// What a target is: model source -> compiled model -> replicas.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <spinel/engine.hpp>

#include "graph/interpret.hpp"
#include "onnx/import.hpp"

namespace spinel::backend {

struct CompileOptions {
  DType dtype = DType::undefined;
  bool keep_io_types = false;
  /// By input name: dims that replace dynamic ones; an entry that is not positive leaves the dim as it is.
  std::map<std::string, Dims> input_size;
  /// Replicas that will be asked for, and threads that work on one's part.
  int spas = 1;
  int threads_per_spa = 1;
  /// Of EngineOptions, by name.
  std::vector<AliasPair> aliases;
  bool huge_pages = false;
  std::string isa;
  bool tune = false;
  bool inspectable = false;
  /// EngineOptions::onnxruntime_path.
  std::string onnxruntime_path;
  /// EngineOptions::pass_path and pass_json.
  std::string pass_path;
  std::string pass_json;
  /// EngineOptions::save_engine, load_engine and verify.
  std::string save_engine;
  std::string load_engine;
  bool verify_weights = false;
  /// Size of the ONNX file that load_engine must have been built from; 0: any.
  uint64_t model_bytes = 0;
  Limits limits;
  LogCallback log;
  ops::CustomOpTable custom_ops;
  /// Called when a stage begins; never empty in an engine.
  std::function<void(std::string_view stage, double fraction)> progress = [](std::string_view, double) {};
};

/// How the batch runs through a model.
struct BatchInfo {
  bool proven = false;
  int64_t fixed = 0;             ///< The only batch that the model runs; 0: any.
  std::vector<int> input_axes;   ///< One an input; -1: not batched.
  std::vector<int> output_axes;  ///< One an output; -1: the same for every part.
  std::string blocking_node;
  std::string reason;
};

/// One SPA's copy of what a run changes. Used by one thread at a time.
class Replica {
 public:
  virtual ~Replica() = default;
  /// Runs one part. Inputs fit the model. Defined outputs are buffers of the right dtype and dims to fill;
  /// the others receive owned values. Throws Error.
  virtual void run(std::span<const graph::RuntimeValue> inputs, std::span<graph::RuntimeValue> outputs,
                   const graph::RunServices& services) = 0;
};

/// A compiled model. Immutable and thread-safe.
class Model {
 public:
  virtual ~Model() = default;
  virtual const std::vector<TensorInfo>& inputs() const = 0;
  virtual const std::vector<TensorInfo>& outputs() const = 0;
  virtual const BatchInfo& batch() const = 0;
  virtual std::unique_ptr<Replica> make_replica() const = 0;
  /// Dims of the outputs for these input dims; empty where only running tells. Throws Error if the inputs do
  /// not fit.
  virtual std::vector<std::optional<Dims>> output_dims(std::span<const Dims> input_dims) const = 0;
  /// Samples of a part of a batch that is cut anyway or freely: what runs fastest for these dims of the whole
  /// inputs, of which those with a batch axis have `batch` samples.
  virtual int64_t part_samples(std::span<const Dims> /*input_dims*/, int64_t /*batch*/) const { return 4; }
  /// weight_bytes, arena_bytes_per_spa and unplanned for one part of these input dims.
  virtual MemoryReport memory(std::span<const Dims> input_dims) const = 0;
  /// What the passes did; empty where there are none.
  virtual std::vector<PassReport> pass_report() const { return {}; }
  virtual std::string graph_text() const = 0;
  /// Times every node of one run, in activation memory of its own. Nothing if the target cannot tell. Throws
  /// Error.
  virtual std::optional<RunProfile> profile(std::span<const graph::RuntimeValue> /*inputs*/,
                                            const graph::RunServices& /*services*/) const {
    return std::nullopt;
  }
  /// See InferEngine::layer_values and inspect; `input_dims` in the order of inputs(), or none. Nothing if
  /// the target cannot tell. Throw Error.
  virtual std::optional<std::vector<LayerValue>> layer_values(std::span<const Dims> /*input_dims*/) const {
    return std::nullopt;
  }
  virtual std::optional<std::vector<graph::RuntimeValue>> inspect(
      std::span<const graph::RuntimeValue> /*inputs*/, const Inspection& /*inspection*/,
      const graph::RunServices& /*services*/) const {
    return std::nullopt;
  }
  virtual DType compute_dtype() const = 0;
  /// See InferEngine::arithmetic.
  virtual std::string arithmetic() const { return std::string(dtype_name(compute_dtype())); }
  /// Whether replicas bring the threads of their part along and have no use for RunServices::parallel_for.
  virtual bool has_own_threads() const { return false; }
};

/// One kind of executor.
struct Target {
  const char* name;
  std::unique_ptr<Model> (*compile)(onnx::ModelSource source, const CompileOptions& options);
  /// Loads CompileOptions::load_engine; nullptr if there are no engine files for it.
  std::unique_ptr<Model> (*load)(const CompileOptions& options) = nullptr;
  /// Whether it compiles the graph itself, so that pass_path and save_engine mean something.
  bool has_passes = true;
  /// Whether compile() reads the model by onnx::import_model alone, so that its large tensors can stay in the
  /// file until then.
  bool only_imports = false;
};

/// Every target of this build, the default first.
std::span<const Target> targets();
/// Throws Error(not_found) that lists those that are there.
const Target& find_target(const std::string& name);

}  // namespace spinel::backend
