#include "api/engine_run.hpp"

#include <algorithm>

#include "api/fit_inputs.hpp"
#include "api/host_loop.hpp"
#include "base/text.hpp"

namespace spinel::api {
namespace {

using graph::RuntimeValue;
using runtime::Part;

std::string why_not_split(const backend::BatchInfo& batch) {
  return batch.blocking_node.empty() ? batch.reason
                                     : fmt::format("{} at node '{}'", batch.reason, batch.blocking_node);
}

bool overlap(const Tensor& a, const Tensor& b) {
  if (a.size_bytes() == 0 || b.size_bytes() == 0) return false;
  const auto* a_begin = static_cast<const std::byte*>(a.raw());
  const auto* b_begin = static_cast<const std::byte*>(b.raw());
  return a_begin < b_begin + b.size_bytes() && b_begin < a_begin + a.size_bytes();
}

template <class Values>
size_t position(const Values& values, const std::string& name) {
  return static_cast<size_t>(std::ranges::find(values, name, &TensorInfo::name) - values.begin());
}

}  // namespace

Dims dims_to_fill(const TensorInfo& info, int batch_axis, const EngineOptions& options,
                  const Dims& given_dims) {
  Dims wanted;
  for (size_t axis = 0; info.has_rank && axis < info.dims.size(); ++axis) {
    const int64_t given = given_dims[axis];
    if (info.dims[axis] < 0 || info.dims[axis] == given || static_cast<int>(axis) == batch_axis) continue;
    if (given > info.dims[axis])
      fail(ErrorCode::invalid_argument, "input '{}' has dims {}; it takes {}: dim {} is larger than {}",
           info.name, dims_text(given_dims), describe(info), axis, info.dims[axis]);
    if (!options.pad_inputs && !options.pad_value.contains(info.name))
      fail(ErrorCode::invalid_argument,
           "input '{}' has dims {}; it takes {}: resize the data, or give a pad_value for this input",
           info.name, dims_text(given_dims), describe(info));
    if (wanted.empty()) wanted = given_dims;
    wanted[axis] = info.dims[axis];
  }
  return wanted;
}

BatchRun::BatchRun(const RunResources& resources)
    : resources_(resources),
      infos_(resources.model.inputs()),
      forced_(resources.options.split == SplitPolicy::always && !resources.model.batch().proven),
      input_axes_(resources.model.batch().input_axes),
      output_axes_(resources.model.batch().output_axes),
      workers_(static_cast<size_t>(resources.spas)),
      inputs_(infos_.size()),
      prepared_(resources.model.outputs().size(), false) {
  if (forced_) {
    input_axes_.assign(infos_.size(), 0);
    output_axes_.assign(resources.model.outputs().size(), 0);
  }
  for (const AliasPair& pair : resources.options.aliases)
    aliases_.emplace_back(position(infos_, pair.input), position(resources.model.outputs(), pair.output));
  for (Worker& worker : workers_) {
    worker.inputs.assign(infos_.size(), graph::RuntimeValue(Tensor()));
    worker.outputs.resize(output_axes_.size());
    worker.input_buffers.resize(infos_.size());
    worker.output_buffers.resize(output_axes_.size());
  }
  services_.max_tensor_bytes = resources.options.limits.max_tensor_bytes;
  services_.concurrency = resources.spas * resources.options.threads_per_spa;
  alone_.max_tensor_bytes = services_.max_tensor_bytes;
  alone_.concurrency = 1;
}

void BatchRun::run(std::span<const Tensor> inputs, std::span<const size_t> order, std::span<Tensor> outputs,
                   const CancelToken* cancel) {
  struct Reset {
    BatchRun& run;
    ~Reset() { run.reset(); }
  } const at_end{*this};
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_dtype_and_rank(infos_[order[i]], inputs[i]);
    inputs_[order[i]] = inputs[i];
  }
  const bool may_cut = check_overlaps(outputs);
  fit_inputs();
  outputs_ = outputs;
  shape_ = &shape_of(may_cut);
  services_.cancelled = alone_.cancelled = cancel ? cancel->flag() : nullptr;
  prepare_outputs();
  run_parts();
}

/// Lets go of what belongs to the caller, keeping the memory for dims.
void BatchRun::reset() noexcept {
  for (Tensor& input : inputs_) input.become_view(DType::undefined, {}, nullptr);
  outputs_ = {};
}

/// Throws Error if outputs lie on each other or on inputs other than declared. False if parts of the batch
/// would overwrite each other's inputs.
bool BatchRun::check_overlaps(std::span<const Tensor> outputs) const {
  bool may_cut = true;
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].defined()) continue;
    const std::string& name = resources_.model.outputs()[k].name;
    for (size_t other = 0; other < k; ++other)
      if (outputs[other].defined() && overlap(outputs[k], outputs[other]))
        fail(ErrorCode::invalid_argument, "the buffers for outputs '{}' and '{}' overlap",
             resources_.model.outputs()[other].name, name);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (!overlap(outputs[k], inputs_[i])) continue;
      if (std::ranges::find(aliases_, std::pair(i, k)) == aliases_.end())
        fail(ErrorCode::invalid_argument,
             "the buffer for output '{}' overlaps input '{}'; name the pair in the engine's aliases, or use "
             "another buffer",
             name, infos_[i].name);
      if (outputs[k].raw() != inputs_[i].raw())
        fail(ErrorCode::invalid_argument,
             "the buffer for output '{}' overlaps input '{}'; it must begin where the input begins", name,
             infos_[i].name);
      may_cut &=
          input_axes_[i] == 0 && output_axes_[k] == 0 && outputs[k].size_bytes() == inputs_[i].size_bytes();
    }
  }
  return may_cut;
}

void BatchRun::fit_inputs() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const TensorInfo& info = infos_[i];
    const Dims dims =
        dims_to_fill(info, resources_.model.batch().input_axes[i], resources_.options, inputs_[i].dims());
    if (dims.empty()) continue;
    const auto pad = resources_.options.pad_value.find(info.name);
    inputs_[i] =
        runtime::pad_to(inputs_[i], dims, pad == resources_.options.pad_value.end() ? 0.0 : pad->second);
  }
}

const BatchRun::Shape& BatchRun::shape_of(bool may_cut) {
  constexpr size_t most_shapes = 16;
  auto fits = [&](const Shape& shape) {
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (shape.inputs[i] != inputs_[i].dims()) return false;
    return shape.may_cut == may_cut;
  };
  const auto found = std::ranges::find_if(shapes_, fits);
  if (found != shapes_.end()) {
    shapes_.splice(shapes_.begin(), shapes_, found);
  } else {
    shapes_.push_front(make_shape(may_cut));
    if (shapes_.size() > most_shapes) shapes_.pop_back();
  }
  return shapes_.front();
}

BatchRun::Shape BatchRun::make_shape(bool may_cut) const {
  Shape shape{{}, may_cut, batch_size(), {}, {}};
  for (const Tensor& input : inputs_) shape.inputs.push_back(input.dims());
  cut(shape);
  // The dims of the whole batch from those of its first part.
  std::vector<Dims> dims = shape.inputs;
  for (size_t i = 0; i < dims.size(); ++i)
    if (input_axes_[i] >= 0 && !shape.whole())
      dims[i][static_cast<size_t>(input_axes_[i])] = shape.parts[0].run_count;
  shape.outputs = resources_.model.output_dims(dims);
  for (size_t k = 0; k < shape.outputs.size(); ++k) {
    if (!shape.outputs[k] || output_axes_[k] < 0 || shape.whole()) continue;
    const auto axis = static_cast<size_t>(output_axes_[k]);
    if (axis >= shape.outputs[k]->size())
      fail(ErrorCode::invalid_argument, "output '{}' {} has no batch axis {}; run with split set to never",
           resources_.model.outputs()[k].name, dims_text(*shape.outputs[k]), axis);
    (*shape.outputs[k])[axis] = shape.batch;
  }
  return shape;
}

/// Rows of the batched inputs; -1 if there are none.
int64_t BatchRun::batch_size() const {
  int64_t batch = -1;
  const TensorInfo* named = nullptr;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const int axis = input_axes_[i];
    if (axis < 0) continue;
    if (inputs_[i].rank() <= axis)
      fail(ErrorCode::invalid_argument, "input '{}' has no batch axis {}", infos_[i].name, axis);
    const int64_t rows = inputs_[i].dim(axis);
    if (named != nullptr && rows != batch)
      fail(ErrorCode::invalid_argument, "input '{}' has a batch of {}, input '{}' of {}", named->name, batch,
           infos_[i].name, rows);
    named = &infos_[i];
    batch = rows;
  }
  return batch;
}

int64_t BatchRun::part_samples(const Shape& shape) const {
  if (shape.batch == 1) return 1;
  std::vector<Dims> dims;
  for (const Tensor& input : inputs_) dims.push_back(input.dims());
  return resources_.model.part_samples(dims, shape.batch);
}

/// Whether rows of the batch may share bytes, so that it cannot be cut between any two.
bool BatchRun::has_packed_rows() const {
  const auto packed = [](const std::vector<TensorInfo>& infos, const std::vector<int>& axes) {
    for (size_t i = 0; i < infos.size(); ++i)
      if (axes[i] >= 0 && dtype_bits(infos[i].dtype) % 8 != 0) return true;
    return false;
  };
  return packed(infos_, input_axes_) || packed(resources_.model.outputs(), output_axes_);
}

void BatchRun::cut(Shape& shape) const {
  const backend::BatchInfo& info = resources_.model.batch();
  const bool splittable = info.proven || forced_;
  const bool batched = shape.batch >= 0;
  shape.batch = std::max<int64_t>(shape.batch, 0);
  if (info.fixed > 0 && batched && shape.batch != info.fixed) {
    if (!splittable)
      fail(ErrorCode::invalid_argument,
           "the model is made for a batch of {} and got {}; it cannot be padded or repeated, for its rows "
           "are not proven independent ({}); set split to always if they are",
           info.fixed, shape.batch, why_not_split(info));
    if (shape.batch == 0)
      fail(ErrorCode::invalid_argument, "the batch is empty; the model is made for {}", info.fixed);
  }
  if (!splittable || shape.batch == 0)
    shape.parts = {{0, shape.batch, shape.batch}};
  else if (info.fixed > 0)
    shape.parts = runtime::split_fixed(shape.batch, info.fixed);
  else if (!shape.may_cut || resources_.options.split == SplitPolicy::never || has_packed_rows())
    shape.parts = {{0, shape.batch, shape.batch}};
  else
    shape.parts = runtime::split_for_stealing(shape.batch, resources_.spas, part_samples(shape));
  if (!shape.may_cut && !shape.whole())
    fail(ErrorCode::invalid_argument,
         "an output lies on an input whose batch of {} must be run in parts of {}; use another buffer",
         shape.batch, info.fixed);
}

void BatchRun::prepare_outputs() {
  const auto& infos = resources_.model.outputs();
  for (size_t k = 0; k < outputs_.size(); ++k) {
    const std::optional<Dims>& dims = shape_->outputs[k];
    if (outputs_[k].defined()) {
      if (outputs_[k].dtype() != infos[k].dtype || (dims && outputs_[k].dims() != *dims))
        fail(ErrorCode::invalid_argument, "the buffer for output '{}' is {}; the result is {}{}",
             infos[k].name, describe(outputs_[k]), dtype_name(infos[k].dtype),
             dims ? dims_text(*dims) : "[?]");
    } else if (dims && infos[k].dtype != DType::undefined) {
      outputs_[k] = Tensor::uninitialized(infos[k].dtype, *dims);
    }
    prepared_[k] = dims && outputs_[k].defined();
  }
}

void BatchRun::run_parts() {
  const runtime::ThreadPool::Awake awake(resources_.threads);
  const auto workers = std::min(shape_->parts.size(), workers_.size());
  next_worker_ = 0;
  next_part_ = 0;
  // The host's loop need not nest: either parts or layers use it.
  if (workers > 1 && resources_.options.parallel_for)
    services_.parallel_for = nullptr;
  else
    services_.parallel_for = [this](int64_t count, FunctionRef<void(int64_t)> fn) { run_loop(count, fn); };
  // One SPA is waited for; others join where nobody else has them, so that no thread waits in a task.
  const auto own = resources_.replicas.lease();
  if (workers == 1) return work(*own, workers_[0]);
  run_loop(static_cast<int64_t>(workers), [&](int64_t) {
    const size_t number = next_worker_.fetch_add(1);
    if (number == 0) return work(*own, workers_[0]);
    if (const auto other = resources_.replicas.try_lease()) work(*other, workers_[number]);
  });
}

void BatchRun::run_loop(int64_t count, FunctionRef<void(int64_t)> fn) {
  api::run_loop(resources_.options, resources_.threads, count, fn);
}

/// Takes parts until there are none left, so that a slow core takes fewer.
void BatchRun::work(backend::Replica& replica, Worker& worker) {
  try {
    for (size_t part; (part = next_part_.fetch_add(1)) < shape_->parts.size();)
      run_part(replica, worker, shape_->parts[part], services_of(part));
  } catch (...) {
    next_part_ = shape_->parts.size();
    throw;
  }
}

/// While there are parts for every SPA, one of a single thread works by itself: layers that are not cut for
/// helpers cost less. In the last parts whoever is free helps.
const graph::RunServices& BatchRun::services_of(size_t part) const {
  const auto workers = std::min(shape_->parts.size(), workers_.size());
  const bool all_busy = workers > 1 && part + workers < shape_->parts.size();
  return all_busy && resources_.options.threads_per_spa == 1 ? alone_ : services_;
}

void BatchRun::run_part(backend::Replica& replica, Worker& worker, const Part& part,
                        const graph::RunServices& services) {
  const bool whole = shape_->whole();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Tensor& input = worker.inputs[i].tensor();
    if (input_axes_[i] < 0 || whole)
      input.become_view(inputs_[i].dtype(), inputs_[i].dims(), inputs_[i].raw());
    else
      runtime::take_part(inputs_[i], input_axes_[i], part, worker.input_buffers[i], input);
  }
  for (size_t k = 0; k < outputs_.size(); ++k) {
    const bool batched = output_axes_[k] >= 0 && !whole;
    if (!prepared_[k] || (!batched && part.begin > 0)) {
      worker.outputs[k] = {};
      continue;
    }
    if (!worker.outputs[k].is_tensor()) worker.outputs[k] = Tensor();
    Tensor& output = worker.outputs[k].tensor();
    if (batched)
      runtime::make_part(outputs_[k], output_axes_[k], part, worker.output_buffers[k], output);
    else
      output.become_view(outputs_[k].dtype(), outputs_[k].dims(), outputs_[k].raw());
  }
  replica.run(worker.inputs, worker.outputs, services);
  for (size_t k = 0; k < outputs_.size(); ++k) put_result(k, worker.outputs[k], part);
}

/// Puts a result that was not computed in place where it belongs.
void BatchRun::put_result(size_t k, const RuntimeValue& result, const Part& part) {
  const int axis = shape_->whole() ? -1 : output_axes_[k];
  if (axis < 0 && part.begin > 0) return;
  const Tensor& from = result.tensor();
  const std::lock_guard lock(mutex_);
  Tensor& to = outputs_[k];
  if (axis < 0) {
    if (!to.defined())
      to = from;
    else if (to.dims() != from.dims())
      fail(ErrorCode::invalid_argument, "the buffer for output '{}' is {}; the result is {}",
           resources_.model.outputs()[k].name, describe(to), describe(from));
    else
      copy_elements(from, to);
    return;
  }
  if (prepared_[k] && runtime::rows_in_place(to, axis, part) == from.raw()) return;
  Dims dims = from.dims();
  if (axis >= static_cast<int>(dims.size()))
    fail(ErrorCode::internal, "output '{}' {} has no batch axis {}", resources_.model.outputs()[k].name,
         describe(from), axis);
  dims[static_cast<size_t>(axis)] = shape_->batch;
  if (!to.defined()) to = Tensor::uninitialized(from.dtype(), dims);
  if (to.dims() != dims)
    fail(ErrorCode::invalid_argument,
         "output '{}': parts of the batch give {} and {}; run with split set to never",
         resources_.model.outputs()[k].name, dims_text(to.dims()), dims_text(dims));
  runtime::put_part(from, to, axis, part);
}

}  // namespace spinel::api
