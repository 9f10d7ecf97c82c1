/* drive MODELS RESNET SCRATCH LIBRARY: the models of make_models.py, samples/resnet, an empty folder, and the
 * library of samples/custom_op. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"

spinel_error* error = NULL;
const char* custom_library = NULL;
static const char *models, *resnet, *scratch;
static int checks = 0;

static void stop(const char* file, int line, const char* what) {
  fprintf(stderr, "%s:%d: %s\n", file, line, what);
  exit(1);
}

/* "spinel_version()" as "use spinel_version". */
void drive_call(const char* kind, const char* call) {
  printf("%s %.*s\n", kind, (int)strcspn(call, "("), call);
}

void drive_check(const char* file, int line, const char* condition, int holds) {
  ++checks;
  if (!holds) stop(file, line, condition);
}

void drive_check_text(const char* file, int line, const char* text, const char* expected) {
  ++checks;
  if (text == NULL) stop(file, line, "the text is NULL");
  if (strcmp(text, expected) == 0) return;
  fprintf(stderr, "'%s' is not '%s'\n", text, expected);
  stop(file, line, "another text");
}

void drive_ok(const char* file, int line, int32_t code) {
  ++checks;
  if (code == SPINEL_OK && error == NULL) return;
  fprintf(stderr, "%s: %s\n", spinel_code_name(code), spinel_error_message(error));
  stop(file, line, "the call failed");
}

void drive_fails(const char* file, int line, int32_t expected, const char* part, int32_t code) {
  ++checks;
  if (code == SPINEL_OK) stop(file, line, "the call should have failed");
  if (code == expected && spinel_error_code(error) == code &&
      strstr(spinel_error_message(error), part) != NULL) {
    spinel_error_release(error);
    error = NULL;
    return;
  }
  fprintf(stderr, "expected %s with '%s', got %s: %s\n", spinel_code_name(expected), part,
          spinel_code_name(code), spinel_error_message(error));
  stop(file, line, "another failure");
}

static const char* path(const char* folder, const char* name, const char* suffix) {
  static char texts[4][1024];
  static size_t next = 0;
  char* text = texts[next++ % 4];
  if (snprintf(text, sizeof texts[0], "%s/%s%s", folder, name, suffix) >= (int)sizeof texts[0])
    stop(__FILE__, __LINE__, "a path is too long");
  return text;
}

const char* model_path(const char* name) { return path(models, name, ".onnx"); }
const char* resnet_path(const char* name) { return path(resnet, name, ""); }
const char* scratch_path(const char* name) { return path(scratch, name, ""); }

spinel_engine* load(const char* name) {
  spinel_engine* engine = NULL;
  OK(spinel_engine_create(model_path(name), NULL, &engine, &error));
  CHECK(engine != NULL);
  return engine;
}

spinel_tensor empty_tensor(void) {
  spinel_tensor tensor;
  USE(spinel_tensor_init(&tensor, sizeof tensor));
  return tensor;
}

spinel_tensor tensor_of(int32_t dtype, void* data, size_t size_bytes, const int64_t* dims, size_t rank) {
  spinel_tensor tensor = empty_tensor();
  tensor.dtype = dtype;
  tensor.data = data;
  tensor.size_bytes = size_bytes;
  tensor.dims = dims;
  tensor.rank = rank;
  return tensor;
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: %s MODELS RESNET SCRATCH LIBRARY\n", argv[0]);
    return 2;
  }
  models = argv[1];
  resnet = argv[2];
  scratch = argv[3];
  custom_library = argv[4];
  drive_names();
  drive_tensors();
  drive_loading();
  drive_describing();
  drive_running();
  drive_requests();
  drive_reports();
  drive_images();
  drive_datasets();
  drive_labels();
  drive_metrics();
  drive_custom_ops();
  drive_dlpack();
  drive_values();
  drive_tools();
  printf("%d checks\n", checks);
  return 0;
}
