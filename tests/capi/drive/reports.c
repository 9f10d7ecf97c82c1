/* Time by layer. */
#include <string.h>

#include "drive.h"

void drive_reports(void) {
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
