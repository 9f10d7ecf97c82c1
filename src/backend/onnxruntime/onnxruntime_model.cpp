#include "backend/onnxruntime/onnxruntime_model.hpp"

#include <algorithm>
#include <mutex>

#include "backend/onnxruntime/describe_model.hpp"
#include "backend/onnxruntime/inspect.hpp"
#include "backend/onnxruntime/session.hpp"
#include "base/text.hpp"

namespace spinel::backend {
namespace {

class OnnxRuntimeModel final : public Model {
 public:
  OnnxRuntimeModel(std::shared_ptr<ort::Shared> shared, ort::Description description,
                   std::vector<ort::Handle<ort::Session>> sessions,
                   std::unique_ptr<const ort::Inspector> inspector, uint64_t max_tensor_bytes)
      : shared_(std::move(shared)),
        description_(std::move(description)),
        session_count_(sessions.size()),
        inspector_(std::move(inspector)),
        max_tensor_bytes_(max_tensor_bytes),
        sessions_(std::move(sessions)) {}

  const std::vector<TensorInfo>& inputs() const override { return description_.inputs; }
  const std::vector<TensorInfo>& outputs() const override { return description_.outputs; }
  const BatchInfo& batch() const override { return description_.batch; }
  DType compute_dtype() const override { return description_.compute_dtype; }
  std::string graph_text() const override { return description_.graph_text; }
  bool has_own_threads() const override { return true; }

  std::unique_ptr<Replica> make_replica() const override {
    const std::lock_guard lock(mutex_);
    if (sessions_.empty())
      fail(ErrorCode::internal, "all {} sessions that the model was compiled for are given out",
           session_count_);
    auto replica = std::make_unique<ort::SessionReplica>(shared_, std::move(sessions_.back()));
    sessions_.pop_back();
    return replica;
  }

  std::vector<std::optional<Dims>> output_dims(std::span<const Dims> input_dims) const override {
    const graph::Bindings bindings = bind_symbols(input_dims);
    std::vector<std::optional<Dims>> all;
    for (size_t i = 0; i < description_.output_types.size(); ++i)
      all.push_back(evaluate(description_.output_types[i], bindings, description_.outputs[i].name));
    return all;
  }

  /// ONNX Runtime packs weights and places activations by itself and does not tell how; every session holds
  /// weights of its own.
  MemoryReport memory(std::span<const Dims>) const override {
    MemoryReport report;
    report.weight_bytes = description_.weight_bytes * session_count_;
    report.unplanned = {"activations, which ONNX Runtime places"};
    return report;
  }

  std::optional<std::vector<LayerValue>> layer_values(std::span<const Dims> input_dims) const override {
    if (!inspector_) return std::nullopt;
    return inspector_->values(input_dims.empty() ? graph::Bindings{} : bind_symbols(input_dims));
  }

  std::optional<std::vector<graph::RuntimeValue>> inspect(std::span<const graph::RuntimeValue> inputs,
                                                          const Inspection& inspection,
                                                          const graph::RunServices& services) const override {
    if (!inspector_) return std::nullopt;
    std::vector<Dims> dims;
    for (const graph::RuntimeValue& input : inputs) dims.push_back(input.tensor().dims());
    return inspector_->run(*shared_, bind_symbols(dims), inputs, inspection, services);
  }

 private:
  graph::Bindings bind_symbols(std::span<const Dims> input_dims) const {
    if (input_dims.size() != description_.inputs.size())
      fail(ErrorCode::invalid_argument, "the model takes {} inputs, {} were given",
           description_.inputs.size(), input_dims.size());
    graph::Bindings bindings;
    for (size_t i = 0; i < input_dims.size(); ++i) {
      const TensorInfo& info = description_.inputs[i];
      const Dims& dims = input_dims[i];
      if (info.kind != ValueKind::tensor || !info.has_rank) continue;
      const auto contradicts = [&](size_t axis) {
        return info.dims[axis] >= 0
                   ? info.dims[axis] != dims[axis]
                   : bindings.try_emplace(info.dim_names[axis], dims[axis]).first->second != dims[axis];
      };
      if (dims.size() != info.dims.size())
        fail(ErrorCode::invalid_argument, "input '{}' has dims {}; the model takes {}", info.name,
             dims_text(dims), describe(info));
      for (size_t axis = 0; axis < dims.size(); ++axis)
        if (contradicts(axis))
          fail(ErrorCode::invalid_argument, "input '{}' has dims {}; the model takes {}{}", info.name,
               dims_text(dims), describe(info),
               info.dims[axis] >= 0
                   ? ""
                   : fmt::format(", where '{}' is {}", info.dim_names[axis], bindings[info.dim_names[axis]]));
    }
    return bindings;
  }

  std::optional<Dims> evaluate(const graph::ValueType& type, const graph::Bindings& bindings,
                               const std::string& name) const {
    if (!type.is_tensor() || !type.shape) return std::nullopt;
    Dims dims;
    for (const graph::Dim& dim : *type.shape) {
      const auto size = dim.evaluate(bindings);
      if (!size) return std::nullopt;
      if (*size < 0)
        fail(ErrorCode::invalid_argument,
             "output '{}' would have dims {} with a negative size; the inputs are too small", name,
             graph::shape_text(*type.shape));
      dims.push_back(*size);
    }
    const uint64_t bytes = tensor_bytes(type.dtype, dims);
    if (max_tensor_bytes_ != 0 && bytes > max_tensor_bytes_)
      fail(ErrorCode::limit_exceeded, "output '{}' {} has {} bytes; the limit max_tensor_bytes is {}", name,
           dims_text(dims), bytes, max_tensor_bytes_);
    return dims;
  }

  std::shared_ptr<ort::Shared> shared_;
  ort::Description description_;
  size_t session_count_;
  std::unique_ptr<const ort::Inspector> inspector_;  ///< None: the model is not to be inspected.
  uint64_t max_tensor_bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<ort::Handle<ort::Session>> sessions_;  ///< Not given out yet.
};

/// Throws Error(unsupported) unless the file has the types that `dtype` asks for.
void check_dtype(const ort::Description& description, const CompileOptions& options) {
  if (options.dtype == DType::undefined) return;
  const auto refuse = [&](const std::string& what, DType dtype) {
    fail(ErrorCode::unsupported,
         "dtype {}: target 'onnx' takes the file's own types, and {} {}; leave dtype out, convert the file, "
         "or use target 'cpu'",
         dtype_name(options.dtype), what, dtype_name(dtype));
  };
  if (description.compute_dtype != DType::undefined && description.compute_dtype != options.dtype)
    refuse("this file computes in", description.compute_dtype);
  for (const auto* infos : {&description.inputs, &description.outputs})
    for (const TensorInfo& info : *infos)
      if (!options.keep_io_types && info.dtype != options.dtype &&
          (info.dtype == DType::float32 || info.dtype == DType::float16))
        refuse(fmt::format("'{}' is", info.name), info.dtype);
}

}  // namespace

std::unique_ptr<Model> compile_for_onnxruntime(onnx::ModelSource source, const CompileOptions& options) {
  auto shared = std::make_shared<ort::Shared>(ort::Environment::get(options.onnxruntime_path), options.log);
  const onnx::Model file = onnx::parse_model(source.bytes.data, options.limits);
  std::optional<ort::Description> description;
  std::optional<Error> not_imported;
  try {
    description = ort::describe_by_importer(source, options);
    check_dtype(*description, options);
  } catch (const Error& error) {
    // ONNX Runtime knows more operators than Spinel and takes models that Spinel refuses; limits stay limits.
    if (description || (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::bad_model))
      throw;
    not_imported = error;
  }
  std::vector<ort::Handle<ort::Session>> sessions;
  try {
    sessions = ort::make_sessions(*shared, source, file, options);
  } catch (const Error& error) {
    // An operator that neither knows is not the file's fault.
    if (!not_imported || error.code() != ErrorCode::bad_model) throw;
    throw Error(not_imported->code(), error.what(), error.node());
  }
  if (!description) {
    description = ort::describe_by_session(shared->environment->api(), sessions.front().get(), file, options,
                                           not_imported->what());
    check_dtype(*description, options);
  }
  for (const TensorInfo& info : description->inputs) shared->input_names.push_back(info.name);
  for (const TensorInfo& info : description->outputs) {
    shared->output_names.push_back(info.name);
    shared->output_kinds.push_back(info.kind);
  }
  if (options.log)
    options.log(LogLevel::info, fmt::format("ONNX Runtime {} from {}", shared->environment->library().version,
                                            shared->environment->library().path));
  auto inspector =
      options.inspectable ? std::make_unique<const ort::Inspector>(std::move(source), options) : nullptr;
  return std::make_unique<OnnxRuntimeModel>(std::move(shared), std::move(*description), std::move(sessions),
                                            std::move(inspector), options.limits.max_tensor_bytes);
}

}  // namespace spinel::backend
