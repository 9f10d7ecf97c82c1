// Values between layers.
#include <string>
#include <utility>

#include "background.hpp"
#include "buffers.hpp"
#include "visits.hpp"

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
  set_number(env, out, "layer", value.layer);
  set(env, out, "node", of_text(env, value.node));
  set(env, out, "op", of_text(env, value.op));
  set(env, out, "sources", of_texts(env, value.sources, value.source_count));
  set(env, out, "inputs", of_texts(env, value.inputs, value.input_count));
  return out;
}

/// Asks JavaScript for other elements of a value.
class Asking : public Visit {
 public:
  /// All of it must live until the visit is over.
  Asking(const Reference& function, const spinel_layer_value& value, const TensorCopy& tensor)
      : function_(function), value_(value), tensor_(tensor) {}

  /// NULL: the value stays.
  std::unique_ptr<TensorCopy> answer;

 private:
  const void* subject() const override { return &function_; }

  /// The function gives a tensor, undefined, or false if it failed.
  void serve(napi_env env) override {
    const napi_value arguments[] = {describe_value(env, value_), lend_tensor(env, tensor_.get(), nullptr)};
    napi_value given;
    check(env, napi_call_function(env, undefined(env), function_.get(), 2, arguments, &given));
    if (abandoned()) throw Pending{};
    napi_valuetype type;
    check(env, napi_typeof(env, given, &type));
    if (type == napi_boolean) throw Failure{SPINEL_CANCELLED, "replace() failed", ""};
    if (type != napi_object) return;
    const napi_value list = make_array(env, 1);
    set(env, list, size_t{0}, given);
    answer = std::make_unique<TensorCopy>(Tensors(env, list, "replacement").structs()[0]);
  }

  void abandon(napi_env) noexcept override {}

  const Reference& function_;
  const spinel_layer_value& value_;
  const TensorCopy& tensor_;
};

/// [engine, inputs, undefined, names, replace]: {outputs, values}, values being pairs of name and tensor.
class Inspect : public Background {
 public:
  explicit Inspect(const Call& call) : buffers_(call), environment_(&Environment::of(call.env)) {
    if (!is_missing(call.env, call[4])) replace_ = Reference(call.env, call[4]);
    for (size_t i = 0, count = length(call.env, call[3], "the values' names"); i < count; ++i)
      names_.push_back(
          texts_.emplace_back(to_text(call.env, get(call.env, call[3], i), "a value's name")).c_str());
  }

 private:
  static int32_t see(void* user, const spinel_layer_value* value, const spinel_tensor* tensor) noexcept {
    try {
      Inspect& inspect = *static_cast<Inspect*>(user);
      inspect.tensors_.emplace_back(*tensor);
      inspect.seen_.emplace_back(value->name);
      return SPINEL_OK;
    } catch (...) {
      return SPINEL_OUT_OF_MEMORY;
    }
  }

  static int32_t replace(void* user, const spinel_layer_value* value, spinel_tensor* replacement) noexcept {
    Inspect& inspect = *static_cast<Inspect*>(user);
    try {
      const auto asking = std::make_shared<Asking>(inspect.replace_, *value, inspect.tensors_.back());
      inspect.environment_->visits().call(asking);
      inspect.replacing_ = std::move(asking->answer);
      if (inspect.replacing_ != nullptr) *replacement = inspect.replacing_->get();
      return SPINEL_OK;
    } catch (Failure& failure) {
      inspect.failure_ = std::move(failure);
      return inspect.failure_->code;
    } catch (...) {
      return SPINEL_OUT_OF_MEMORY;
    }
  }

  void work() override {
    spinel_error* error = nullptr;
    const std::vector<spinel_tensor>& inputs = buffers_.inputs.structs();
    if (replace_) {
      const int32_t code =
          spinel_engine_replace(buffers_.engine->get(), inputs.data(), inputs.size(),
                                names_.empty() ? nullptr : names_.data(), names_.size(), see, replace, this,
                                buffers_.outputs.data(), buffers_.outputs.size(), token(), &error);
      if (failure_) spinel_error_release(std::exchange(error, nullptr));
      if (failure_) throw std::move(*failure_);
      return check(code, error);
    }
    check(spinel_engine_inspect(buffers_.engine->get(), inputs.data(), inputs.size(),
                                names_.empty() ? nullptr : names_.data(), names_.size(), see, this,
                                buffers_.outputs.data(), buffers_.outputs.size(), token(), &error),
          error);
  }

  napi_value finish(napi_env env) override {
    const napi_value out = make_object(env), values = make_array(env, seen_.size());
    for (size_t i = 0; i < seen_.size(); ++i) {
      const napi_value pair = make_array(env, 2);
      set(env, pair, size_t{0}, of_text(env, seen_[i]));
      set(env, pair, 1, lend_tensor(env, tensors_[i].get(), nullptr));
      set(env, values, i, pair);
    }
    set(env, out, "outputs", buffers_.results(env, true));
    set(env, out, "values", values);
    return out;
  }

  Buffers buffers_;
  std::deque<std::string> texts_;
  std::vector<const char*> names_;
  std::deque<TensorCopy> tensors_;
  std::vector<std::string> seen_;  // Their names.
  Environment* environment_;
  Reference replace_;
  std::unique_ptr<TensorCopy> replacing_;  // Until the next value.
  std::optional<Failure> failure_;         // Of replace_.
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
