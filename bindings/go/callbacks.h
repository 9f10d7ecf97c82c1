/* What of Spinel's C ABI is called with a Go function. Handles are runtime/cgo's: a Go pointer may not be
 * left with C. */
#ifndef SPINEL_GO_CALLBACKS_H
#define SPINEL_GO_CALLBACKS_H

#include <spinel.h>

void spinel_go_set_log(spinel_engine_options* options, uintptr_t handle);
void spinel_go_set_progress(spinel_engine_options* options, uintptr_t handle);
void spinel_go_set_parallel_for(spinel_engine_options* options, uintptr_t handle);
int32_t spinel_go_on_finished(spinel_request* request, uintptr_t handle, spinel_error** error);
int32_t spinel_go_inspect(const spinel_engine* engine, const spinel_tensor* inputs, size_t input_count,
                          const char* const* names, size_t name_count, uintptr_t handle,
                          int32_t replaces, spinel_tensor* outputs, size_t output_count, const spinel_cancel_token* token,
                          spinel_error** error);
void spinel_go_call_task(spinel_task task, void* data, int64_t index);

#endif /* SPINEL_GO_CALLBACKS_H */
