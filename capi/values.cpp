#include "values.hpp"

#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace spinel::capi {

std::vector<Value> read_values(const spinel_value* const* values, size_t count, const char* argument) {
  require_array(values, count, argument);
  std::vector<Value> out;
  for (size_t i = 0; i < count; ++i) {
    if (values[i] == nullptr) misuse("{}[{}] is NULL", argument, i);
    out.push_back(values[i]->value);
  }
  return out;
}

}  // namespace spinel::capi

namespace {

const char* kind_text(const Value& value) {
  return value.is_tensor()     ? "a tensor"
         : value.is_sequence() ? "a sequence"
                               : "an optional without an element";
}

}  // namespace

int32_t spinel_value_create_tensor(const spinel_tensor* tensor, spinel_value** value, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(value, "value");
    const spinel_tensor& from = struct_array(&require(tensor, "tensor"), 1, "tensor")[0];
    *value = new spinel_value{from.owner != nullptr ? owned_tensor(from) : read_input(from, "tensor")};
  });
}

int32_t spinel_value_create_sequence(const spinel_value* const* elements, size_t count, spinel_value** value,
                                     spinel_error** error) {
  return guard(__func__, error, [&] {
    require(value, "value");
    *value = new spinel_value{read_values(elements, count, "elements")};
  });
}

int32_t spinel_value_create_empty(spinel_value** value, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(value, "value");
    *value = new spinel_value;
  });
}

int32_t spinel_value_get_kind(const spinel_value* value) {
  if (value == nullptr || value->value.empty()) return SPINEL_KIND_OPTIONAL;
  return value->value.is_tensor() ? SPINEL_KIND_TENSOR : SPINEL_KIND_SEQUENCE;
}

size_t spinel_value_count(const spinel_value* value) {
  return value != nullptr && value->value.is_sequence() ? value->value.sequence().size() : 0;
}

int32_t spinel_value_get_element(const spinel_value* value, size_t index, spinel_value** element,
                                 spinel_error** error) {
  return guard(__func__, error, [&] {
    const Value& from = require(value, "value").value;
    require(element, "element");
    if (!from.is_sequence()) misuse("value is {}; a sequence is needed", kind_text(from));
    if (index >= from.sequence().size())
      fail(ErrorCode::not_found, "element {} does not exist; the sequence has {}", index,
           from.sequence().size());
    *element = new spinel_value{from.sequence()[index]};
  });
}

int32_t spinel_value_get_tensor(const spinel_value* value, spinel_tensor* tensor, spinel_error** error) {
  return guard(__func__, error, [&] {
    const Value& from = require(value, "value").value;
    const auto target = struct_array(&require(tensor, "tensor"), 1, "tensor");
    if (!from.is_tensor()) misuse("value is {}; a tensor is needed", kind_text(from));
    std::optional<Tensor> view = read_output(target[0], "tensor");
    if (view && (view->dtype() != from.tensor().dtype() || view->dims() != from.tensor().dims()))
      misuse("tensor is {}; the value is {}", describe(*view), describe(from.tensor()));
    if (view) copy_elements(from.tensor(), *view);
    deliver(target, {&from.tensor(), 1});
  });
}

void spinel_value_release(spinel_value* value) { delete value; }
