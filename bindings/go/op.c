#include "op.h"

#include "_cgo_export.h"

static int32_t shapes(const spinel_op_api* api, spinel_op_context* context, void* user) {
  return spinelGoOpShapes((uintptr_t)user, (spinel_op_api*)api, context);
}

static int32_t create(const spinel_op_api* api, spinel_op_context* context, void* user, void** state) {
  uintptr_t made = 0;
  const int32_t code = spinelGoOpCreate((uintptr_t)user, (spinel_op_api*)api, context, &made);
  if (code == SPINEL_OK) *state = (void*)made;
  return code;
}

static int32_t compute(const spinel_op_api* api, spinel_op_context* context, void* user, void* state) {
  return spinelGoOpCompute((uintptr_t)user, (uintptr_t)state, (spinel_op_api*)api, context);
}

static void destroy(void* user, void* state) {
  (void)user;
  spinelGoDrop((uintptr_t)state);
}

static void release_user(void* user) { spinelGoDrop((uintptr_t)user); }

void spinel_go_set_op(spinel_custom_op* op, uintptr_t handle, int32_t has_shapes) {
  op->user = (void*)handle;
  op->shapes = has_shapes ? shapes : NULL;
  op->create = create;
  op->compute = compute;
  op->destroy = destroy;
  op->release_user = release_user;
}
