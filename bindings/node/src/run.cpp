// Runs, in the background and in place, and profiles.
#include <utility>

#include "background.hpp"
#include "engine.hpp"
#include "tensors.hpp"

namespace spinel_node {

namespace {

/// The buffers of one run of [engine, inputs, outputs]: outputs is undefined, or an array of tensors and
/// nulls.
class Buffers {
 public:
  explicit Buffers(const Call& call)
      : engine(engine_of(call)), inputs(call.env, call[1], "input"), outputs(engine->output_count()) {
    for (spinel_tensor& output : outputs) spinel_tensor_init(&output, sizeof output);
    place_outputs(call.env, call[2]);
    const napi_value all = make_array(call.env, 2);
    set(call.env, all, size_t{0}, call[1]);
    set(call.env, all, 1, data_);
    keep_ = Reference(call.env, all);
  }
  Buffers(const Buffers&) = delete;
  ~Buffers() {
    for (spinel_tensor& output : outputs) spinel_tensor_release(&output);
  }

  /// The outputs of a run that succeeded: {dtype, dims, data}, or undefined for those that the caller gave.
  napi_value results(napi_env env, bool external) {
    napi_value all = keep_.get();
    const napi_value data = get(env, all, 1), out = make_array(env, outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      spinel_tensor& output = outputs[i];
      const napi_value placed = get(env, data, i);
      if (is_missing(env, placed))
        set(env, out, i, take_tensor(env, output, external));
      else if (given_[i])
        set(env, out, i, undefined(env));
      else
        set(env, out, i, make_tensor(env, output.dtype, dims_[i].data(), dims_[i].size(), placed));
    }
    return out;
  }

  const std::shared_ptr<Engine> engine;
  const Tensors inputs;
  std::vector<spinel_tensor> outputs;

 private:
  void place_outputs(napi_env env, napi_value given) {
    const bool any_given = !is_missing(env, given);
    if (any_given && length(env, given, "outputs") != outputs.size())
      misuse("outputs has " + std::to_string(length(env, given, "outputs")) + " tensors; the model has " +
             std::to_string(outputs.size()) + " outputs");
    data_ = make_array(env, outputs.size());
    given_.resize(outputs.size());
    dims_.resize(outputs.size());
    const auto& known = engine->output_dims(inputs.shapes());
    for (size_t i = 0; i < outputs.size(); ++i) {
      const napi_value tensor = any_given ? get(env, given, i) : undefined(env);
      if (!is_missing(env, tensor))
        use_given(env, i, tensor);
      else if (known[i] && engine->output_dtype(i) != SPINEL_STRING)
        use_new(env, i, *known[i]);
    }
  }

  void use_given(napi_env env, size_t index, napi_value tensor) {
    const napi_value list = make_array(env, 1);
    set(env, list, size_t{0}, tensor);
    const Tensors read(env, list, "output");
    const spinel_tensor& its = read.structs()[0];
    if (its.dtype == SPINEL_STRING)
      misuse("outputs has a string tensor; the library allocates those: give null for it");
    dims_[index].assign(its.dims, its.dims + its.rank);
    outputs[index] = its;
    outputs[index].dims = dims_[index].data();
    given_[index] = true;
    set(env, data_, index, get(env, tensor, "data"));
  }

  void use_new(napi_env env, size_t index, const Engine::Dims& dims) {
    const Room room = make_room(env, engine->output_dtype(index), dims);
    if (room.size_bytes == 0) return;  // Without bytes there is no pointer: the library allocates.
    dims_[index] = dims;
    outputs[index].dtype = engine->output_dtype(index);
    outputs[index].dims = dims_[index].data();
    outputs[index].rank = dims.size();
    outputs[index].data = room.bytes;
    outputs[index].size_bytes = room.size_bytes;
    set(env, data_, index, room.data);
  }

  std::vector<Engine::Dims> dims_;
  std::vector<bool> given_;
  napi_value data_ =
      nullptr;      // During the constructor alone: typed arrays, undefined where the library allocates.
  Reference keep_;  // [inputs, data_]
};

/// A run on the engine's own threads.
class Run : public Job {
 public:
  explicit Run(const Call& call) : buffers_(call) {}
  ~Run() override { spinel_request_release(request_); }

  void start(Environment& environment, std::unique_ptr<Event> ticket) override {
    environment_ = &environment;
    ticket_ = std::move(ticket);
    spinel_error* error = nullptr;
    const std::vector<spinel_tensor>& inputs = buffers_.inputs.structs();
    check(spinel_engine_run_async(buffers_.engine->get(), inputs.data(), inputs.size(),
                                  buffers_.outputs.data(), buffers_.outputs.size(), &request_, &error),
          error);
    const auto finished = [](void* user) {
      Run& run = *static_cast<Run*>(user);
      run.environment_->post(std::move(run.ticket_));
    };
    check(spinel_request_on_finished(request_, finished, this, &error), error);
  }

  void cancel() noexcept override { spinel_request_cancel(request_); }

  napi_value result(napi_env env) override {
    spinel_error* error = nullptr;
    check(spinel_request_wait(request_, -1, nullptr, &error), error);
    return buffers_.results(env, true);
  }

 private:
  Environment* environment_ = nullptr;
  std::unique_ptr<Event> ticket_;
  Buffers buffers_;  // Outlives the request.
  spinel_request* request_ = nullptr;
};

class Profile : public Background {
 public:
  explicit Profile(const Call& call) : buffers_(call) {}
  ~Profile() override { spinel_profile_release(profile_); }

 private:
  void work() override {
    spinel_error* error = nullptr;
    const std::vector<spinel_tensor>& inputs = buffers_.inputs.structs();
    check(spinel_engine_profile(buffers_.engine->get(), inputs.data(), inputs.size(), token(), &profile_,
                                &error),
          error);
  }

  napi_value finish(napi_env env) override {
    const size_t count = spinel_profile_layer_count(profile_);
    const napi_value layers = make_array(env, count);
    for (size_t i = 0; i < count; ++i) {
      spinel_layer_time layer{};
      layer.struct_size = sizeof layer;
      spinel_error* error = nullptr;
      check(spinel_profile_layer(profile_, i, &layer, &error), error);
      const napi_value out = make_object(env), sources = make_array(env, layer.source_count);
      for (size_t j = 0; j < layer.source_count; ++j) set(env, sources, j, of_text(env, layer.sources[j]));
      set(env, out, "name", of_text(env, layer.name));
      set(env, out, "op", of_text(env, layer.op));
      set(env, out, "kernel", of_text(env, layer.kernel));
      set(env, out, "sources", sources);
      set(env, out, "startNs", of_number(env, static_cast<double>(layer.start_ns)));
      set(env, out, "durationNs", of_number(env, static_cast<double>(layer.duration_ns)));
      set(env, out, "flops", of_number(env, layer.flops));
      set(env, layers, i, out);
    }
    const napi_value profile = make_object(env);
    set(env, profile, "durationNs",
        of_number(env, static_cast<double>(spinel_profile_duration_ns(profile_))));
    set(env, profile, "layers", layers);
    return profile;
  }

  Buffers buffers_;
  spinel_profile* profile_ = nullptr;
};

}  // namespace

napi_value run(const Call& call) { return Environment::of(call.env).start(std::make_unique<Run>(call)); }

napi_value run_in_place(const Call& call) {
  Buffers buffers(call);
  spinel_error* error = nullptr;
  const std::vector<spinel_tensor>& inputs = buffers.inputs.structs();
  check(spinel_engine_run(buffers.engine->get(), inputs.data(), inputs.size(), buffers.outputs.data(),
                          buffers.outputs.size(), nullptr, &error),
        error);
  // In place no finalizer would run before the event loop's next turn, so that a loop of runs would fill the
  // memory.
  return buffers.results(call.env, false);
}

napi_value profile(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Profile>(call));
}

}  // namespace spinel_node
