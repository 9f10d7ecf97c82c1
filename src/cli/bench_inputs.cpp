#include "cli/bench_inputs.hpp"

#include <algorithm>
#include <charconv>
#include <random>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/model_inputs.hpp"

namespace spinel::cli {
namespace {

/// "8x3x224x224"
Dims parse_dims(const std::string& text) {
  Dims dims;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (true) {
    int64_t dim = 0;
    const auto [stop, error] = std::from_chars(at, end, dim);
    if (error != std::errc{} || dim < 1 || (stop != end && *stop != 'x'))
      throw UsageError(
          fmt::format("--shape {}: not dims of at least 1 joined by x, such as 8x3x224x224", text));
    dims.push_back(dim);
    if (stop == end) return dims;
    at = stop + 1;
  }
}

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::uint8:
    case DType::int8:
    case DType::uint16:
    case DType::int16:
    case DType::int32:
    case DType::int64:
    case DType::uint32:
    case DType::uint64:
    case DType::boolean:
      return true;
    default:
      return false;
  }
}

bool is_float(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16 ||
         dtype == DType::float64;
}

Tensor random_tensor(const TensorInfo& info, const Dims& dims, std::mt19937& generator) {
  if (is_float(info.dtype)) {
    Tensor tensor = Tensor::uninitialized(DType::float32, dims);
    std::normal_distribution<float> normal;
    for (float& x : tensor.data<float>()) x = normal(generator);
    return info.dtype == DType::float32 ? tensor : convert(tensor, info.dtype);
  }
  if (!is_integer(info.dtype))
    fail(ErrorCode::unsupported,
         "input '{}' takes {}, for which there are no random numbers; give --input {}:FILE.npy", info.name,
         describe(info), info.name);
  Tensor tensor = Tensor::uninitialized(DType::uint8, dims);
  for (uint8_t& x : tensor.data<uint8_t>()) x = static_cast<uint8_t>(generator() >> 31);
  return info.dtype == DType::uint8 ? tensor : convert(tensor, info.dtype);
}

}  // namespace

BenchInputs::BenchInputs(const InferEngine& engine, const std::vector<std::string>& shapes,
                         const std::vector<std::string>& files, unsigned seed)
    : engine_(engine), seed_(seed) {
  const std::vector<std::string> shape_texts = values_by_input("--shape", shapes, engine);
  const std::vector<std::string> file_names = values_by_input("--input", files, engine);
  for (size_t i = 0; i < engine.inputs().size(); ++i) {
    const TensorInfo& info = engine.inputs()[i];
    if (!shape_texts[i].empty() && !file_names[i].empty())
      throw UsageError(
          fmt::format("input '{}' is given by --shape and by --input; one of them is enough", info.name));
    shapes_.push_back(shape_texts[i].empty() ? std::nullopt : std::optional(parse_dims(shape_texts[i])));
    if (shapes_[i] && info.has_rank && shapes_[i]->size() != info.dims.size())
      fail(ErrorCode::invalid_argument, "--shape {}:{}: {} dims; the input takes {}", info.name,
           shape_texts[i], shapes_[i]->size(), describe(info));
    files_.push_back(file_names[i].empty() ? Tensor{} : load_input(file_names[i], info));
  }
  // Where the analysis proves nothing, dynamic first dims are what a caller would call the batch.
  const bool proven = engine.batch_report().splittable;
  for (const TensorInfo& info : engine.inputs()) {
    const bool first_is_open = info.has_rank && !info.dims.empty() && info.dims[0] < 0;
    batch_axes_.push_back(proven ? info.batch_axis : first_is_open ? 0 : -1);
  }
}

/// Throws Error unless the model runs batches of `batch`.
void BenchInputs::require_batch(int64_t batch) const {
  const BatchReport report = engine_.batch_report();
  if (report.splittable) return;
  if (report.fixed_batch > 0 && report.fixed_batch != batch)
    fail(ErrorCode::invalid_argument,
         "--batch {}: the model is made for a batch of {} and cannot be repeated: {}", batch,
         report.fixed_batch, report.reason);
  if (std::all_of(batch_axes_.begin(), batch_axes_.end(), [](int axis) { return axis < 0; }) &&
      report.fixed_batch != batch)
    fail(ErrorCode::invalid_argument, "--batch {}: no input has a batch axis; the model takes {}", batch,
         input_list(engine_));
}

Dims BenchInputs::dims_of(size_t input, std::optional<int64_t> batch) const {
  const TensorInfo& info = engine_.inputs()[input];
  const auto axis = static_cast<size_t>(std::max(batch_axes_[input], 0));
  const bool has_batch = batch_axes_[input] >= 0;
  if (files_[input].defined()) {
    const Dims& dims = files_[input].dims();
    if (batch && has_batch && axis < dims.size() && dims[axis] != *batch)
      fail(ErrorCode::invalid_argument, "--batch {}: the file for input '{}' holds {}", *batch, info.name,
           describe(files_[input]));
    return dims;
  }
  if (!shapes_[input] && !info.has_rank)
    fail(ErrorCode::invalid_argument, "input '{}' may have any rank; give --shape {}:DIMxDIM...", info.name,
         info.name);
  Dims dims = shapes_[input].value_or(info.dims);
  if (batch && has_batch && axis < dims.size()) dims[axis] = *batch;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] >= 0) continue;
    if (!has_batch || i != axis)
      fail(ErrorCode::invalid_argument,
           "input '{}' takes {}; give the dims to measure with --shape {}:DIMxDIM...", info.name,
           describe(info), info.name);
    dims[i] = 1;
  }
  return dims;
}

void BenchInputs::plan_parts(BenchBatch& batch) const {
  const BatchReport report = engine_.batch_report();
  int64_t part = batch.size;
  if (report.splittable) {
    part = report.fixed_batch > 0 ? report.fixed_batch : (batch.size + engine_.spas() - 1) / engine_.spas();
    batch.parts = std::min<int64_t>(engine_.spas(), (batch.size + part - 1) / part);
  }
  for (size_t i = 0; i < batch.inputs.size(); ++i) {
    batch.part_dims.push_back(batch.inputs[i].dims());
    const int axis = batch_axes_[i];
    if (axis >= 0 && axis < batch.inputs[i].rank()) batch.part_dims[i][static_cast<size_t>(axis)] = part;
  }
}

BenchBatch BenchInputs::make(std::optional<int64_t> batch) const {
  if (batch) require_batch(*batch);
  BenchBatch made;
  made.size = std::max<int64_t>(engine_.batch_report().fixed_batch, 1);
  std::mt19937 generator(seed_);
  bool sized = false;
  for (size_t i = 0; i < engine_.inputs().size(); ++i) {
    const Dims dims = dims_of(i, batch);
    made.inputs.push_back(files_[i].defined() ? files_[i]
                                              : random_tensor(engine_.inputs()[i], dims, generator));
    const int axis = batch_axes_[i];
    if (sized || axis < 0 || axis >= made.inputs[i].rank()) continue;
    made.size = made.inputs[i].dim(axis);
    sized = true;
  }
  plan_parts(made);
  return made;
}

}  // namespace spinel::cli
