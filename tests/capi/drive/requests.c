/* Runs in the background, and the host's own loop. */
#include "drive.h"

enum { REQUESTS = 3 };

static void on_finished(void* user) { ++*(int*)user; }

static void several(void) {
  spinel_engine* engine = load("two");
  const int64_t dims[] = {1, 3};
  float x[REQUESTS][3], y[] = {1, 1, 1};
  spinel_tensor inputs[2], outputs[REQUESTS][2];
  spinel_request* requests[REQUESTS] = {NULL, NULL, NULL};
  int32_t finished = 0;
  int told = 0, i;
  inputs[1] = tensor_of(SPINEL_FLOAT32, y, sizeof y, dims, 2);
  for (i = 0; i < REQUESTS; ++i) {
    x[i][0] = x[i][1] = x[i][2] = (float)i;
    inputs[0] = tensor_of(SPINEL_FLOAT32, x[i], sizeof x[i], dims, 2);
    outputs[i][0] = empty_tensor();
    outputs[i][1] = empty_tensor();
    OK(spinel_engine_run_async(engine, inputs, 2, outputs[i], 2, &requests[i], &error));
  }
  OK(spinel_request_on_finished(requests[0], on_finished, &told, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_request_on_finished(requests[0], on_finished, &told, &error));
  for (i = 0; i < REQUESTS; ++i) {
    do {
      OK(spinel_request_wait(requests[i], 1000, &finished, &error));
    } while (!finished);
    CHECK(((const float*)outputs[i][0].data)[2] == (float)i + 1);
    OK(spinel_request_wait(requests[i], -1, NULL, &error));
    USE(spinel_request_cancel(requests[i])); /* It is finished: nothing changes. */
    USE(spinel_request_release(requests[i]));
    spinel_tensor_release(&outputs[i][0]);
    spinel_tensor_release(&outputs[i][1]);
  }
  CHECK(told == 1); /* The release has waited for the callback. */

  inputs[0].rank = 1;
  FAILS(SPINEL_INVALID_ARGUMENT, "inputs[0]",
        spinel_engine_run_async(engine, inputs, 2, outputs[0], 2, &requests[0], &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "request is NULL", spinel_request_wait(NULL, 0, &finished, &error));
  spinel_request_cancel(NULL);
  spinel_request_release(NULL);
  spinel_engine_release(engine);
}

/* A run that never ends by itself is cancelled; the engine goes on, and outlives nothing that it must not. */
static void cancelled(void) {
  spinel_engine* engine = load("endless_run");
  const int64_t one[] = {1};
  int64_t trips = INT64_MAX;
  float x = 0;
  int32_t finished = 1;
  spinel_tensor inputs[2], out = empty_tensor();
  spinel_request *first = NULL, *second = NULL;
  inputs[0] = tensor_of(SPINEL_INT64, &trips, sizeof trips, NULL, 0);
  inputs[1] = tensor_of(SPINEL_FLOAT32, &x, sizeof x, one, 1);
  OK(spinel_engine_run_async(engine, inputs, 2, &out, 1, &first, &error));
  OK(spinel_request_wait(first, 0, &finished, &error));
  CHECK(finished == 0);
  FAILS(SPINEL_INVALID_ARGUMENT, "finished is NULL", spinel_request_wait(first, 0, NULL, &error));
  USE(spinel_request_cancel(first));
  FAILS(SPINEL_CANCELLED, "cancelled", spinel_request_wait(first, -1, &finished, &error));
  CHECK(finished == 1 && out.data == NULL);
  spinel_request_release(first);
  OK(spinel_engine_run_async(engine, inputs, 2, &out, 1, &second, &error));
  USE(spinel_request_release(second));
  trips = 3;
  x = 1;
  OK(spinel_engine_run(engine, inputs, 2, &out, 1, NULL, &error));
  CHECK(((const float*)out.data)[0] == 8);
  spinel_engine_release(engine);
  CHECK(((const float*)out.data)[0] == 8); /* Tensors outlive the engine. */
  spinel_tensor_release(&out);
}

static void count_backwards(void* user, int64_t count, spinel_task task, void* data) {
  ++*(int*)user;
  while (count-- > 0) task(data, count);
}

static void own_loop(void) {
  spinel_engine_options options;
  spinel_engine* engine = NULL;
  const int64_t dims[] = {8, 3, 8, 8};
  static float image[8 * 3 * 8 * 8];
  spinel_tensor in, out = empty_tensor();
  int loops = 0;
  image[0] = 64;
  in = tensor_of(SPINEL_FLOAT32, image, sizeof image, dims, 4);
  spinel_engine_options_init(&options, sizeof options);
  options.parallel_for = count_backwards;
  options.parallel_for_user = &loops;
  options.spas = 2;
  OK(spinel_engine_create(model_path("image"), &options, &engine, &error));
  OK(spinel_engine_run(engine, &in, 1, &out, 1, NULL, &error));
  CHECK(loops > 0 && ((const float*)out.data)[0] == 1);
  spinel_tensor_release(&out);
  spinel_engine_release(engine);
}

void drive_requests(void) {
  several();
  cancelled();
  own_loop();
}
