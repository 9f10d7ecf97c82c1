// A stand-in for ONNX Runtime's library, for tests where the real one is not there. A session has the inputs
// and outputs "x" and "y", float32[n, 2]; running it copies x to y. FAKE_VERSION is the release that it
// claims to be; where FAKE_HAS_TABLE is 0 it hands out no table, as a release that is too old.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "backend/onnxruntime/fake_library/fake_state.hpp"

using namespace spinel::backend::ort;

namespace {

using fake::State;

State state;

Status* status(int failure_code, const char* message) {
  return reinterpret_cast<Status*>(new fake::Failure{failure_code, message});
}
fake::Failure* failure(const Status* from) {
  return reinterpret_cast<fake::Failure*>(const_cast<Status*>(from));
}

/// A tensor, whether its memory is the caller's or its own.
struct FakeValue {
  std::vector<int64_t> dims;
  std::vector<char> own;
  void* data = nullptr;
};
FakeValue* value_of(const Value* from) { return reinterpret_cast<FakeValue*>(const_cast<Value*>(from)); }

template <class T>
Status* make(T** out) {
  *out = reinterpret_cast<T*>(new char);
  ++state.alive;
  return nullptr;
}
template <class T>
void destroy(T* object) {
  delete reinterpret_cast<char*>(object);
  --state.alive;
}

Status* fake_run(Session*, const RunOptions* options, const char* const* input_names,
                 const Value* const* inputs, size_t input_count, const char* const* output_names,
                 size_t output_count, Value** outputs) {
  if (input_count != 1 || output_count != 1 || std::strcmp(input_names[0], "x") != 0 ||
      std::strcmp(output_names[0], "y") != 0)
    return status(code::invalid_argument, "wrong names");
  if (state.log != nullptr)
    state.log(nullptr, severity::warning, "", state.log_id.c_str(), "", "a line of the run");
  if (state.runs_fail.message != nullptr) return status(state.runs_fail.code, state.runs_fail.message);
  if (state.runs_wait_for_cancel && options != nullptr) {
    state.terminated.wait(false);
    return status(1, "Exiting due to terminate flag being set to true.");
  }
  const FakeValue* from = value_of(inputs[0]);
  const auto bytes = static_cast<size_t>(from->dims[0] * from->dims[1]) * sizeof(float);
  state.output_was_given = outputs[0] != nullptr;
  if (outputs[0] == nullptr) {
    auto* made = new FakeValue{from->dims, std::vector<char>(bytes), nullptr};
    made->data = made->own.data();
    outputs[0] = reinterpret_cast<Value*>(made);
    ++state.alive;
  }
  std::memcpy(value_of(outputs[0])->data, from->data, bytes);
  return nullptr;
}

Status* fake_name(const char* name, char** out) {
  *out = strdup(name);
  return nullptr;
}

/// Sets a place of the table to a function with the signature of the entry.
template <class Signature>
void set(Entry<Signature> entry, Signature* function) {
  state.table[entry.position] = reinterpret_cast<Function>(function);
}

void fill_table() {
  set(
      get_error_code, +[](const Status* s) { return failure(s)->code; });
  set(
      get_error_message, +[](const Status* s) { return failure(s)->message; });
  set(
      release_status, +[](Status* s) { delete failure(s); });
  set(
      create_env_with_custom_logger, +[](LogFunction log, void*, int, const char*, Env** out) {
        state.log = log;
        return make(out);
      });
  set(
      disable_telemetry_events, +[](const Env*) -> Status* {
        state.telemetry_is_off = true;
        return nullptr;
      });
  set(
      release_env, +[](Env* env) {
        state.log = nullptr;
        destroy(env);
      });
  set(
      create_session_options, +[](SessionOptions** out) { return make(out); });
  set(
      release_session_options, +[](SessionOptions* options) { destroy(options); });
  set(
      set_session_execution_mode, +[](SessionOptions*, int) -> Status* { return nullptr; });
  set(
      set_session_log_id, +[](SessionOptions*, const char* id) -> Status* {
        state.log_id = id;
        return nullptr;
      });
  set(
      set_session_log_severity, +[](SessionOptions*, int severity) -> Status* {
        state.severity = severity;
        return nullptr;
      });
  set(
      set_graph_optimization_level, +[](SessionOptions*, int) -> Status* { return nullptr; });
  set(
      set_intra_op_threads, +[](SessionOptions*, int threads) -> Status* {
        state.threads = threads;
        return nullptr;
      });
  set(
      set_inter_op_threads, +[](SessionOptions*, int) -> Status* { return nullptr; });
  set(
      add_session_config, +[](SessionOptions*, const char* key, const char* value) -> Status* {
        state.config[key] = value;
        return nullptr;
      });
  set(
      create_session_from_array,
      +[](const Env*, const void*, size_t, const SessionOptions*, Session** out) -> Status* {
        if (state.loads_fail.message != nullptr)
          return status(state.loads_fail.code, state.loads_fail.message);
        ++state.sessions;
        return make(out);
      });
  set(
      release_session, +[](Session* session) { destroy(session); });
  set(
      get_input_count, +[](const Session*, size_t* count) -> Status* {
        *count = 1;
        return nullptr;
      });
  set(
      get_output_count, +[](const Session*, size_t* count) -> Status* {
        *count = 1;
        return nullptr;
      });
  set(
      get_input_name, +[](const Session*, size_t, Allocator*, char** out) { return fake_name("x", out); });
  set(
      get_output_name, +[](const Session*, size_t, Allocator*, char** out) { return fake_name("y", out); });
  set(
      get_input_type, +[](const Session*, size_t, TypeInfo** out) { return make(out); });
  set(
      get_output_type, +[](const Session*, size_t, TypeInfo** out) { return make(out); });
  set(
      release_type_info, +[](TypeInfo* type) { destroy(type); });
  set(
      cast_to_tensor_info, +[](const TypeInfo* type, const TensorShape** out) -> Status* {
        *out = reinterpret_cast<const TensorShape*>(type);
        return nullptr;
      });
  set(
      get_element_type, +[](const TensorShape*, int* out) -> Status* {
        *out = 1;
        return nullptr;
      });
  set(
      get_rank, +[](const TensorShape*, size_t* out) -> Status* {
        *out = 2;
        return nullptr;
      });
  set(
      get_dims, +[](const TensorShape* from, int64_t* out, size_t) -> Status* {
        const bool of_value = state.shape_of != nullptr && from == state.shape_of;
        out[0] = of_value ? state.shape_rows : -1;
        out[1] = 2;
        return nullptr;
      });
  set(
      get_dim_names, +[](const TensorShape*, const char** out, size_t) -> Status* {
        out[0] = "n";
        out[1] = "";
        return nullptr;
      });
  set(
      get_tensor_info, +[](const Value* value, TensorShape** out) -> Status* {
        Status* made = make(out);
        state.shape_of = *out;
        state.shape_rows = value_of(value)->dims[0];
        return made;
      });
  set(
      release_tensor_info, +[](TensorShape* shape) {
        if (shape == state.shape_of) state.shape_of = nullptr;
        destroy(shape);
      });
  set(
      get_default_allocator, +[](Allocator** out) -> Status* {
        *out = nullptr;
        return nullptr;
      });
  set(
      allocator_free, +[](Allocator*, void* memory) -> Status* {
        std::free(memory);
        return nullptr;
      });
  set(
      create_cpu_memory_info, +[](int, int, MemoryInfo** out) { return make(out); });
  set(
      release_memory_info, +[](MemoryInfo* info) { destroy(info); });
  set(
      create_tensor_with_data,
      +[](const MemoryInfo*, void* data, size_t, const int64_t* dims, size_t rank, int,
          Value** out) -> Status* {
        *out = reinterpret_cast<Value*>(new FakeValue{{dims, dims + rank}, {}, data});
        ++state.alive;
        return nullptr;
      });
  set(
      get_tensor_data, +[](Value* value, void** out) -> Status* {
        *out = value_of(value)->data;
        return nullptr;
      });
  set(
      release_value, +[](Value* value) {
        delete value_of(value);
        --state.alive;
      });
  set(
      create_run_options, +[](RunOptions** out) { return make(out); });
  set(
      release_run_options, +[](RunOptions* options) { destroy(options); });
  set(
      set_terminate, +[](RunOptions*) -> Status* {
        state.terminated.store(true);
        state.terminated.notify_all();
        return nullptr;
      });
  set(run_session, &fake_run);
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) const ApiBase* OrtGetApiBase() {
  static const ApiBase base{[](uint32_t version) -> const Function* {
                              if (!FAKE_HAS_TABLE || version != api_version) return nullptr;
                              fill_table();
                              return state.table;
                            },
                            []() -> const char* { return FAKE_VERSION; }};
  return &base;
}
__attribute__((visibility("default"))) State* fake_state() { return &state; }
}
