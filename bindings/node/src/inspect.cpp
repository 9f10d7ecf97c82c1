// Values between layers.
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include "background.hpp"
#include "buffers.hpp"

namespace spinel_node {

namespace {

/// {name, dtype, dims, layer, node, op, sources, inputs}
napi_value describe_value(napi_env env, const spinel_layer_value& value) {
  napi_value null;
  check(env, napi_get_null(env, &null));
  const napi_value out = make_object(env), dims = make_array(env, value.rank);
  for (size_t axis = 0; axis < value.rank; ++axis)
    set(env, dims, axis, value.dims[axis] < 0 ? null : of_number(env, static_cast<double>(value.dims[axis])));
  set(env, out, "name", of_text(env, value.name));
  set(env, out, "dtype", of_text(env, spinel_dtype_name(value.dtype)));
  set(env, out, "dims", value.has_rank != 0 ? dims : null);
  set(env, out, "layer", of_number(env, static_cast<double>(value.layer)));
  set(env, out, "node", of_text(env, value.node));
  set(env, out, "op", of_text(env, value.op));
  set(env, out, "sources", of_texts(env, value.sources, value.source_count));
  set(env, out, "inputs", of_texts(env, value.inputs, value.input_count));
  return out;
}

/// A copy of a value, which the engine's thread makes.
class Seen {
 public:
  Seen(const char* name, const spinel_tensor& tensor)
      : name_(name), dims_(tensor.dims, tensor.dims + tensor.rank), tensor_(tensor) {
    tensor_.dims = dims_.data();
    tensor_.owner = nullptr;
    if (tensor.dtype == SPINEL_STRING) {
      const auto* texts = static_cast<const spinel_string*>(tensor.data);
      for (size_t i = 0; i < tensor.size_bytes / sizeof *texts; ++i)
        texts_.emplace_back(texts[i].data, texts[i].size_bytes);
      for (const std::string& text : texts_) elements_.push_back({text.data(), text.size()});
      tensor_.data = elements_.data();
    } else {
      bytes_.resize(tensor.size_bytes);
      if (!bytes_.empty()) std::memcpy(bytes_.data(), tensor.data, bytes_.size());
      tensor_.data = bytes_.data();
    }
  }
  Seen(const Seen&) = delete;

  const std::string& name() const { return name_; }
  const spinel_tensor& tensor() const { return tensor_; }

 private:
  std::string name_;
  std::vector<int64_t> dims_;
  std::vector<unsigned char> bytes_;
  std::deque<std::string> texts_;
  std::vector<spinel_string> elements_;
  spinel_tensor tensor_;
};

/// [engine, inputs, undefined, names]: {outputs, values}, values being pairs of name and tensor.
class Inspect : public Background {
 public:
  explicit Inspect(const Call& call) : buffers_(call) {
    for (size_t i = 0, count = length(call.env, call[3], "the values' names"); i < count; ++i)
      names_.push_back(
          texts_.emplace_back(to_text(call.env, get(call.env, call[3], i), "a value's name")).c_str());
  }

 private:
  static int32_t see(void* user, const spinel_layer_value* value, const spinel_tensor* tensor) noexcept {
    try {
      static_cast<Inspect*>(user)->seen_.emplace_back(value->name, *tensor);
      return SPINEL_OK;
    } catch (...) {
      return SPINEL_OUT_OF_MEMORY;
    }
  }

  void work() override {
    spinel_error* error = nullptr;
    const std::vector<spinel_tensor>& inputs = buffers_.inputs.structs();
    check(spinel_engine_inspect(buffers_.engine->get(), inputs.data(), inputs.size(),
                                names_.empty() ? nullptr : names_.data(), names_.size(), see, this,
                                buffers_.outputs.data(), buffers_.outputs.size(), token(), &error),
          error);
  }

  napi_value finish(napi_env env) override {
    const napi_value out = make_object(env), values = make_array(env, seen_.size());
    for (size_t i = 0; i < seen_.size(); ++i) {
      const napi_value pair = make_array(env, 2);
      set(env, pair, size_t{0}, of_text(env, seen_[i].name()));
      set(env, pair, 1, lend_tensor(env, seen_[i].tensor(), nullptr));
      set(env, values, i, pair);
    }
    set(env, out, "outputs", buffers_.results(env, true));
    set(env, out, "values", values);
    return out;
  }

  Buffers buffers_;
  std::deque<std::string> texts_;
  std::vector<const char*> names_;
  std::deque<Seen> seen_;
};

}  // namespace

/// [engine, dims of the inputs]
napi_value layer_values(const Call& call) {
  const Shapes shapes(call.env, call[1]);
  spinel_layer_values* made = nullptr;
  spinel_error* error = nullptr;
  check(spinel_engine_layer_values(engine_of(call)->get(), shapes.data(), shapes.size(), &made, &error),
        error);
  const Owned<spinel_layer_values> values(made, spinel_layer_values_release);
  const size_t count = spinel_layer_values_count(made);
  const napi_value out = make_array(call.env, count);
  for (size_t i = 0; i < count; ++i) {
    auto value = sized<spinel_layer_value>();
    check(spinel_layer_values_get(made, i, &value, &error), error);
    set(call.env, out, i, describe_value(call.env, value));
  }
  return out;
}

napi_value inspect(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Inspect>(call));
}

}  // namespace spinel_node
