// A loaded model.
#pragma once

#include <optional>

#include "options.hpp"

namespace spinel_node {

/// Shared by JavaScript's handle and the runs under way; the last of them, on the environment's thread, frees
/// it.
class Engine {
 public:
  using Dims = std::vector<int64_t>;

  Engine() = default;
  Engine(const Engine&) = delete;
  ~Engine() { spinel_engine_release(handle_); }

  /// Any thread. model has data for bytes, else path is given, which may be NULL.
  void load(const Bytes& model, const char* path, const char* folder, Options& options);

  const spinel_engine* get() const { return handle_; }
  size_t output_count() const { return output_dtypes_.size(); }
  /// The operators written in JavaScript that runs call.
  const std::vector<std::shared_ptr<CustomOp>>& ops() const { return ops_; }
  int32_t output_dtype(size_t index) const { return output_dtypes_[index]; }

  /// The dims of every output; without a value where only running tells. The environment's thread.
  const std::vector<std::optional<Dims>>& output_dims(const std::vector<spinel_shape>& inputs);

  /// What the engine holds, and its activations for the model's own dims.
  int64_t size_bytes() const;

 private:
  std::shared_ptr<Listener> log_;
  std::vector<std::shared_ptr<CustomOp>> ops_;
  spinel_engine* handle_ = nullptr;
  std::vector<int32_t> output_dtypes_;
  // The last answer: most callers keep to one set of dims.
  std::vector<Dims> asked_;
  std::vector<std::optional<Dims>> answered_;
};

/// JavaScript's handle. Empty once released.
class EngineBox {
 public:
  EngineBox(napi_env env, std::shared_ptr<Engine> engine);
  ~EngineBox() { release(); }
  void release() noexcept;
  /// Throws SPINEL_RELEASED.
  const std::shared_ptr<Engine>& engine() const;

 private:
  napi_env env_;
  std::shared_ptr<Engine> engine_;
  int64_t size_bytes_;
};

/// The engine of the first argument.
const std::shared_ptr<Engine>& engine_of(const Call& call);

// Functions of the module; index.js says what they take.
napi_value load(const Call& call);
napi_value load_in_place(const Call& call);
napi_value release(const Call& call);
napi_value describe(const Call& call);
napi_value memory_report(const Call& call);
napi_value pass_report(const Call& call);
napi_value graph_text(const Call& call);
napi_value run_time(const Call& call);
napi_value run(const Call& call);
napi_value run_in_place(const Call& call);
napi_value profile(const Call& call);
napi_value layer_values(const Call& call);
napi_value inspect(const Call& call);
napi_value run_values(const Call& call);

}  // namespace spinel_node
