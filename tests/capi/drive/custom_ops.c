/* Custom operators: the node of make_models.py's "custom", with every function of spinel_op_api; a library.
 */
#include <stdlib.h>
#include <string.h>

#include "drive.h"

struct counts {
  int created, destroyed, released;
  int tasks[5];
};

static int32_t create(const spinel_op_api* api, spinel_op_context* context, void* user, void** state) {
  float f = 0;
  int64_t i = 0;
  spinel_string text = {NULL, 0};
  const float* floats = NULL;
  const int64_t* ints = NULL;
  const spinel_string* texts = NULL;
  const spinel_tensor* tensor = NULL;
  size_t count = 0;
  CHECK(USE(api->attribute_float(context, "f", &f)) == SPINEL_OK && f == 1.5f);
  CHECK(USE(api->attribute_int(context, "i", &i)) == SPINEL_OK && i == 7);
  CHECK(api->attribute_int(context, "f", &i) == SPINEL_INVALID_ARGUMENT);
  CHECK(USE(api->attribute_string(context, "text", &text)) == SPINEL_OK && text.size_bytes == 9);
  CHECK(USE(api->attribute_floats(context, "fs", &floats, &count)) == SPINEL_OK && count == 2 &&
        floats[1] == 2);
  CHECK(USE(api->attribute_ints(context, "ints", &ints, &count)) == SPINEL_OK && count == 3 && ints[2] == 5);
  CHECK(USE(api->attribute_strings(context, "texts", &texts, &count)) == SPINEL_OK && count == 2);
  CHECK(memcmp(texts[1].data, "bc", 2) == 0);
  CHECK(USE(api->attribute_tensor(context, "tensor", &tensor)) == SPINEL_OK && tensor->rank == 2);
  *state = malloc(1);
  if (*state == NULL) return SPINEL_OUT_OF_MEMORY;
  ++((struct counts*)user)->created;
  return SPINEL_OK;
}

static void destroy(void* user, void* state) {
  ++((struct counts*)user)->destroyed;
  free(state);
}

static void release_user(void* user) { ++((struct counts*)user)->released; }

/* y is [m, 2 * n + 1 - 1] of x [n, m]; t is as long as s. */
static int32_t shapes(const spinel_op_api* api, spinel_op_context* context, void* user) {
  const int64_t two = 2;
  int64_t n, m, dims[2];
  (void)user;
  CHECK(USE(api->input_count(context)) == 3 && USE(api->output_count(context)) == 3);
  CHECK(USE(api->has_input(context, 0)) == 1 && api->has_input(context, 1) == 0);
  CHECK(USE(api->input_dtype(context, 0)) == SPINEL_FLOAT32 && USE(api->input_rank(context, 0)) == 2);
  CHECK(USE(api->input_constant(context, 0)) == NULL);
  CHECK(USE(api->input_elements(context, 0, NULL, 0)) == -1);
  n = USE(api->input_dim(context, 0, 0));
  m = api->input_dim(context, 0, 1);
  CHECK(n < SPINEL_DIM_UNKNOWN && m < SPINEL_DIM_UNKNOWN && n != m);
  CHECK(USE(api->dim_divide(context, USE(api->dim_multiply(context, n, 6)), 3)) ==
        api->dim_add(context, n, n));
  dims[0] = m;
  dims[1] = USE(api->dim_subtract(context, USE(api->dim_add(context, api->dim_add(context, n, n), 1)), 1));
  CHECK(USE(api->set_output(context, 0, 0, dims, 2)) == SPINEL_OK);
  CHECK(api->set_output(context, 9, 0, dims, 2) == SPINEL_INVALID_ARGUMENT);
  return api->set_output(context, 2, 0, &two, 1);
}

static void count_task(void* data, int64_t index) { ++((int*)data)[index]; }

static int32_t compute(const spinel_op_api* api, spinel_op_context* context, void* user, void* state) {
  struct counts* counts = user;
  const spinel_string texts[] = {{"one", 3}, {"two", 3}};
  const int64_t two = 2;
  const spinel_tensor* x = USE(api->input(context, 0));
  int64_t dims[2], i;
  float* y;
  CHECK(state != NULL && x->rank == 2 && api->input(context, 1) == NULL);
  dims[0] = x->dims[1];
  dims[1] = 2 * x->dims[0];
  if (((const float*)x->data)[0] < 0) {
    USE(api->set_error(context, "x begins below 0"));
    return SPINEL_BAD_DATA;
  }
  CHECK(USE(api->wants_output(context, 0)) == 1 && USE(api->concurrency(context)) >= 1);
  CHECK(USE(api->cancelled(context)) == 0);
  CHECK(USE(api->parallel_for(context, 5, count_task, counts->tasks)) == SPINEL_OK);
  y = USE(api->output(context, 0, dims, 2));
  CHECK(y != NULL);
  for (i = 0; i < dims[0] * dims[1]; ++i) y[i] = (float)i;
  CHECK(api->output(context, 9, dims, 2) == NULL);
  return USE(api->output_strings(context, 2, &two, 1, texts));
}

static void own_operator(void) {
  static const spinel_op_input inputs[] = {
      {"x", NULL, 0, 0, 0}, {"none", NULL, 0, 1, 0}, {"s", NULL, 0, 0, 0}};
  static const spinel_op_output outputs[] = {
      {"y", 0, 0, 0, 0}, {"none", SPINEL_FLOAT64, 0, 1, 0}, {"t", SPINEL_STRING, 0, 0, 0}};
  static const spinel_op_attribute attributes[] = {
      {"f", SPINEL_ATTRIBUTE_FLOAT, 1},      {"i", SPINEL_ATTRIBUTE_INT, 1},
      {"text", SPINEL_ATTRIBUTE_STRING, 1},  {"fs", SPINEL_ATTRIBUTE_FLOATS, 1},
      {"ints", SPINEL_ATTRIBUTE_INTS, 1},    {"texts", SPINEL_ATTRIBUTE_STRINGS, 1},
      {"tensor", SPINEL_ATTRIBUTE_TENSOR, 1}};
  struct counts counts;
  spinel_op_set* set = NULL;
  spinel_custom_op op;
  spinel_engine_options options;
  spinel_engine* engine = NULL;
  float x[] = {1, 2, 3, 4, 5, 6};
  spinel_string s[] = {{"", 0}, {"", 0}};
  const int64_t dims[] = {2, 3}, two[] = {2};
  spinel_tensor in[2], out[3];
  int i;
  memset(&counts, 0, sizeof counts);
  OK(spinel_op_set_create(&set, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "set is NULL", spinel_op_set_create(NULL, &error));
  USE(spinel_custom_op_init(&op, sizeof op));
  spinel_custom_op_init(NULL, sizeof op);
  op.domain = "custom";
  op.name = "Probe";
  op.since_version = 1;
  op.inputs = inputs;
  op.input_count = 3;
  op.outputs = outputs;
  op.output_count = 3;
  op.attributes = attributes;
  op.attribute_count = 7;
  op.user = &counts;
  op.shapes = shapes;
  op.create = create;
  op.destroy = destroy;
  op.release_user = release_user;
  FAILS(SPINEL_INVALID_ARGUMENT, "compute is NULL", spinel_op_set_add(set, &op, &error));
  CHECK(counts.released == 0);
  op.compute = compute;
  OK(spinel_op_set_add(set, &op, &error));
  spinel_engine_options_init(&options, sizeof options);
  options.custom_ops = set;
  OK(spinel_engine_create(model_path("custom"), &options, &engine, &error));
  USE(spinel_op_set_release(set));
  CHECK(counts.created == 1 && counts.released == 0);

  in[0] = tensor_of(SPINEL_FLOAT32, x, sizeof x, dims, 2);
  in[1] = tensor_of(SPINEL_STRING, s, sizeof s, two, 1);
  for (i = 0; i < 3; ++i) out[i] = empty_tensor();
  OK(spinel_engine_run(engine, in, 2, out, 2, NULL, &error));
  CHECK(out[0].dims[0] == 3 && out[0].dims[1] == 4 && ((const float*)out[0].data)[11] == 11);
  CHECK_TEXT(((const spinel_string*)out[1].data)[1].data, "two");
  for (i = 0; i < 5; ++i) CHECK(counts.tasks[i] == 1);
  spinel_tensor_release(&out[0]);
  spinel_tensor_release(&out[1]);
  x[0] = -1;
  FAILS(SPINEL_BAD_DATA, "x begins below 0", spinel_engine_run(engine, in, 2, out, 2, NULL, &error));
  spinel_engine_release(engine);
  CHECK(counts.destroyed == 1 && counts.released == 1);
}

static void library(void) {
  spinel_op_set* set = NULL;
  OK(spinel_op_set_create(&set, &error));
  OK(spinel_op_set_load(set, custom_library, &error));
  FAILS(SPINEL_NOT_FOUND, "no/such.so", spinel_op_set_load(set, "no/such.so", &error));
  spinel_op_set_release(set);
  spinel_op_set_release(NULL);
}

void drive_custom_ops(void) {
  own_operator();
  library();
}
