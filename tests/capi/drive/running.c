/* Runs: into the caller's memory, into the library's, of strings, cancelled. */
#include <string.h>

#include "drive.h"

static const int64_t dims[] = {2, 3};

static void numbers(void) {
  spinel_engine* engine = load("two");
  float x[] = {1, 2, 3, 4, 5, 6}, y[] = {10, 20, 30, 40, 50, 60}, sum[6];
  spinel_tensor inputs[2], outputs[2];
  spinel_cancel_token* token = NULL;
  inputs[0] = tensor_of(SPINEL_FLOAT32, x, sizeof x, dims, 2);
  inputs[1] = tensor_of(SPINEL_FLOAT32, y, sizeof y, dims, 2);
  outputs[0] = tensor_of(SPINEL_FLOAT32, sum, sizeof sum, dims, 2);
  outputs[1] = empty_tensor();
  CHECK(USE(spinel_engine_run_time(engine)) == 0 && spinel_engine_run_time(NULL) == 0);
  OK(spinel_engine_run(engine, inputs, 2, outputs, 2, NULL, &error));
  CHECK(sum[0] == 11 && sum[5] == 66 && outputs[0].data == sum && outputs[0].owner == NULL);
  CHECK(outputs[1].rank == 2 && outputs[1].dims[0] == 2 && outputs[1].dtype == SPINEL_FLOAT32);
  CHECK(((const float*)outputs[1].data)[5] == 360 && outputs[1].owner != NULL);
  CHECK(spinel_engine_run_time(engine) > 0);
  USE(spinel_tensor_release(&outputs[1]));
  CHECK(outputs[1].data == NULL && outputs[1].owner == NULL);

  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_engine_run(engine, inputs, 1, outputs, 2, NULL, &error));
  inputs[1].size_bytes = 4;
  FAILS(SPINEL_INVALID_ARGUMENT, "inputs[1].size_bytes is 4",
        spinel_engine_run(engine, inputs, 2, outputs, 2, NULL, &error));
  inputs[1].size_bytes = sizeof y;
  outputs[0].size_bytes = 4;
  FAILS(SPINEL_INVALID_ARGUMENT, "outputs[0].size_bytes is 4",
        spinel_engine_run(engine, inputs, 2, outputs, 2, NULL, &error));
  CHECK(outputs[1].data == NULL && sum[0] == 11);
  outputs[0].size_bytes = sizeof sum;

  OK(spinel_cancel_token_create(&token, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "token is NULL", spinel_cancel_token_create(NULL, &error));
  OK(spinel_engine_run(engine, inputs, 2, outputs, 2, token, &error));
  spinel_tensor_release(&outputs[1]);
  CHECK(USE(spinel_cancel_token_is_cancelled(token)) == 0);
  USE(spinel_cancel_token_cancel(token));
  CHECK(spinel_cancel_token_is_cancelled(token) == 1 && spinel_cancel_token_is_cancelled(NULL) == 0);
  FAILS(SPINEL_CANCELLED, "cancelled", spinel_engine_run(engine, inputs, 2, outputs, 2, token, &error));
  CHECK(outputs[1].data == NULL);
  USE(spinel_cancel_token_release(token));
  spinel_cancel_token_cancel(NULL);
  spinel_cancel_token_release(NULL);
  spinel_engine_release(engine);
}

static void strings(void) {
  spinel_engine* engine = load("strings");
  const int64_t two[] = {2};
  spinel_string texts[] = {{"ab", 2}, {"a\0b", 3}};
  spinel_tensor in = tensor_of(SPINEL_STRING, texts, sizeof texts, two, 1), out = empty_tensor();
  const spinel_string* result;
  OK(spinel_engine_run(engine, &in, 1, &out, 1, NULL, &error));
  result = out.data;
  CHECK(out.dims[0] == 2 && result[1].size_bytes == 3 && memcmp(result[1].data, "a\0b", 4) == 0);
  spinel_tensor_release(&out);
  spinel_engine_release(engine);
}

/* A run that fails in a node tells which; the next one is none the worse for it. */
static void failing_node(void) {
  spinel_engine* engine = load("reshape");
  const int64_t six[] = {6}, two[] = {2};
  float data[] = {1, 2, 3, 4, 5, 6};
  int64_t shape[] = {4, 2};
  spinel_tensor inputs[2], out = empty_tensor();
  spinel_error* failure = NULL;
  inputs[0] = tensor_of(SPINEL_FLOAT32, data, sizeof data, six, 1);
  inputs[1] = tensor_of(SPINEL_INT64, shape, sizeof shape, two, 1);
  CHECK(spinel_engine_run(engine, inputs, 2, &out, 1, NULL, &failure) == SPINEL_INVALID_ARGUMENT);
  CHECK_TEXT(USE(spinel_error_node(failure)), "the_reshape");
  spinel_error_release(failure);
  shape[0] = 3;
  OK(spinel_engine_run(engine, inputs, 2, &out, 1, NULL, &error));
  CHECK(out.dims[0] == 3 && out.dims[1] == 2);
  spinel_tensor_release(&out);
  spinel_engine_release(engine);
}

void drive_running(void) {
  numbers();
  strings();
  failing_node();
}
