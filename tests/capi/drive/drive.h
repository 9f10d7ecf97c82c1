/* Drives the whole C ABI from C. Every call is written in one of three macros, which print its name for
 * drive.py: OK(call)                 gives SPINEL_OK and leaves the error alone FAILS(code, part, call) gives
 * this code, and an error whose message has this part USE(call)                a function without a code
 * Calls in OK and FAILS end in &error. The first check that fails ends the program. */
#ifndef SPINEL_TESTS_CAPI_DRIVE_H
#define SPINEL_TESTS_CAPI_DRIVE_H

#include <spinel.h>
#include <spinel_dlpack.h>

extern spinel_error* error;

#define OK(call) (drive_call("ok", #call), drive_ok(__FILE__, __LINE__, (call)))
#define FAILS(code, part, call) \
  (drive_call("fails", #call), drive_fails(__FILE__, __LINE__, code, part, (call)))
#define USE(call) (drive_call("use", #call), (call))
#define CHECK(condition) drive_check(__FILE__, __LINE__, #condition, (condition) != 0)
#define CHECK_TEXT(text, expected) drive_check_text(__FILE__, __LINE__, text, expected)

void drive_call(const char* kind, const char* call);
void drive_ok(const char* file, int line, int32_t code);
void drive_fails(const char* file, int line, int32_t expected, const char* part, int32_t code);
void drive_check(const char* file, int line, const char* condition, int holds);
void drive_check_text(const char* file, int line, const char* text, const char* expected);

/* Paths beneath the folders that main() was given. Each call of one of them ends the text of the last but
 * three. */
const char* model_path(const char* name); /* "two" -> MODELS/two.onnx */
const char* resnet_path(const char* name);
const char* scratch_path(const char* name);
extern const char* custom_library; /* libcustom_add.so */

/* An engine of a model of make_models.py. */
spinel_engine* load(const char* name);

/* An output that the library allocates. */
spinel_tensor empty_tensor(void);
/* A tensor of float32 or of another type over the caller's memory; dims are kept by the caller. */
spinel_tensor tensor_of(int32_t dtype, void* data, size_t size_bytes, const int64_t* dims, size_t rank);

/* One for each noun. */
void drive_names(void);
void drive_tensors(void);
void drive_loading(void);
void drive_describing(void);
void drive_running(void);
void drive_requests(void);
void drive_reports(void);
void drive_images(void);
void drive_datasets(void);
void drive_labels(void);
void drive_metrics(void);
void drive_custom_ops(void);
void drive_dlpack(void);
void drive_values(void);
void drive_tools(void);

#endif
