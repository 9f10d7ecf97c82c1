/* Images to tensors. */
#include <stdio.h>
#include <string.h>

#include "drive.h"

static const char boot[] = "images/09_ankle_boot.png";

static void options_of(spinel_preprocess_options* options) {
  spinel_engine* engine = load("image");
  spinel_engine* other = load("two");
  spinel_strings* names = NULL;
  FILE* file;
  USE(spinel_preprocess_options_init(options, sizeof *options));
  CHECK(options->resize == 256 && options->crop_height == 224 && options->dtype == SPINEL_FLOAT32);
  OK(spinel_preset_names(&names, &error));
  CHECK(spinel_strings_count(names) == 2);
  OK(spinel_preprocess_options_preset(options, spinel_strings_get(names, 1), &error));
  CHECK(options->std[0] > 0.4f);
  spinel_strings_release(names);
  FAILS(SPINEL_INVALID_ARGUMENT, "names is NULL", spinel_preset_names(NULL, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "imagenet", spinel_preprocess_options_preset(options, "none", &error));
  OK(spinel_preprocess_options_input_size(options, 32, 48, &error));
  CHECK(options->crop_width == 48 && options->resize == 36);
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_preprocess_options_input_size(options, 0, 48, &error));
  OK(spinel_preprocess_options_fit(options, engine, 0, &error));
  CHECK(options->crop_height == 8 && options->crop_width == 8 && options->dtype == SPINEL_FLOAT32);
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_preprocess_options_fit(options, other, 0, &error));
  file = fopen(scratch_path("preprocess.json"), "w");
  CHECK(file != NULL &&
        fputs("{\"resize\": 9, \"crop\": [8, 8], \"mean\": [0, 0, 0], \"std\": [1, 1, 1]}", file) >= 0);
  fclose(file);
  OK(spinel_preprocess_options_load(options, scratch_path("preprocess.json"), &error));
  CHECK(options->resize == 9 && options->std[2] == 1);
  FAILS(SPINEL_NOT_FOUND, "none.json",
        spinel_preprocess_options_load(options, scratch_path("none.json"), &error));
  spinel_engine_release(other);
  spinel_engine_release(engine);
  spinel_preprocess_options_init(NULL, sizeof *options);
}

/* One image in its three forms gives the same row. */
static void single(const spinel_preprocess_options* options) {
  static char encoded[65536];
  float row[3 * 8 * 8];
  const int64_t dims[] = {3, 8, 8};
  spinel_tensor mine = tensor_of(SPINEL_FLOAT32, row, sizeof row, dims, 3);
  spinel_tensor made = empty_tensor(), pixels = empty_tensor();
  spinel_image image;
  size_t size;
  FILE* file = fopen(resnet_path(boot), "rb");
  CHECK(file != NULL);
  size = fread(encoded, 1, sizeof encoded, file);
  fclose(file);

  OK(spinel_preprocess_file(options, resnet_path(boot), &mine, &error));
  OK(spinel_preprocess_encoded(options, encoded, size, "boot", &made, &error));
  CHECK(made.rank == 4 && made.size_bytes == sizeof row && memcmp(made.data, row, sizeof row) == 0);
  spinel_tensor_release(&made);
  USE(spinel_image_init(&image, sizeof image));
  image.encoded = encoded;
  image.size_bytes = size;
  OK(spinel_image_decode(&image, NULL, &pixels, &error));
  CHECK(pixels.rank == 3 && pixels.dims[2] == 3 && pixels.dtype == SPINEL_UINT8);
  OK(spinel_preprocess_rgb(options, pixels.data, pixels.dims[1], pixels.dims[0], 0, &made, &error));
  CHECK(memcmp(made.data, row, sizeof row) == 0);
  spinel_tensor_release(&made);

  FAILS(SPINEL_NOT_FOUND, "none.png", spinel_preprocess_file(options, "none.png", &made, &error));
  FAILS(SPINEL_BAD_DATA, "the boot",
        spinel_preprocess_encoded(options, "no image", 8, "the boot", &made, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_preprocess_rgb(options, pixels.data, 0, 1, 0, &made, &error));
  image.path = "twice.png";
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_image_decode(&image, NULL, &made, &error));
  CHECK(made.data == NULL);
  spinel_tensor_release(&pixels);
  spinel_image_init(NULL, sizeof image);
}

static void batch(const spinel_preprocess_options* options) {
  spinel_image images[2];
  spinel_tensor rows = empty_tensor();
  spinel_error* failures[2] = {NULL, NULL};
  const float* last;
  spinel_image_init(&images[0], sizeof images[0]);
  spinel_image_init(&images[1], sizeof images[1]);
  images[0].path = resnet_path(boot);
  images[1].path = "none.png";
  FAILS(SPINEL_NOT_FOUND, "none.png", spinel_preprocess_batch(options, images, 2, &rows, NULL, &error));
  CHECK(rows.data == NULL);
  OK(spinel_preprocess_batch(options, images, 2, &rows, failures, &error));
  CHECK(rows.dims[0] == 2 && failures[0] == NULL && spinel_error_code(failures[1]) == SPINEL_NOT_FOUND);
  last = (const float*)rows.data + 2 * 3 * 8 * 8 - 1;
  CHECK(*last == 0);
  spinel_error_release(failures[1]);
  spinel_tensor_release(&rows);
}

void drive_images(void) {
  spinel_preprocess_options options;
  options_of(&options);
  single(&options);
  batch(&options);
}
