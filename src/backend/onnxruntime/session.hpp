// Sessions: making them, and running one as a replica.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/onnxruntime/cancel_watch.hpp"
#include "backend/onnxruntime/environment.hpp"
#include "onnx/model.hpp"

namespace spinel::backend::ort {

/// What the replicas of a model share. Immutable but for the watch, which is thread-safe.
struct Shared {
  Shared(std::shared_ptr<Environment> used, LogCallback callback);

  std::shared_ptr<Environment> environment;
  LogRoute log;
  CancelWatch cancel_watch;
  Handle<MemoryInfo> memory;
  std::vector<Tensor> external_data;  ///< Sessions may use it in place.
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::vector<ValueKind> output_kinds;  ///< Empty: all are tensors.
};

/// Makes one session a SPA from the bytes of `source`, which `file` is the parsed form of. External data is
/// read here, by Spinel's rules, and handed over, so that ONNX Runtime opens no file; only initializers of
/// the main graph may have some. Throws Error.
std::vector<Handle<Session>> make_sessions(Shared& shared, const onnx::ModelSource& source,
                                           const onnx::Model& file, const CompileOptions& options);

/// One session.
class SessionReplica final : public Replica {
 public:
  SessionReplica(std::shared_ptr<Shared> shared, Handle<Session> session);
  void run(std::span<const graph::RuntimeValue> inputs, std::span<graph::RuntimeValue> outputs,
           const graph::RunServices& services) override;

 private:
  std::shared_ptr<Shared> shared_;
  Handle<Session> session_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

}  // namespace spinel::backend::ort
