// Runs of models whose inputs and outputs may be sequences and optionals: arrays, and null.
#include "background.hpp"
#include "engine.hpp"
#include "tensors.hpp"

namespace spinel_node {

namespace {

using Value = Owned<spinel_value>;

template <typename Create>
Value make_value(Create create) {
  spinel_value* made = nullptr;
  spinel_error* error = nullptr;
  check(create(&made, &error), error);
  return Value(made, spinel_value_release);
}

std::vector<const spinel_value*> pointers_of(const std::vector<Value>& values) {
  std::vector<const spinel_value*> pointers;
  for (const Value& value : values) pointers.push_back(value.get());
  return pointers;
}

napi_value read(napi_env env, const spinel_value* value) {
  const int32_t kind = spinel_value_get_kind(value);
  spinel_error* error = nullptr;
  if (kind == SPINEL_KIND_OPTIONAL) {
    napi_value null;
    check(env, napi_get_null(env, &null));
    return null;
  }
  if (kind == SPINEL_KIND_SEQUENCE) {
    const size_t count = spinel_value_count(value);
    const napi_value array = make_array(env, count);
    for (size_t i = 0; i < count; ++i) {
      const Value element = make_value([&](spinel_value** made, spinel_error** failure) {
        return spinel_value_get_element(value, i, made, failure);
      });
      set(env, array, i, read(env, element.get()));
    }
    return array;
  }
  spinel_tensor tensor;
  spinel_tensor_init(&tensor, sizeof tensor);
  check(spinel_value_get_tensor(value, &tensor, &error), error);
  return take_tensor(env, tensor, false);  // Values share their elements: JavaScript gets its own.
}

/// [engine, values]: the outputs
class RunValues : public Background {
 public:
  explicit RunValues(const Call& call) : engine_(engine_of(call)), keep_(call.env, call[1]) {
    for (size_t i = 0, count = length(call.env, call[1], "inputs"); i < count; ++i)
      inputs_.push_back(make(call.env, get(call.env, call[1], i)));
  }

 private:
  Value make(napi_env env, napi_value value) {
    if (is_missing(env, value)) return make_value(spinel_value_create_empty);
    bool is_sequence = false;
    check(env, napi_is_array(env, value, &is_sequence));
    if (!is_sequence) {
      const napi_value list = make_array(env, 1);
      set(env, list, size_t{0}, value);
      const spinel_tensor& tensor = tensors_.emplace_back(env, list, "input").structs()[0];
      return make_value([&](spinel_value** made, spinel_error** error) {
        return spinel_value_create_tensor(&tensor, made, error);
      });
    }
    std::vector<Value> elements;
    for (size_t i = 0, count = length(env, value, "a sequence"); i < count; ++i)
      elements.push_back(make(env, get(env, value, i)));
    const std::vector<const spinel_value*> pointers = pointers_of(elements);
    return make_value([&](spinel_value** made, spinel_error** error) {
      return spinel_value_create_sequence(pointers.data(), pointers.size(), made, error);
    });
  }

  void work() override {
    const std::vector<const spinel_value*> inputs = pointers_of(inputs_);
    std::vector<spinel_value*> made(engine_->output_count());
    outputs_.reserve(made.size());
    spinel_error* error = nullptr;
    check(spinel_engine_run_values(engine_->get(), inputs.data(), inputs.size(), made.data(), made.size(),
                                   token(), &error),
          error);
    for (spinel_value* value : made) outputs_.emplace_back(value, spinel_value_release);
  }

  napi_value finish(napi_env env) override {
    const napi_value out = make_array(env, outputs_.size());
    for (size_t i = 0; i < outputs_.size(); ++i) set(env, out, i, read(env, outputs_[i].get()));
    return out;
  }

  const std::shared_ptr<Engine> engine_;
  const Reference keep_;
  std::deque<Tensors> tensors_;
  std::vector<Value> inputs_, outputs_;
};

}  // namespace

napi_value run_values(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<RunValues>(call));
}

}  // namespace spinel_node
