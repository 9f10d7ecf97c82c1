/* custom::Add as a shared library: sum = x + alpha * y and difference = x - alpha * y, elementwise.
 *
 *   cc -std=c99 -shared -fPIC -I PREFIX/include add.c -o libcustom_add.so
 *   spinel run add.onnx --custom-op ./libcustom_add.so ...
 *
 * It links nothing of Spinel: whatever it calls is in the table that it is given. */
#include <spinel.h>

#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

/* The state of one node: its attributes. */
typedef struct node {
  float alpha;
} node;

static int32_t create(const spinel_op_api* api, spinel_op_context* context, void* user, void** state) {
  node* made = malloc(sizeof *made);
  (void)user;
  if (made == NULL) return SPINEL_OUT_OF_MEMORY;
  made->alpha = 1;
  api->attribute_float(context, "alpha", &made->alpha); /* A node without it keeps the 1. */
  *state = made;
  return SPINEL_OK;
}

static void destroy(void* user, void* state) {
  (void)user;
  free(state);
}

/* Both outputs have the dims of x, whatever is known of them. */
static int32_t shapes(const spinel_op_api* api, spinel_op_context* context, void* user) {
  int64_t dims[8];
  const int32_t rank = api->input_rank(context, 0);
  size_t i;
  (void)user;
  if (rank < 0) return SPINEL_OK; /* Only running tells. */
  if (rank > 8) {
    api->set_error(context, "x has more than 8 dims");
    return SPINEL_UNSUPPORTED;
  }
  for (i = 0; i < (size_t)rank; ++i) dims[i] = api->input_dim(context, 0, i);
  for (i = 0; i < api->output_count(context); ++i) {
    const int32_t code = api->set_output(context, i, 0, dims, rank);
    if (code != SPINEL_OK) return code;
  }
  return SPINEL_OK;
}

/* What one task of the loop below works on. */
typedef struct work {
  const float *x, *y;
  float *sum, *difference;
  float alpha;
  size_t count, slice;
} work;

static void add_slice(void* data, int64_t task) {
  const work* w = data;
  const size_t begin = (size_t)task * w->slice;
  const size_t end = begin + w->slice < w->count ? begin + w->slice : w->count;
  size_t i;
  for (i = begin; i < end; ++i) {
    if (w->sum != NULL) w->sum[i] = w->x[i] + w->alpha * w->y[i];
    if (w->difference != NULL) w->difference[i] = w->x[i] - w->alpha * w->y[i];
  }
}

static int32_t compute(const spinel_op_api* api, spinel_op_context* context, void* user, void* state) {
  const spinel_tensor* x = api->input(context, 0);
  const spinel_tensor* y = api->input(context, 1);
  work w;
  (void)user;
  if (x->rank != y->rank || memcmp(x->dims, y->dims, x->rank * sizeof *x->dims) != 0) {
    api->set_error(context, "x and y have different dims");
    return SPINEL_INVALID_ARGUMENT;
  }
  memset(&w, 0, sizeof w);
  w.x = x->data;
  w.y = y->data;
  w.alpha = ((const node*)state)->alpha;
  w.count = x->size_bytes / sizeof(float);
  w.slice = 16384;
  if (api->wants_output(context, 0)) {
    w.sum = api->output(context, 0, x->dims, x->rank);
    if (w.sum == NULL) return SPINEL_INVALID_ARGUMENT;
  }
  if (api->wants_output(context, 1)) {
    w.difference = api->output(context, 1, x->dims, x->rank);
    if (w.difference == NULL) return SPINEL_INVALID_ARGUMENT;
  }
  return api->parallel_for(context, (int64_t)((w.count + w.slice - 1) / w.slice), add_slice, &w);
}

EXPORT int32_t spinel_custom_ops(const spinel_op_api* api, spinel_op_set* set) {
  static const int32_t floats[] = {SPINEL_FLOAT32};
  static const spinel_op_input inputs[] = {{"x", floats, 1, 0, 0}, {"y", floats, 1, 0, 0}};
  static const spinel_op_output outputs[] = {{"sum", 0, 0, 0, 0}, {"difference", 0, 0, 1, 0}};
  static const spinel_op_attribute attributes[] = {{"alpha", SPINEL_ATTRIBUTE_FLOAT, 0}};
  spinel_custom_op op;
  if (api->abi != SPINEL_OP_ABI || api->struct_size < sizeof *api) {
    if (api->abi == SPINEL_OP_ABI) api->set_load_error(set, "custom::Add needs a newer Spinel");
    return SPINEL_UNSUPPORTED;
  }
  memset(&op, 0, sizeof op);
  op.struct_size = sizeof op;
  op.domain = "custom";
  op.name = "Add";
  op.inputs = inputs;
  op.input_count = 2;
  op.outputs = outputs;
  op.output_count = 2;
  op.attributes = attributes;
  op.attribute_count = 1;
  op.rows_independent = 1;
  op.shapes = shapes;
  op.create = create;
  op.compute = compute;
  op.destroy = destroy;
  return api->add(set, &op);
}
