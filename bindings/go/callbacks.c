#include "callbacks.h"

#include "_cgo_export.h"

static void write_log(void* user, int32_t level, const char* message) {
  spinelGoLog((uintptr_t)user, level, (char*)message);
}

static void tell_progress(void* user, const char* stage, double fraction) {
  spinelGoProgress((uintptr_t)user, (char*)stage, fraction);
}

static void loop(void* user, int64_t count, spinel_task task, void* data) {
  spinelGoParallelFor((uintptr_t)user, count, task, data);
}

static void finished(void* user) { spinelGoFinished((uintptr_t)user); }

static int32_t replace(void* user, const spinel_layer_value* value, spinel_tensor* replacement) {
  (void)value;
  return spinelGoReplace((uintptr_t)user, replacement);
}

static int32_t see(void* user, const spinel_layer_value* value, const spinel_tensor* tensor) {
  return spinelGoSee((uintptr_t)user, (spinel_layer_value*)value, (spinel_tensor*)tensor);
}

void spinel_go_set_log(spinel_engine_options* options, uintptr_t handle) {
  options->log = write_log;
  options->log_user = (void*)handle;
}

void spinel_go_set_progress(spinel_engine_options* options, uintptr_t handle) {
  options->progress = tell_progress;
  options->progress_user = (void*)handle;
}

void spinel_go_set_parallel_for(spinel_engine_options* options, uintptr_t handle) {
  options->parallel_for = loop;
  options->parallel_for_user = (void*)handle;
}

int32_t spinel_go_on_finished(spinel_request* request, uintptr_t handle, spinel_error** error) {
  return spinel_request_on_finished(request, finished, (void*)handle, error);
}

int32_t spinel_go_inspect(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                          const char* const* names, size_t name_count, uintptr_t handle,
                          int32_t replaces, spinel_tensor* outputs, size_t output_count, const spinel_cancel_token* token,
                          spinel_error** error) {
  if (replaces)
    return spinel_engine_replace(engine, inputs, input_count, names, name_count, see, replace, (void*)handle,
                                 outputs, output_count, token, error);
  return spinel_engine_inspect(engine, inputs, input_count, names, name_count, see, (void*)handle, outputs,
                               output_count, token, error);
}

void spinel_go_call_task(spinel_task task, void* data, int64_t index) { task(data, index); }
