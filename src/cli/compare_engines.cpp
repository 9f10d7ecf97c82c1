#include "cli/compare_engines.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "backend/value_groups.hpp"
#include "base/text.hpp"

namespace spinel::cli {
namespace {

/// JSON has no infinity.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

std::vector<Dims> dims_of(const std::vector<Tensor>& tensors) {
  std::vector<Dims> dims;
  for (const Tensor& tensor : tensors) dims.push_back(tensor.dims());
  return dims;
}

/// Values that layers of the group read and that earlier groups hold.
std::vector<std::string> values_before(const std::vector<LayerValue>& group,
                                       const std::set<std::string>& known) {
  std::set<std::string> inside;
  for (const LayerValue& value : group) inside.insert(value.name);
  std::set<std::string> before;
  for (const LayerValue& value : group)
    for (const std::string& input : value.inputs)
      if (known.contains(input) && !inside.contains(input)) before.insert(input);
  return {before.begin(), before.end()};
}

/// Compares one group; `before` are values that feed it from outside.
void compare_group(const FedEngine& actual, const FedEngine& reference, const std::vector<LayerValue>& group,
                   const std::vector<std::string>& before, bool own_errors,
                   std::vector<ComparedLayer>& layers) {
  Inspection fetch;
  for (const LayerValue& value : group) fetch.names.push_back(value.name);
  if (own_errors) fetch.names.insert(fetch.names.end(), before.begin(), before.end());
  std::map<std::string, Tensor> expected;
  fetch.value = [&](const LayerValue& value, const Tensor& tensor) {
    expected.emplace(value.name, tensor.clone());
  };
  reference.engine->inspect(reference.inputs, fetch);

  const size_t first = layers.size();
  Inspection compare;
  for (const LayerValue& value : group) compare.names.push_back(value.name);
  compare.value = [&](const LayerValue& value, const Tensor& tensor) {
    const auto found = expected.find(value.name);
    if (found != expected.end())
      layers.push_back({value, compare_tensors(value.name, tensor, found->second), std::nullopt});
  };
  actual.engine->inspect(actual.inputs, compare);
  if (!own_errors) return;

  std::map<std::string, ComparedLayer*> by_name;
  for (size_t i = first; i < layers.size(); ++i) by_name[layers[i].layer.name] = &layers[i];
  Inspection feed;
  feed.names = fetch.names;
  feed.value = [&](const LayerValue& value, const Tensor& tensor) {
    if (const auto found = by_name.find(value.name); found != by_name.end())
      found->second->own = compare_tensors(value.name, tensor, expected.at(value.name));
  };
  feed.replace = [&](const LayerValue& value) {
    const auto found = expected.find(value.name);
    return found != expected.end() && found->second.dims() == value.dims ? found->second : Tensor{};
  };
  actual.engine->inspect(actual.inputs, feed);
}

}  // namespace

double default_limit(DType a, DType b) { return a == DType::float16 || b == DType::float16 ? 3e-3 : 1e-3; }

double Compared::error() const {
  return mismatch.empty() ? difference.diff2 : std::numeric_limits<double>::infinity();
}

double error_of_layer(const ComparedLayer& layer) {
  return layer.own ? layer.own->error() : layer.compared.error();
}

Compared compare_tensors(const std::string& name, const Tensor& actual, const Tensor& reference,
                         double threshold) {
  Compared out;
  out.name = name;
  out.dtype = actual.dtype();
  out.reference_dtype = reference.dtype();
  try {
    out.difference = difference(actual, reference, threshold);
    if (out.dtype == DType::float16 && out.reference_dtype != out.dtype)
      out.rounding = difference(convert(reference, out.dtype), reference).diff2;
  } catch (const Error& error) {
    out.mismatch = error.what();
  }
  return out;
}

Json to_json(const Compared& compared) {
  Json json = {{"name", compared.name},
               {"dtype", dtype_name(compared.dtype)},
               {"reference_dtype", dtype_name(compared.reference_dtype)}};
  if (!compared.mismatch.empty()) {
    json["mismatch"] = compared.mismatch;
    return json;
  }
  const Difference& d = compared.difference;
  json["diff2"] = number(d.diff2);
  json["rounding_diff2"] = number(compared.rounding);
  json["diff3_max"] = number(d.diff3_max);
  json["diff3_mean"] = number(d.diff3_mean);
  json["abs_max"] = number(d.abs_max);
  json["elements"] = d.count;
  json["nan"] = d.nan_actual;
  json["reference_nan"] = d.nan_expected;
  json["inf"] = d.inf_actual;
  json["reference_inf"] = d.inf_expected;
  return json;
}

std::string text_of(const Compared& compared) {
  if (!compared.mismatch.empty()) return compared.mismatch;
  std::string text = describe(compared.difference);
  // Plain rounding is 2e-4; more means values that float16 holds badly or not at all.
  constexpr double remarkable = 1e-3;
  if (compared.rounding > remarkable)
    text += fmt::format(", rounding the reference to float16 alone {:.3g}", compared.rounding);
  return text;
}

void share_inputs(FedEngine& actual, FedEngine& reference) {
  const auto& infos = actual.engine->inputs();
  const auto& wanted = reference.engine->inputs();
  reference.inputs.clear();
  for (const TensorInfo& info : wanted) {
    const auto found = std::ranges::find(infos, info.name, &TensorInfo::name);
    if (found == infos.end() || infos.size() != wanted.size())
      fail(ErrorCode::invalid_argument,
           "the two models do not take the same inputs: the reference's '{}' ({} inputs) against {} inputs",
           info.name, wanted.size(), infos.size());
    Tensor& own = actual.inputs[static_cast<size_t>(found - infos.begin())];
    const DType dtype = own.dtype();
    reference.inputs.push_back(dtype == info.dtype ? own : convert(own, info.dtype));
    if (dtype != info.dtype) own = convert(reference.inputs.back(), dtype);
  }
}

std::vector<Compared> compare_outputs(const InferEngine& actual, const std::vector<Tensor>& actual_results,
                                      const InferEngine& reference,
                                      const std::vector<Tensor>& reference_results) {
  std::vector<Compared> compared;
  for (size_t i = 0; i < actual_results.size(); ++i) {
    const std::string& name = actual.outputs()[i].name;
    const auto found = std::ranges::find(reference.outputs(), name, &TensorInfo::name);
    if (found == reference.outputs().end()) continue;
    compared.push_back(
        compare_tensors(name, actual_results[i],
                        reference_results[static_cast<size_t>(found - reference.outputs().begin())]));
  }
  if (compared.empty()) fail(ErrorCode::invalid_argument, "the two models have no output of the same name");
  return compared;
}

std::vector<ComparedLayer> compare_layers(const FedEngine& actual, const FedEngine& reference,
                                          bool own_errors) {
  std::set<std::string> known;
  for (const LayerValue& value : reference.engine->layer_values(dims_of(reference.inputs)))
    known.insert(value.name);
  std::vector<LayerValue> common = actual.engine->layer_values(dims_of(actual.inputs));
  std::erase_if(common, [&](const LayerValue& value) { return !known.contains(value.name); });
  if (common.empty())
    fail(ErrorCode::invalid_argument, "the two sides have no value of the same name between their layers");
  known.clear();
  for (const LayerValue& value : common) known.insert(value.name);
  std::vector<ComparedLayer> layers;
  layers.reserve(common.size());
  for (const auto& group : backend::group_values(common))
    compare_group(actual, reference, group, values_before(group, known), own_errors, layers);
  return layers;
}

}  // namespace spinel::cli
