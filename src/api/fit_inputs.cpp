#include "api/fit_inputs.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace spinel::api {
namespace {

const TensorInfo* first_other(const std::vector<TensorInfo>& infos) {
  const auto found =
      std::ranges::find_if(infos, [](const TensorInfo& info) { return info.kind != ValueKind::tensor; });
  return found == infos.end() ? nullptr : &*found;
}

std::string text_of(const Value& value) {
  if (value.is_tensor()) return describe(value.tensor());
  return value.empty() ? "empty" : fmt::format("a sequence of {}", value.sequence().size());
}

bool is_owned(const Value& value) {
  return value.is_tensor() ? value.tensor().owned()
                           : value.empty() || std::ranges::all_of(value.sequence(), is_owned);
}

}  // namespace

bool has_tensors_alone(const backend::Model& model) {
  return first_other(model.inputs()) == nullptr && first_other(model.outputs()) == nullptr;
}

void require_tensors_alone(const backend::Model& model) {
  const TensorInfo* input = first_other(model.inputs());
  const TensorInfo* other = input != nullptr ? input : first_other(model.outputs());
  if (other != nullptr)
    fail(ErrorCode::unsupported,
         "{} '{}' is {}; run_values() runs such models (spinel_engine_run_values() in C)",
         input != nullptr ? "input" : "output", other->name, describe(*other));
}

Value owned(Value value) {
  if (value.is_tensor()) return value.tensor().owned() ? value : Value(value.tensor().clone());
  if (!value.is_sequence() || is_owned(value)) return value;
  Sequence elements;
  for (const Value& element : value.sequence()) elements.push_back(owned(element));
  return elements;
}

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

void check_kind(const TensorInfo& info, const Value& input) {
  if (info.kind == ValueKind::sequence ? !input.is_sequence() : !input.is_tensor())
    fail(ErrorCode::invalid_argument, "input '{}' is {}; it takes {}", info.name, text_of(input),
         describe(info));
}

void check_value(const TensorInfo& info, const Value& input) {
  if (info.kind == ValueKind::optional) {
    if (!input.empty() && info.element) check_value(*info.element, input);
    return;
  }
  check_kind(info, input);
  if (info.kind == ValueKind::sequence) {
    for (const Value& element : input.sequence())
      if (info.element) check_value(*info.element, element);
    return;
  }
  check_dtype_and_rank(info, input.tensor());
  for (size_t axis = 0; axis < info.dims.size(); ++axis)
    if (info.dims[axis] >= 0 && info.dims[axis] != input.tensor().dims()[axis])
      fail(ErrorCode::invalid_argument, "input '{}' has dims {}; it takes {}", info.name,
           dims_text(input.tensor().dims()), describe(info));
}

}  // namespace spinel::api
