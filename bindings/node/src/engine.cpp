#include "engine.hpp"

#include <utility>

#include "background.hpp"

namespace spinel_node {

namespace {

/// [model, folder, options]: the model is a path, a Uint8Array or undefined.
class Load : public Background {
 public:
  explicit Load(const Call& call)
      : engine_(std::make_shared<Engine>()), options_(call.env, call[2], token()) {
    bool is_bytes = false;
    check(call.env, napi_is_typedarray(call.env, call[0], &is_bytes));
    if (is_bytes) {
      bytes_ = to_bytes(call.env, call[0], "the model");
      keep_ = Reference(call.env, call[0]);
    } else if (!is_missing(call.env, call[0])) {
      path_ = to_text(call.env, call[0], "the model's path");
    }
    if (!is_missing(call.env, call[1])) folder_ = to_text(call.env, call[1], "folder");
  }

 private:
  bool calls_javascript() const override { return !options_.ops().empty(); }

  void work() override {
    engine_->load(bytes_, path_ ? path_->c_str() : nullptr, folder_ ? folder_->c_str() : nullptr, options_);
  }
  napi_value finish(napi_env env) override {
    return make_external(env, std::make_unique<EngineBox>(env, std::move(engine_)));
  }

  std::shared_ptr<Engine> engine_;
  Options options_;
  Bytes bytes_{};
  Reference keep_;
  std::optional<std::string> path_, folder_;
};

using Describer = int32_t (*)(const spinel_engine*, size_t, spinel_tensor_info*, spinel_error**);

spinel_tensor_info port(const spinel_engine* engine, Describer describer, size_t index) {
  auto info = sized<spinel_tensor_info>();
  spinel_error* error = nullptr;
  check(describer(engine, index, &info, &error), error);
  return info;
}

napi_value describe_port(napi_env env, const spinel_tensor_info& info) {
  napi_value null;
  check(env, napi_get_null(env, &null));
  const napi_value dims = make_array(env, info.rank), names = make_array(env, info.rank);
  for (size_t axis = 0; axis < info.rank; ++axis) {
    set(env, dims, axis, info.dims[axis] < 0 ? null : of_number(env, static_cast<double>(info.dims[axis])));
    set(env, names, axis, of_text(env, info.dim_names[axis]));
  }
  const napi_value out = make_object(env);
  static constexpr const char* kinds[] = {"tensor", "sequence", "optional"};
  const auto kind = static_cast<size_t>(info.kind);
  if (info.element != nullptr)
    set(env, out, "element", describe_port(env, *info.element));
  else
    set(env, out, "element", null);
  set(env, out, "name", of_text(env, info.name));
  set(env, out, "kind", of_text(env, kind < std::size(kinds) ? kinds[kind] : "unknown"));
  set(env, out, "dtype", of_text(env, spinel_dtype_name(info.dtype)));
  set(env, out, "dims", info.has_rank != 0 ? dims : null);
  set(env, out, "dimNames", names);
  set(env, out, "batchAxis", info.batch_axis < 0 ? null : of_number(env, info.batch_axis));
  return out;
}

napi_value describe_ports(napi_env env, const spinel_engine* engine, Describer describer, size_t count) {
  const napi_value ports = make_array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, ports, i, describe_port(env, port(engine, describer, i)));
  return ports;
}

}  // namespace

void Engine::load(const Bytes& model, const char* path, const char* folder, Options& options) {
  options.send_log(&log_);
  ops_ = options.ops();
  spinel_error* error = nullptr;
  if (model.data != nullptr)
    check(spinel_engine_create_from_memory(model.data, model.size_bytes, folder, options.get(), &handle_,
                                           &error),
          error);
  else
    check(spinel_engine_create(path, options.get(), &handle_, &error), error);
  for (size_t i = 0, count = spinel_engine_output_count(handle_); i < count; ++i)
    output_dtypes_.push_back(port(handle_, spinel_engine_output, i).dtype);
}

const std::vector<std::optional<Engine::Dims>>& Engine::output_dims(const std::vector<spinel_shape>& inputs) {
  std::vector<Dims> asked;
  for (const spinel_shape& shape : inputs) asked.emplace_back(shape.dims, shape.dims + shape.rank);
  if (asked == asked_ && answered_.size() == output_count()) return answered_;
  answered_.clear();
  spinel_error* error = nullptr;
  for (size_t i = 0; i < output_count(); ++i) {
    size_t rank = 0;
    int32_t known = 0;
    check(spinel_engine_output_dims(handle_, inputs.data(), inputs.size(), i, nullptr, 0, &rank, &known,
                                    &error),
          error);
    if (known == 0) {
      answered_.emplace_back();
      continue;
    }
    Dims dims(rank);
    if (rank != 0)
      check(spinel_engine_output_dims(handle_, inputs.data(), inputs.size(), i, dims.data(), rank, &rank,
                                      &known, &error),
            error);
    answered_.emplace_back(std::move(dims));
  }
  asked_ = std::move(asked);
  return answered_;
}

int64_t Engine::size_bytes() const {
  auto report = sized<spinel_memory_report>();
  if (spinel_engine_memory(handle_, nullptr, 0, &report, nullptr, nullptr) != SPINEL_OK) return 0;
  return static_cast<int64_t>(report.total_bytes);
}

EngineBox::EngineBox(napi_env env, std::shared_ptr<Engine> engine)
    : env_(env), engine_(std::move(engine)), size_bytes_(engine_->size_bytes()) {
  int64_t total;
  check(env, napi_adjust_external_memory(env, size_bytes_, &total));
}

void EngineBox::release() noexcept {
  if (engine_ == nullptr) return;
  engine_.reset();
  int64_t total;
  napi_adjust_external_memory(env_, -size_bytes_, &total);
}

const std::shared_ptr<Engine>& EngineBox::engine() const {
  if (engine_ == nullptr) throw Failure{SPINEL_RELEASED, "the engine was released", ""};
  return engine_;
}

const std::shared_ptr<Engine>& engine_of(const Call& call) {
  return of_external<EngineBox>(call.env, call[0]).engine();
}

napi_value load(const Call& call) { return Environment::of(call.env).start(std::make_unique<Load>(call)); }

napi_value load_in_place(const Call& call) { return Load(call).run_in_place(call.env); }

napi_value release(const Call& call) {
  of_external<EngineBox>(call.env, call[0]).release();
  return undefined(call.env);
}

napi_value describe(const Call& call) {
  const napi_env env = call.env;
  const spinel_engine* engine = engine_of(call)->get();
  auto info = sized<spinel_engine_info>();
  spinel_error* error = nullptr;
  check(spinel_engine_describe(engine, &info, &error), error);
  const napi_value out = make_object(env);
  set(env, out, "inputs",
      describe_ports(env, engine, spinel_engine_input, spinel_engine_input_count(engine)));
  set(env, out, "outputs",
      describe_ports(env, engine, spinel_engine_output, spinel_engine_output_count(engine)));
  set(env, out, "target", of_text(env, info.target));
  set(env, out, "computeDtype", of_text(env, spinel_dtype_name(info.compute_dtype)));
  set(env, out, "arithmetic", of_text(env, info.arithmetic));
  set_number(env, out, "spas", info.spas);
  set_number(env, out, "threadsPerSpa", info.threads_per_spa);
  set_number(env, out, "fixedBatch", info.fixed_batch);
  set(env, out, "splittable", of_bool(env, info.splittable != 0));
  set(env, out, "blockingNode", of_text(env, info.blocking_node));
  set(env, out, "splitReason", of_text(env, info.reason));
  return out;
}

napi_value memory_report(const Call& call) {
  const napi_env env = call.env;
  const spinel_engine* engine = engine_of(call)->get();
  const Shapes shapes(env, call[1]);
  auto report = sized<spinel_memory_report>();
  spinel_strings* unplanned = nullptr;
  spinel_error* error = nullptr;
  check(spinel_engine_memory(engine, shapes.data(), shapes.size(), &report, &unplanned, &error), error);
  const Owned<spinel_strings> owned(unplanned, spinel_strings_release);
  const napi_value out = make_object(env);
  set_number(env, out, "weightBytes", report.weight_bytes);
  set_number(env, out, "arenaBytesPerSpa", report.arena_bytes_per_spa);
  set_number(env, out, "scratchBytesPerSpa", report.scratch_bytes_per_spa);
  set_number(env, out, "totalBytes", report.total_bytes);
  set_number(env, out, "spas", report.spas);
  set(env, out, "unplanned", of_strings(env, unplanned));
  return out;
}

napi_value pass_report(const Call& call) {
  const napi_env env = call.env;
  const spinel_engine* engine = engine_of(call)->get();
  const size_t count = spinel_engine_pass_count(engine);
  const napi_value out = make_array(env, count);
  for (size_t i = 0; i < count; ++i) {
    auto info = sized<spinel_pass_info>();
    spinel_error* error = nullptr;
    check(spinel_engine_pass(engine, i, &info, &error), error);
    const napi_value notes = make_array(env, info.note_count), found = make_object(env),
                     pass = make_object(env);
    for (size_t j = 0; j < info.note_count; ++j) {
      const napi_value note = make_object(env);
      set(env, note, "node", of_text(env, info.notes[j].node));
      set(env, note, "text", of_text(env, info.notes[j].text));
      set(env, note, "refused", of_bool(env, info.notes[j].refused != 0));
      set(env, notes, j, note);
    }
    for (size_t j = 0; j < info.found_count; ++j)
      set_number(env, found, info.found[j].op, info.found[j].count);
    set(env, pass, "name", of_text(env, info.name));
    set(env, pass, "enabled", of_bool(env, info.enabled != 0));
    set_number(env, pass, "changes", info.changes);
    set(env, pass, "notes", notes);
    set_number(env, pass, "notesLeftOut", info.notes_left_out);
    set(env, pass, "found", found);
    set(env, out, i, pass);
  }
  return out;
}

napi_value graph_text(const Call& call) {
  spinel_strings* lines = nullptr;
  spinel_error* error = nullptr;
  check(spinel_engine_graph(engine_of(call)->get(), &lines, &error), error);
  const Owned<spinel_strings> owned(lines, spinel_strings_release);
  return of_strings(call.env, lines);
}

napi_value run_time(const Call& call) {
  return of_number(call.env, spinel_engine_run_time(engine_of(call)->get()));
}

}  // namespace spinel_node
