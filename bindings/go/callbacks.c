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

void spinel_go_call_task(spinel_task task, void* data, int64_t index) { task(data, index); }
