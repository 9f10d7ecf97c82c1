#include "api/engine_run.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::api {
namespace {

using graph::RuntimeValue;
using runtime::Part;

/// How this batch is cut: the axes of the batched inputs and outputs (-1: not batched) and the parts.
struct Split {
  std::vector<int> input_axes;
  std::vector<int> output_axes;
  int64_t batch = 0;
  std::vector<Part> parts;

  bool whole() const { return parts.size() == 1 && parts[0].count == parts[0].run_count; }
};

void check_dtype_and_rank(const TensorInfo& info, const Tensor& input) {
  if (!input.defined())
    fail(ErrorCode::invalid_argument, "input '{}' is undefined; it takes {}", info.name, describe(info));
  if (input.dtype() != info.dtype)
    fail(ErrorCode::invalid_argument,
         "input '{}' is {}; it takes {}: convert the data or set the engine's dtype", info.name,
         dtype_name(input.dtype()), dtype_name(info.dtype));
  if (info.has_rank && input.dims().size() != info.dims.size())
    fail(ErrorCode::invalid_argument, "input '{}' has dims {}; it takes {}", info.name,
         dims_text(input.dims()), describe(info));
}

/// The input, filled up where it falls short of fixed dims other than the batch.
Tensor fitted(const TensorInfo& info, int batch_axis, const EngineOptions& options, const Tensor& input) {
  if (!info.has_rank) return input;
  Dims wanted = input.dims();
  for (size_t axis = 0; axis < wanted.size(); ++axis) {
    if (info.dims[axis] < 0 || info.dims[axis] == wanted[axis] || static_cast<int>(axis) == batch_axis)
      continue;
    const auto pad = options.pad_value.find(info.name);
    const bool may_pad = options.pad_inputs || pad != options.pad_value.end();
    if (wanted[axis] > info.dims[axis])
      fail(ErrorCode::invalid_argument, "input '{}' has dims {}; it takes {}: dim {} is larger than {}",
           info.name, dims_text(input.dims()), describe(info), axis, info.dims[axis]);
    if (!may_pad)
      fail(ErrorCode::invalid_argument,
           "input '{}' has dims {}; it takes {}: resize the data, or give a pad_value for this input",
           info.name, dims_text(input.dims()), describe(info));
    wanted[axis] = info.dims[axis];
  }
  if (wanted == input.dims()) return input;
  const auto pad = options.pad_value.find(info.name);
  return runtime::pad_to(input, wanted, pad == options.pad_value.end() ? 0.0 : pad->second);
}

std::string why_not_split(const backend::BatchInfo& batch) {
  return batch.blocking_node.empty() ? batch.reason
                                     : fmt::format("{} at node '{}'", batch.reason, batch.blocking_node);
}

Split plan_split(const RunResources& resources, const std::vector<Tensor>& inputs) {
  const backend::BatchInfo& info = resources.model.batch();
  const bool forced = resources.options.split == SplitPolicy::always && !info.proven;
  Split split;
  split.input_axes = forced ? std::vector<int>(inputs.size(), 0) : info.input_axes;
  split.output_axes = forced ? std::vector<int>(info.output_axes.size(), 0) : info.output_axes;
  const TensorInfo* named = nullptr;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int axis = split.input_axes[i];
    if (axis < 0) continue;
    if (inputs[i].rank() <= axis)
      fail(ErrorCode::invalid_argument, "input '{}' has no batch axis {}", resources.model.inputs()[i].name,
           axis);
    const int64_t rows = inputs[i].dim(axis);
    if (named != nullptr && rows != split.batch)
      fail(ErrorCode::invalid_argument, "input '{}' has a batch of {}, input '{}' of {}", named->name,
           split.batch, resources.model.inputs()[i].name, rows);
    named = &resources.model.inputs()[i];
    split.batch = rows;
  }
  const bool allowed = (info.proven || forced) && named != nullptr && split.batch > 0;
  if (info.fixed > 0 && named != nullptr && split.batch != info.fixed) {
    if (!info.proven && !forced)
      fail(ErrorCode::invalid_argument,
           "the model is made for a batch of {} and got {}; it cannot be padded or repeated, for its rows "
           "are not proven "
           "independent ({}); set split to always if they are",
           info.fixed, split.batch, why_not_split(info));
    if (split.batch == 0)
      fail(ErrorCode::invalid_argument, "the batch is empty; the model is made for {}", info.fixed);
  }
  if (!allowed)
    split.parts = {{0, split.batch, split.batch}};
  else if (info.fixed > 0)
    split.parts = runtime::split_fixed(split.batch, info.fixed);
  else if (resources.options.split == SplitPolicy::never)
    split.parts = {{0, split.batch, split.batch}};
  else
    split.parts = runtime::split_evenly(split.batch, resources.spas);
  return split;
}

/// The dims of every output for the whole batch, from those of its first part.
std::vector<std::optional<Dims>> whole_output_dims(const RunResources& resources, const Split& split,
                                                   const std::vector<Tensor>& inputs) {
  std::vector<Dims> dims;
  for (size_t i = 0; i < inputs.size(); ++i) {
    dims.push_back(inputs[i].dims());
    if (split.input_axes[i] >= 0 && !split.whole())
      dims.back()[static_cast<size_t>(split.input_axes[i])] = split.parts[0].run_count;
  }
  auto out = resources.model.output_dims(dims);
  for (size_t i = 0; i < out.size(); ++i)
    if (out[i] && split.output_axes[i] >= 0 && !split.whole())
      (*out[i])[static_cast<size_t>(split.output_axes[i])] = split.batch;
  return out;
}

class BatchRun {
 public:
  BatchRun(const RunResources& resources, const std::vector<Tensor>& inputs, std::span<Tensor> outputs,
           const CancelToken* cancel)
      : resources_(resources), inputs_(inputs), outputs_(outputs), split_(plan_split(resources, inputs)) {
    services_.parallel_for = [&threads = resources.threads](int64_t count, FunctionRef<void(int64_t)> fn) {
      threads.parallel_for(count, fn);
    };
    services_.concurrency = resources.threads.concurrency();
    services_.cancelled = cancel ? cancel->flag() : nullptr;
    services_.max_tensor_bytes = resources.options.limits.max_tensor_bytes;
  }

  void run() {
    prepare_outputs();
    results_.resize(split_.parts.size());
    resources_.threads.parallel_for(static_cast<int64_t>(split_.parts.size()),
                                    [&](int64_t part) { run_part(static_cast<size_t>(part)); });
    collect();
  }

 private:
  void prepare_outputs() {
    const auto dims = whole_output_dims(resources_, split_, inputs_);
    const auto& infos = resources_.model.outputs();
    for (size_t i = 0; i < outputs_.size(); ++i) {
      if (outputs_[i].defined()) {
        if (outputs_[i].dtype() != infos[i].dtype || (dims[i] && outputs_[i].dims() != *dims[i]))
          fail(ErrorCode::invalid_argument, "the buffer for output '{}' is {}; the result is {}{}",
               infos[i].name, describe(outputs_[i]), dtype_name(infos[i].dtype),
               dims[i] ? dims_text(*dims[i]) : "[?]");
      } else if (dims[i]) {
        outputs_[i] = Tensor::uninitialized(infos[i].dtype, *dims[i]);
      }
    }
  }

  /// The place in the caller's output that the part can write to directly; undefined if there is none.
  Tensor direct_output(size_t output, size_t part_index) const {
    const Tensor& whole = outputs_[output];
    if (!whole.defined() || resources_.model.outputs()[output].dtype == DType::undefined) return {};
    if (split_.whole()) return whole;
    const Part& part = split_.parts[part_index];
    if (split_.output_axes[output] != 0 || part.count != part.run_count || dtype_bits(whole.dtype()) % 8 != 0)
      return {};
    return whole.rows(part.begin, part.count);
  }

  void run_part(size_t index) {
    const Part& part = split_.parts[index];
    std::vector<RuntimeValue> inputs;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const int axis = split_.input_axes[i];
      inputs.emplace_back(axis < 0 || split_.whole() ? inputs_[i]
                                                     : runtime::take_part(inputs_[i], axis, part));
    }
    std::vector<RuntimeValue> outputs(outputs_.size());
    std::vector<bool> direct(outputs_.size(), false);
    for (size_t i = 0; i < outputs.size(); ++i) {
      Tensor place = direct_output(i, index);
      direct[i] = place.defined();
      if (direct[i]) outputs[i] = std::move(place);
    }
    const auto replica = resources_.replicas.lease();
    replica->run(inputs, outputs, services_);
    for (size_t i = 0; i < outputs.size(); ++i)
      if (direct[i]) outputs[i] = {};
    results_[index] = std::move(outputs);
  }

  /// Puts results that could not be written in place where they belong.
  void collect() {
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const int axis = split_.output_axes[i];
      if (split_.parts.size() == 1 || axis < 0) {
        if (results_[0][i].empty()) continue;
        const Tensor& result = results_[0][i].tensor();
        if (axis < 0 || split_.whole())
          store(i, result);
        else
          place_part(i, 0, result);
        continue;
      }
      for (size_t part = 0; part < split_.parts.size(); ++part)
        if (!results_[part][i].empty()) place_part(i, part, results_[part][i].tensor());
    }
  }
  void store(size_t output, const Tensor& result) {
    if (!outputs_[output].defined()) {
      outputs_[output] = result;
      return;
    }
    if (outputs_[output].dims() != result.dims())
      fail(ErrorCode::invalid_argument, "the buffer for output '{}' is {}; the result is {}",
           resources_.model.outputs()[output].name, describe(outputs_[output]), describe(result));
    copy_elements(result, outputs_[output]);
  }
  void place_part(size_t output, size_t part, const Tensor& result) {
    const int axis = split_.output_axes[output];
    Dims dims = result.dims();
    if (axis >= static_cast<int>(dims.size()))
      fail(ErrorCode::internal, "output '{}' {} has no batch axis {}",
           resources_.model.outputs()[output].name, describe(result), axis);
    dims[static_cast<size_t>(axis)] = split_.batch;
    if (!outputs_[output].defined()) outputs_[output] = Tensor::uninitialized(result.dtype(), dims);
    if (outputs_[output].dims() != dims)
      fail(ErrorCode::invalid_argument,
           "output '{}': parts of the batch give {} and {}; run with split set to never",
           resources_.model.outputs()[output].name, dims_text(outputs_[output].dims()), dims_text(dims));
    runtime::put_part(result, outputs_[output], axis, split_.parts[part]);
  }

  const RunResources& resources_;
  const std::vector<Tensor>& inputs_;
  std::span<Tensor> outputs_;
  Split split_;
  graph::RunServices services_;
  std::vector<std::vector<RuntimeValue>> results_;
};

}  // namespace

void run_batch(const RunResources& resources, std::vector<Tensor> inputs, std::span<Tensor> outputs,
               const CancelToken* cancel) {
  const auto& infos = resources.model.inputs();
  for (size_t i = 0; i < inputs.size(); ++i) {
    check_dtype_and_rank(infos[i], inputs[i]);
    inputs[i] = fitted(infos[i], resources.model.batch().input_axes[i], resources.options, inputs[i]);
  }
  BatchRun(resources, inputs, outputs, cancel).run();
}

}  // namespace spinel::api
