/* Time by layer, values between layers. */
#include <string.h>

#include "drive.h"

static void times(void) {
  spinel_engine* engine = load("image");
  const int64_t dims[] = {1, 3, 8, 8};
  static float image[3 * 8 * 8];
  spinel_tensor in = tensor_of(SPINEL_FLOAT32, image, sizeof image, dims, 4);
  spinel_profile* profile = NULL;
  spinel_layer_time layer;
  size_t i, count;
  int64_t end_ns = 0;
  OK(spinel_engine_profile(engine, &in, 1, NULL, &profile, &error));
  count = USE(spinel_profile_layer_count(profile));
  CHECK(count >= 1 && spinel_profile_layer_count(NULL) == 0 && spinel_profile_duration_ns(NULL) == 0);
  layer.struct_size = sizeof layer;
  for (i = 0; i < count; ++i) {
    OK(spinel_profile_layer(profile, i, &layer, &error));
    CHECK(strlen(layer.op) > 0 && strlen(layer.kernel) > 0 && layer.source_count > 0 && layer.start_ns >= 0);
    end_ns = layer.start_ns + layer.duration_ns;
  }
  CHECK(USE(spinel_profile_duration_ns(profile)) >= end_ns);
  FAILS(SPINEL_NOT_FOUND, "does not exist", spinel_profile_layer(profile, count, &layer, &error));
  USE(spinel_profile_release(profile));
  spinel_profile_release(NULL);
  FAILS(SPINEL_INVALID_ARGUMENT, "1 input", spinel_engine_profile(engine, &in, 0, NULL, &profile, &error));
  spinel_engine_release(engine);
}

/* Of the values of "reshape", what was seen, and after how many it is to end. */
struct seen {
  int values, most;
  float last; /* The first element of the last value. */
};

static int32_t see(void* user, const spinel_layer_value* value, const spinel_tensor* tensor) {
  struct seen* seen = user;
  CHECK(strlen(value->name) > 0 && value->source_count > 0 && tensor->rank == value->rank);
  CHECK(tensor->dtype == value->dtype && tensor->owner == NULL);
  if (tensor->dtype == SPINEL_FLOAT32) seen->last = *(const float*)tensor->data;
  return ++seen->values > seen->most ? SPINEL_BAD_DATA : SPINEL_OK;
}

/* 1 for every element of the value "power", whose dims a replacement of five lacks. */
static float ones[] = {1, 1, 1, 1, 1, 1};
static const int64_t replaced_dims[] = {3, 2};

static int32_t replace(void* user, const spinel_layer_value* value, spinel_tensor* replacement) {
  CHECK(replacement->data == NULL && replacement->struct_size == sizeof *replacement);
  if (strcmp(value->name, "power") != 0) return SPINEL_OK;
  *replacement = tensor_of(SPINEL_FLOAT32, ones, sizeof ones, replaced_dims, 2);
  replacement->rank = *(const size_t*)user;
  return SPINEL_OK;
}

static void inspect(void) {
  spinel_engine* engine = load("reshape");
  const int64_t six[] = {6}, two[] = {2}, twelve[] = {3, 4};
  float data[] = {1, 2, 3, 4, 5, 6}, result[12];
  int64_t shape[] = {3, 2};
  const char* const power[] = {"power"};
  const char* const wrong[] = {"none"};
  spinel_layer_values* values = NULL;
  spinel_layer_value value;
  spinel_tensor inputs[2], out = empty_tensor(), mine;
  spinel_shape shapes[2];
  struct seen seen = {0, 100, 0};
  size_t i, count, found = 0;
  shapes[0].dims = six;
  shapes[1].dims = two;
  shapes[0].rank = shapes[1].rank = 1;
  OK(spinel_engine_layer_values(engine, shapes, 2, &values, &error));
  count = USE(spinel_layer_values_count(values));
  value.struct_size = sizeof value;
  for (i = 0; i < count; ++i) {
    OK(spinel_layer_values_get(values, i, &value, &error));
    if (strcmp(value.name, "power") == 0) ++found;
  }
  CHECK(found == 1 && spinel_layer_values_count(NULL) == 0);
  FAILS(SPINEL_NOT_FOUND, "does not exist", spinel_layer_values_get(values, count, &value, &error));
  USE(spinel_layer_values_release(values));
  spinel_layer_values_release(NULL);
  FAILS(SPINEL_INVALID_ARGUMENT, "1", spinel_engine_layer_values(engine, shapes, 1, &values, &error));

  inputs[0] = tensor_of(SPINEL_FLOAT32, data, sizeof data, six, 1);
  inputs[1] = tensor_of(SPINEL_INT64, shape, sizeof shape, two, 1);
  OK(spinel_engine_inspect(engine, inputs, 2, power, 1, see, &seen, &out, 1, NULL, &error));
  CHECK(seen.values == 1 && seen.last > 2.71f && seen.last < 2.72f);
  CHECK(out.dims[0] == 3 && ((const float*)out.data)[5] > 5.99f);
  spinel_tensor_release(&out);
  OK(spinel_engine_inspect(engine, inputs, 2, NULL, 0, see, &seen, &out, 1, NULL, &error));
  CHECK(seen.values > 2);
  spinel_tensor_release(&out);
  FAILS(SPINEL_NOT_FOUND, "none",
        spinel_engine_inspect(engine, inputs, 2, wrong, 1, see, &seen, &out, 1, NULL, &error));
  seen.most = 0;
  FAILS(SPINEL_BAD_DATA, "the callback ended the inspection",
        spinel_engine_inspect(engine, inputs, 2, NULL, 0, see, &seen, &out, 1, NULL, &error));
  count = 2;
  OK(spinel_engine_replace(engine, inputs, 2, power, 1, NULL, replace, &count, &out, 1, NULL, &error));
  CHECK(out.dims[0] == 3 && ((const float*)out.data)[5] == 0);
  spinel_tensor_release(&out);
  count = 1;
  FAILS(SPINEL_INVALID_ARGUMENT, "the replacement of value 'power'",
        spinel_engine_replace(engine, inputs, 2, NULL, 0, NULL, replace, &count, &out, 1, NULL, &error));
  mine = tensor_of(SPINEL_FLOAT32, result, sizeof result, twelve, 2);
  seen.most = 1000;
  FAILS(SPINEL_INVALID_ARGUMENT, "outputs[0]",
        spinel_engine_inspect(engine, inputs, 2, power, 1, see, &seen, &mine, 1, NULL, &error));
  CHECK(out.data == NULL);
  spinel_engine_release(engine);
}

void drive_reports(void) {
  times();
  inspect();
}
