/* Version, names, errors, lists of texts; tensors and limits. */
#include <stdio.h>
#include <string.h>

#include "drive.h"

void drive_names(void) {
  char version[32];
  spinel_error* failure = NULL;
  spinel_strings* targets = NULL;
  size_t count;

  sprintf(version, "%d.%d.%d", SPINEL_VERSION_MAJOR, SPINEL_VERSION_MINOR, SPINEL_VERSION_PATCH);
  CHECK_TEXT(USE(spinel_version()), version);
  CHECK_TEXT(USE(spinel_code_name(SPINEL_OK)), "ok");
  CHECK_TEXT(USE(spinel_code_name(SPINEL_BAD_MODEL)), "bad_model");
  CHECK_TEXT(USE(spinel_code_name(1000)), "unknown");
  CHECK_TEXT(USE(spinel_dtype_name(SPINEL_FLOAT8E4M3FN)), "float8e4m3fn");
  CHECK_TEXT(USE(spinel_dtype_name(-1)), "unknown");

  CHECK(USE(spinel_error_code(NULL)) == SPINEL_OK);
  CHECK_TEXT(USE(spinel_error_message(NULL)), "");
  CHECK_TEXT(USE(spinel_error_node(NULL)), "");
  USE(spinel_error_release(NULL));
  CHECK(spinel_available_targets(NULL, &failure) == SPINEL_INVALID_ARGUMENT);
  CHECK(spinel_error_code(failure) == SPINEL_INVALID_ARGUMENT);
  CHECK_TEXT(spinel_error_message(failure), "spinel_available_targets: targets is NULL");
  CHECK_TEXT(spinel_error_node(failure), "");
  spinel_error_release(failure);
  FAILS(SPINEL_INVALID_ARGUMENT, "targets is NULL", spinel_available_targets(NULL, &error));
  CHECK(spinel_available_targets(NULL, NULL) == SPINEL_INVALID_ARGUMENT);

  OK(spinel_available_targets(&targets, &error));
  count = USE(spinel_strings_count(targets));
  CHECK(count >= 1);
  CHECK_TEXT(USE(spinel_strings_get(targets, 0)), "cpu");
  CHECK(spinel_strings_get(targets, count) == NULL);
  CHECK(spinel_strings_get(NULL, 0) == NULL);
  CHECK(spinel_strings_count(NULL) == 0);
  USE(spinel_strings_release(targets));
  spinel_strings_release(NULL);
}

void drive_tensors(void) {
  const int64_t dims[] = {3, 5}, negative[] = {-1}, huge[] = {INT64_MAX, INT64_MAX};
  size_t size_bytes = 77;
  spinel_limits limits;
  struct {
    spinel_tensor tensor;
    char later[8]; /* A version to come has a longer struct. */
  } grown;

  OK(spinel_tensor_bytes(SPINEL_FLOAT16, dims, 2, &size_bytes, &error));
  CHECK(size_bytes == 30);
  OK(spinel_tensor_bytes(SPINEL_INT4, dims, 2, &size_bytes, &error));
  CHECK(size_bytes == 8);
  OK(spinel_tensor_bytes(SPINEL_FLOAT64, NULL, 0, &size_bytes, &error));
  CHECK(size_bytes == 8);
  FAILS(SPINEL_INVALID_ARGUMENT, "99", spinel_tensor_bytes(99, dims, 2, &size_bytes, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "-1", spinel_tensor_bytes(SPINEL_INT8, negative, 1, &size_bytes, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_tensor_bytes(SPINEL_INT8, huge, 2, &size_bytes, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "size_bytes is NULL",
        spinel_tensor_bytes(SPINEL_INT8, dims, 2, NULL, &error));
  CHECK(size_bytes == 8);

  memset(&grown, 0xff, sizeof grown);
  USE(spinel_tensor_init(&grown.tensor, sizeof grown));
  CHECK(grown.tensor.struct_size == sizeof grown && grown.tensor.data == NULL && grown.later[7] == 0);
  USE(spinel_tensor_release(&grown.tensor));
  spinel_tensor_release(NULL);
  spinel_tensor_init(NULL, sizeof(spinel_tensor));

  USE(spinel_limits_init(&limits, sizeof limits));
  CHECK(limits.struct_size == sizeof limits && limits.max_nesting == 64 && limits.max_nodes == 1000000);
  spinel_limits_init(NULL, sizeof limits);
}
