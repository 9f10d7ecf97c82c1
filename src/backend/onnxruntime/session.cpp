#include "backend/onnxruntime/session.hpp"

#include <pthread.h>
#include <signal.h>

#include "backend/onnxruntime/tensors.hpp"
#include "base/text.hpp"
#include "onnx/tensor_data.hpp"

namespace spinel::backend::ort {
namespace {

/// The threads that a session starts inherit this thread's mask, and must not run the host's signal handlers.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }

 private:
  sigset_t previous_;
};

void refuse_external(const onnx::Tensor& tensor, std::string_view where) {
  if (tensor.data_location == onnx::DataLocation::external)
    fail(ErrorCode::unsupported,
         "tensor '{}' {} has external data; target 'onnx' takes it for initializers of the main graph alone",
         tensor.name, where);
}

void refuse_external(const onnx::SparseTensor& tensor, std::string_view where) {
  refuse_external(tensor.values, where);
  refuse_external(tensor.indices, where);
}

void refuse_external(const std::vector<onnx::Node>& nodes);

void refuse_external(const onnx::Attribute& attribute) {
  const std::string where = fmt::format("in attribute '{}'", attribute.name);
  if (attribute.t) refuse_external(*attribute.t, where);
  for (const onnx::Tensor& tensor : attribute.tensors) refuse_external(tensor, where);
  if (attribute.sparse_tensor) refuse_external(*attribute.sparse_tensor, where);
  for (const onnx::SparseTensor& tensor : attribute.sparse_tensors) refuse_external(tensor, where);
  const auto subgraph = [](const onnx::Graph& graph) {
    for (const onnx::Tensor& tensor : graph.initializers) refuse_external(tensor, "of a subgraph");
    for (const onnx::SparseTensor& tensor : graph.sparse_initializers)
      refuse_external(tensor, "of a subgraph");
    refuse_external(graph.nodes);
  };
  if (attribute.g) subgraph(*attribute.g);
  for (const onnx::Graph& graph : attribute.graphs) subgraph(graph);
}

void refuse_external(const std::vector<onnx::Node>& nodes) {
  for (const onnx::Node& node : nodes)
    for (const onnx::Attribute& attribute : node.attributes) refuse_external(attribute);
}

/// Gives the options the initializers that lie outside of the file.
void add_external_data(Shared& shared, SessionOptions* session_options, const onnx::ModelSource& source,
                       const onnx::Model& file, const Limits& limits) {
  const Api& api = shared.environment->api();
  refuse_external(file.graph.nodes);
  for (const onnx::Function& function : file.functions) {
    refuse_external(function.nodes);
    for (const onnx::Attribute& attribute : function.attribute_protos) refuse_external(attribute);
  }
  for (const onnx::SparseTensor& tensor : file.graph.sparse_initializers)
    refuse_external(tensor, "is sparse and");
  onnx::TensorSource from;
  from.folder = source.folder;
  from.limits = limits;
  from.model_bytes = source.bytes.data.size();
  std::vector<std::string> names;
  std::vector<Handle<Value>> values;
  for (const onnx::Tensor& tensor : file.graph.initializers) {
    if (tensor.data_location != onnx::DataLocation::external) continue;
    for (const onnx::StringPair& entry : tensor.external_data)
      if (entry.value.find("_ORT_MEM_ADDR_") != std::string_view::npos)
        // ONNX Runtime takes such a place for an address in this process.
        fail(ErrorCode::bad_model, "tensor '{}' has its external data at '{}', which is refused", tensor.name,
             entry.value);
    names.emplace_back(tensor.name);
    shared.external_data.push_back(onnx::to_tensor(tensor, from));
    values.push_back(wrap(api, shared.memory.get(), shared.external_data.back()));
  }
  if (names.empty()) return;
  std::vector<const char*> name_pointers;
  std::vector<const Value*> value_pointers;
  for (size_t i = 0; i < names.size(); ++i) {
    name_pointers.push_back(names[i].c_str());
    value_pointers.push_back(values[i].get());
  }
  api(Stage::load, add_external_initializers, session_options, name_pointers.data(), value_pointers.data(),
      names.size());
}

Handle<SessionOptions> make_options(const Api& api, const LogRoute& log, const CompileOptions& options) {
  Handle<SessionOptions> made(api, release_session_options);
  api(Stage::load, create_session_options, made.receive());
  api(Stage::load, set_session_log_id, made.get(), log.id().c_str());
  api(Stage::load, set_session_log_severity, made.get(), options.log ? severity::warning : severity::fatal);
  api(Stage::load, set_session_execution_mode, made.get(), sequential_execution);
  api(Stage::load, set_graph_optimization_level, made.get(), all_optimizations);
  api(Stage::load, set_intra_op_threads, made.get(), options.threads_per_spa);
  api(Stage::load, set_inter_op_threads, made.get(), 1);
  // A session's threads spin after their work, at the cost of the cores that other sessions work on. A
  // session alone keeps ONNX Runtime's default, which is its best.
  if (options.spas > 1)
    api(Stage::load, add_session_config, made.get(), "session.intra_op.allow_spinning", "0");
  return made;
}

}  // namespace

std::vector<Handle<Session>> make_sessions(Shared& shared, const onnx::ModelSource& source,
                                           const onnx::Model& file, const CompileOptions& options) {
  const Api& api = shared.environment->api();
  const Handle<SessionOptions> session_options = make_options(api, shared.log, options);
  add_external_data(shared, session_options.get(), source, file, options.limits);
  const BlockedSignals blocked;
  std::vector<Handle<Session>> sessions;
  for (int i = 0; i < options.spas; ++i) {
    Handle<Session> session(api, release_session);
    api(Stage::load, create_session_from_array, shared.environment->env(), source.bytes.data.data(),
        source.bytes.data.size(), session_options.get(), session.receive());
    sessions.push_back(std::move(session));
  }
  return sessions;
}

Shared::Shared(std::shared_ptr<Environment> used, LogCallback callback)
    : environment(std::move(used)),
      log(std::move(callback)),
      cancel_watch(environment->api()),
      memory(environment->api(), release_memory_info) {
  environment->api()(Stage::load, create_cpu_memory_info, arena_allocator, default_memory, memory.receive());
}

SessionReplica::SessionReplica(std::shared_ptr<Shared> shared, Handle<Session> session)
    : shared_(std::move(shared)), session_(std::move(session)) {
  for (const std::string& name : shared_->input_names) input_names_.push_back(name.c_str());
  for (const std::string& name : shared_->output_names) output_names_.push_back(name.c_str());
}

void SessionReplica::run(std::span<const graph::RuntimeValue> inputs, std::span<graph::RuntimeValue> outputs,
                         const graph::RunServices& services) {
  const Api& api = shared_->environment->api();
  const auto cancelled = [&] { return services.cancelled != nullptr && services.cancelled->load(); };
  if (cancelled()) fail(ErrorCode::cancelled, "the run was cancelled");

  std::vector<Handle<Value>> held;
  std::vector<const Value*> input_values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    wrap(api, shared_->memory.get(), inputs[i], shared_->input_names[i], held);
    input_values.push_back(held.back().get());
  }
  // What ONNX Runtime hands out below must not be lost for want of memory.
  held.reserve(held.size() + outputs.size());
  // What is null ONNX Runtime allocates, and it is the caller's to release.
  std::vector<Value*> output_values(outputs.size(), nullptr);
  std::vector<bool> direct(outputs.size(), false);
  for (size_t i = 0; i < outputs.size(); ++i) {
    direct[i] = !outputs[i].empty() && outputs[i].tensor().dtype() != DType::string;
    if (!direct[i]) continue;
    held.push_back(wrap(api, shared_->memory.get(), outputs[i].tensor()));
    output_values[i] = held.back().get();
  }

  Handle<RunOptions> run_options(api, release_run_options);
  std::optional<CancelWatch::Run> watched;
  if (services.cancelled != nullptr) {
    api(Stage::run, create_run_options, run_options.receive());
    watched.emplace(shared_->cancel_watch, *services.cancelled, run_options.get());
  }
  Status* status =
      api.raw(run_session, session_.get(), run_options.get(), input_names_.data(), input_values.data(),
              input_values.size(), output_names_.data(), output_values.size(), output_values.data());
  watched.reset();
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (direct[i]) continue;
    Handle<Value>& value = held.emplace_back(api, release_value);
    *value.receive() = output_values[i];
  }
  if (status != nullptr && cancelled()) {
    api.release(status);
    fail(ErrorCode::cancelled, "the run was cancelled");
  }
  api.check(Stage::run, status);
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (direct[i]) continue;
    const ValueKind kind = shared_->output_kinds.empty() ? ValueKind::tensor : shared_->output_kinds[i];
    spinel::Value result = to_value(api, output_values[i], kind, shared_->output_names[i]);
    if (outputs[i].empty())
      outputs[i] = std::move(result);
    else
      copy_elements(result.tensor(), outputs[i].tensor());
  }
}

}  // namespace spinel::backend::ort
