/* Libraries of custom operators that are wrong in one way each: KIND. */
#include "spinel.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { NO_ENTRY = 1, REFUSES = 2, SILENT = 3, EMPTY = 4, WRONG_OP = 5, SECOND_IS_WRONG = 6 };

#if KIND != 1
static int32_t compute(const spinel_op_api* api, spinel_op_context* context, void* user, void* state) {
  (void)api;
  (void)context;
  (void)user;
  (void)state;
  return SPINEL_UNSUPPORTED;
}

EXPORT int32_t spinel_custom_ops(const spinel_op_api* api, spinel_op_set* set) {
  static const spinel_op_output output = {"y", SPINEL_FLOAT32, 0, 0, 0};
  spinel_custom_op op;
  if (KIND == REFUSES) {
    api->set_load_error(set, "this host is too old");
    return SPINEL_UNSUPPORTED;
  }
  if (KIND == SILENT) return SPINEL_IO;
  if (KIND == EMPTY) return SPINEL_OK;
  memset(&op, 0, sizeof op);
  op.struct_size = sizeof op;
  op.domain = "custom";
  op.name = "First";
  op.outputs = &output;
  op.output_count = 1;
  op.compute = compute;
  if (KIND == SECOND_IS_WRONG) api->add(set, &op);
  op.compute = NULL;
  api->add(set, &op);
  return SPINEL_OK; /* Whatever add() said: the load fails nevertheless. */
}
#else
EXPORT int not_the_entry_point(void);
EXPORT int not_the_entry_point(void) { return NO_ENTRY; }
#endif
