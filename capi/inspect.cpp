#include <cstring>
#include <memory>

#include "engine_handle.hpp"
#include "run.hpp"
#include "strings.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace {

/// The C view of a LayerValue: pointers into it and into this.
struct View {
  explicit View(const LayerValue& from)
      : value(from), sources(pointers(from.sources)), inputs(pointers(from.inputs)) {}

  spinel_layer_value fields() const {
    spinel_layer_value out{};
    out.struct_size = sizeof out;
    out.name = value.name.c_str();
    out.dims = value.dims.data();
    out.rank = value.dims.size();
    out.dtype = static_cast<int32_t>(value.dtype);
    out.has_rank = value.has_rank ? 1 : 0;
    out.layer = value.layer;
    out.node = value.node.c_str();
    out.op = value.op.c_str();
    out.sources = sources.data();
    out.source_count = sources.size();
    out.inputs = inputs.data();
    out.input_count = inputs.size();
    return out;
  }

  const LayerValue& value;
  std::vector<const char*> sources;
  std::vector<const char*> inputs;
};

/// What a callback's code that is not SPINEL_OK becomes.
ErrorCode error_code(int32_t code) {
  return code >= SPINEL_INVALID_ARGUMENT && code <= SPINEL_INTERNAL ? static_cast<ErrorCode>(code)
                                                                    : ErrorCode::internal;
}

void give(spinel_inspect_callback callback, void* user, const LayerValue& value, const Tensor& tensor) {
  const View view(value);
  const spinel_layer_value fields = view.fields();
  Tensor shown = tensor;
  spinel_tensor given = borrowed_view(shown);
  std::vector<spinel_string> strings;
  if (tensor.dtype() == DType::string) {
    for (const std::string& text : tensor.data<std::string>()) strings.push_back({text.data(), text.size()});
    given.data = strings.data();
    given.size_bytes = strings.size() * sizeof(spinel_string);
  }
  const int32_t code = callback(user, &fields, &given);
  if (code != SPINEL_OK)
    fail(error_code(code), "the callback ended the inspection at value '{}' with {}", value.name,
         spinel_code_name(code));
}

/// What the caller puts in the value's place; undefined: nothing.
Tensor ask(spinel_replace_callback replace, void* user, const LayerValue& value) {
  const View view(value);
  const spinel_layer_value fields = view.fields();
  spinel_tensor given;
  spinel_tensor_init(&given, sizeof given);
  const int32_t code = replace(user, &fields, &given);
  if (code != SPINEL_OK)
    fail(error_code(code), "the callback ended the inspection at value '{}' with {}", value.name,
         spinel_code_name(code));
  if (given.data == nullptr) return {};
  Tensor tensor = read_input(given, fmt::format("the replacement of value '{}'", value.name));
  if (tensor.dims() != value.dims || tensor.dtype() == DType::string || value.dtype == DType::string)
    fail(ErrorCode::invalid_argument, "the replacement of value '{}' is {}; it is {}{}", value.name,
         describe(tensor), dtype_name(value.dtype), dims_text(value.dims));
  return tensor;
}

/// Puts results into the caller's tensors. Throws Error, with nothing written, if one does not fit.
void store(const std::vector<Tensor>& results, RunBuffers& buffers) {
  for (size_t i = 0; i < results.size(); ++i) {
    const Tensor& target = buffers.outputs[i];
    if (!target.defined()) continue;
    if (target.dtype() != results[i].dtype() || target.dims() != results[i].dims())
      fail(ErrorCode::invalid_argument, "outputs[{}] is {}{}, the result is {}{}", i,
           dtype_name(target.dtype()), dims_text(target.dims()), dtype_name(results[i].dtype()),
           dims_text(results[i].dims()));
  }
  for (size_t i = 0; i < results.size(); ++i) {
    Tensor& target = buffers.outputs[i];
    if (target.defined())
      std::memcpy(target.raw(), results[i].raw(), results[i].size_bytes());
    else
      target = results[i];
  }
  deliver(buffers.targets, buffers.outputs);
}

std::vector<std::string> read_names(const char* const* names, size_t count) {
  require_array(names, count, "names");
  std::vector<std::string> out;
  for (size_t i = 0; i < count; ++i)
    out.emplace_back(require_text(names[i], fmt::format("names[{}]", i).c_str()));
  return out;
}

void inspect(const spinel_engine& engine, std::vector<std::string> names, spinel_inspect_callback callback,
             spinel_replace_callback replace, void* user, RunBuffers buffers,
             const spinel_cancel_token* token) {
  if (buffers.outputs.size() != engine.outputs.size())
    misuse("output_count is {}; the model has {}", buffers.outputs.size(), engine.outputs.size());
  Inspection inspection;
  inspection.names = std::move(names);
  if (callback != nullptr)
    inspection.value = [&](const LayerValue& value, const Tensor& tensor) {
      give(callback, user, value, tensor);
    };
  if (replace != nullptr)
    inspection.replace = [&](const LayerValue& value) { return ask(replace, user, value); };
  const CancelToken cancel = token == nullptr ? CancelToken() : token->token;
  store(engine.engine.inspect(buffers.inputs, inspection, &cancel), buffers);
}

}  // namespace

struct spinel_layer_values {
  std::vector<LayerValue> values;
  std::vector<View> views;
};

int32_t spinel_engine_layer_values(const spinel_engine* engine, const spinel_shape* inputs,
                                   size_t input_count, spinel_layer_values** values, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    require(values, "values");
    auto out = std::make_unique<spinel_layer_values>();
    out->values = engine->engine.layer_values(read_shapes(inputs, input_count, "inputs"));
    for (const LayerValue& value : out->values) out->views.emplace_back(value);
    *values = out.release();
  });
}

size_t spinel_layer_values_count(const spinel_layer_values* values) {
  return values == nullptr ? 0 : values->views.size();
}

int32_t spinel_layer_values_get(const spinel_layer_values* values, size_t index, spinel_layer_value* value,
                                spinel_error** error) {
  return guard(__func__, error, [&] {
    require(values, "values");
    checked_struct_size(value, "value");
    if (index >= values->views.size())
      fail(ErrorCode::not_found, "value {} does not exist; there are {}", index, values->views.size());
    write_struct(value, values->views[index].fields());
  });
}

void spinel_layer_values_release(spinel_layer_values* values) { delete values; }

int32_t spinel_engine_inspect(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                              const char* const* names, size_t name_count, spinel_inspect_callback callback,
                              void* user, spinel_tensor* outputs, size_t output_count,
                              const spinel_cancel_token* token, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    if (callback == nullptr) misuse("callback is NULL");
    inspect(*engine, read_names(names, name_count), callback, nullptr, user,
            read_buffers(inputs, input_count, outputs, output_count), token);
  });
}

int32_t spinel_engine_replace(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                              const char* const* names, size_t name_count, spinel_inspect_callback callback,
                              spinel_replace_callback replace, void* user, spinel_tensor* outputs,
                              size_t output_count, const spinel_cancel_token* token, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(engine, "engine");
    if (replace == nullptr) misuse("replace is NULL");
    inspect(*engine, read_names(names, name_count), callback, replace, user,
            read_buffers(inputs, input_count, outputs, output_count), token);
  });
}
