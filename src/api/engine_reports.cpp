#include <utility>

#include "api/engine_impl.hpp"
#include "api/fit_inputs.hpp"
#include "base/allocate.hpp"
#include "base/text.hpp"

namespace spinel {

std::vector<graph::RuntimeValue> InferEngine::Impl::in_model_order(std::span<const Tensor> given) const {
  require_input_count(given.size());
  api::require_tensors_alone(*model);
  std::vector<graph::RuntimeValue> ordered(given.size());
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i].dtype() != inputs[i].dtype)
      fail(ErrorCode::invalid_argument, "input '{}' takes {}, given {}", inputs[i].name, describe(inputs[i]),
           describe(given[i]));
    ordered[order[i]] = given[i];
  }
  return ordered;
}

std::vector<Dims> InferEngine::Impl::in_model_order(std::span<const Dims> given) const {
  if (given.size() != inputs.size())
    fail(ErrorCode::invalid_argument, "the model takes {} inputs, dims of {} were given", inputs.size(),
         given.size());
  std::vector<Dims> ordered(given.size());
  for (size_t i = 0; i < given.size(); ++i) ordered[order[i]] = given[i];
  return ordered;
}

void InferEngine::Impl::fail_uninspectable() const {
  fail(ErrorCode::unsupported, "target '{}' cannot tell its layers' values{}", options.target,
       options.inspectable ? "" : "; load the model with the option inspectable");
}

const std::vector<PassReport>& InferEngine::pass_report() const noexcept { return impl_->pass_report; }
double InferEngine::run_time() const noexcept { return impl_->last_run_seconds.load(); }

std::vector<std::optional<Dims>> InferEngine::output_dims(std::span<const Dims> input_dims) const {
  const Impl::ActiveRun active(*impl_);
  std::vector<Dims> ordered = impl_->in_model_order(input_dims);
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
  std::vector<Dims> given(input_dims.begin(), input_dims.end());
  if (given.empty())
    for (const TensorInfo& info : impl_->inputs) given.push_back(info.dims);
  std::vector<Dims> ordered = impl_->in_model_order(given);
  for (Dims& dims : ordered)
    for (int64_t& dim : dims)
      if (dim < 0) dim = 1;
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
  std::vector<Dims> ordered;
  if (!input_dims.empty()) ordered = impl_->in_model_order(input_dims);
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

std::vector<std::string> available_targets() {
  std::vector<std::string> names;
  for (const backend::Target& target : backend::targets()) names.emplace_back(target.name);
  return names;
}

const char* version() noexcept { return SPINEL_VERSION; }

}  // namespace spinel
