/* Exchange with DLPack. */
#include <dlpack/dlpack.h>
#include <string.h>

#include "drive.h"

#ifndef DLPACK_MAJOR_VERSION
/* Headers before DLPack 1.0 lack it. */
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* manager_ctx;
  void (*deleter)(struct DLManagedTensorVersioned* self);
  uint64_t flags;
  DLTensor dl_tensor;
};
#define SET_VERSION(tensor, number) ((tensor).major = (number))
#else
#define SET_VERSION(tensor, number) ((tensor).version.major = (number))
#endif

static void versioned(const DLTensor* view, const spinel_engine* engine) {
  struct DLManagedTensorVersioned mine, *given = NULL;
  spinel_tensor inputs[2], outputs[2];
  int32_t read_only = 7;
  memset(&mine, 0, sizeof mine);
  SET_VERSION(mine, 1);
  mine.dl_tensor = *view;
  mine.flags = 1;
  inputs[0] = inputs[1] = empty_tensor();
  outputs[0] = outputs[1] = empty_tensor();
  OK(spinel_tensor_from_dlpack_versioned(&mine, &inputs[0], &read_only, &error));
  CHECK(read_only == 1);
  mine.flags = 2;
  OK(spinel_tensor_from_dlpack_versioned(&mine, &inputs[1], NULL, &error));
  OK(spinel_tensor_from_dlpack_versioned(&mine, &inputs[1], &read_only, &error));
  CHECK(read_only == 0);
  OK(spinel_engine_run(engine, inputs, 2, outputs, 2, NULL, &error));
  OK(spinel_tensor_to_dlpack_versioned(&outputs[1], &given, &error));
  CHECK(outputs[1].data == NULL && outputs[1].owner == NULL && given->flags == 0);
  CHECK(given->dl_tensor.shape[1] == 3 && ((const float*)given->dl_tensor.data)[2] == 9);
  given->deleter(given);
  spinel_tensor_release(&outputs[0]);
  FAILS(SPINEL_INVALID_ARGUMENT, "caller's", spinel_tensor_to_dlpack_versioned(&inputs[0], &given, &error));
  SET_VERSION(mine, 2);
  FAILS(SPINEL_UNSUPPORTED, "version 2.0",
        spinel_tensor_from_dlpack_versioned(&mine, &inputs[0], &read_only, &error));
  CHECK(read_only == 0);
}

void drive_dlpack(void) {
  spinel_engine* engine = load("two");
  float x[] = {1, 2, 3};
  int64_t shape[] = {1, 3};
  DLManagedTensor mine, *given = NULL;
  spinel_tensor inputs[2], outputs[2];
  memset(&mine, 0, sizeof mine);
  mine.dl_tensor.data = x;
  mine.dl_tensor.device.device_type = kDLCPU;
  mine.dl_tensor.ndim = 2;
  mine.dl_tensor.dtype.code = kDLFloat;
  mine.dl_tensor.dtype.bits = 32;
  mine.dl_tensor.dtype.lanes = 1;
  mine.dl_tensor.shape = shape;
  inputs[0] = empty_tensor();
  outputs[0] = empty_tensor();
  outputs[1] = empty_tensor();
  OK(spinel_tensor_from_dlpack(&mine, &inputs[0], &error));
  inputs[1] = inputs[0];
  OK(spinel_engine_run(engine, inputs, 2, outputs, 2, NULL, &error));
  OK(spinel_tensor_to_dlpack(&outputs[1], &given, &error));
  CHECK(outputs[1].data == NULL && outputs[1].owner == NULL);
  CHECK(given->dl_tensor.shape[1] == 3 && ((const float*)given->dl_tensor.data)[2] == 9);
  given->deleter(given);
  spinel_tensor_release(&outputs[0]);
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_tensor_to_dlpack(&inputs[0], &given, &error));
  versioned(&mine.dl_tensor, engine);
  mine.dl_tensor.device.device_type = kDLCUDA;
  FAILS(SPINEL_UNSUPPORTED, "", spinel_tensor_from_dlpack(&mine, &inputs[0], &error));
  spinel_engine_release(engine);
}
