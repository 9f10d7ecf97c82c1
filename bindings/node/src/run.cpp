// Runs, in the background and in place, and profiles.
#include <utility>

#include "background.hpp"
#include "buffers.hpp"
#include "visits.hpp"

namespace spinel_node {

namespace {

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

/// A run for which the caller waits.
class RunInPlace : public Background {
 public:
  explicit RunInPlace(const Call& call) : buffers_(call) {
    Visits& visits = Environment::of(call.env).visits();
    for (const std::shared_ptr<CustomOp>& op : buffers_.engine->ops())
      if (visits.serves(op.get()))
        misuse("an operator of this engine is computing: runSync() would wait for what waits for it");
  }

 private:
  bool calls_javascript() const override { return !buffers_.engine->ops().empty(); }

  void work() override {
    spinel_error* error = nullptr;
    const std::vector<spinel_tensor>& inputs = buffers_.inputs.structs();
    check(spinel_engine_run(buffers_.engine->get(), inputs.data(), inputs.size(), buffers_.outputs.data(),
                            buffers_.outputs.size(), token(), &error),
          error);
  }

  // In place no finalizer would run before the event loop's next turn, so that a loop of runs would fill the
  // memory.
  napi_value finish(napi_env env) override { return buffers_.results(env, false); }

  Buffers buffers_;
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
      auto layer = sized<spinel_layer_time>();
      spinel_error* error = nullptr;
      check(spinel_profile_layer(profile_, i, &layer, &error), error);
      const napi_value out = make_object(env);
      set(env, out, "name", of_text(env, layer.name));
      set(env, out, "op", of_text(env, layer.op));
      set(env, out, "kernel", of_text(env, layer.kernel));
      set(env, out, "sources", of_texts(env, layer.sources, layer.source_count));
      set_number(env, out, "startNs", layer.start_ns);
      set_number(env, out, "durationNs", layer.duration_ns);
      set_number(env, out, "flops", layer.flops);
      set(env, layers, i, out);
    }
    const napi_value profile = make_object(env);
    set_number(env, profile, "durationNs", spinel_profile_duration_ns(profile_));
    set(env, profile, "layers", layers);
    return profile;
  }

  Buffers buffers_;
  spinel_profile* profile_ = nullptr;
};

}  // namespace

napi_value run(const Call& call) { return Environment::of(call.env).start(std::make_unique<Run>(call)); }

napi_value run_in_place(const Call& call) { return RunInPlace(call).run_in_place(call.env); }

napi_value profile(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Profile>(call));
}

}  // namespace spinel_node
