/* Exchange with DLPack. */
#include <dlpack/dlpack.h>
#include <string.h>

#include "drive.h"

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
  mine.dl_tensor.device.device_type = kDLCUDA;
  FAILS(SPINEL_UNSUPPORTED, "", spinel_tensor_from_dlpack(&mine, &inputs[0], &error));
  spinel_engine_release(engine);
}
