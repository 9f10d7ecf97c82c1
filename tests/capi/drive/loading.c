/* Loading engines: from files, memory and engine files; options, log, progress, cancelling. */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"

struct watch {
  int lines, stages;
  double fraction;
  spinel_cancel_token* token; /* Cancelled in the third stage. */
};

static void on_log(void* user, int32_t level, const char* message) {
  CHECK(level >= SPINEL_LOG_DEBUG && level <= SPINEL_LOG_ERROR && strlen(message) > 0);
  ++((struct watch*)user)->lines;
}

static void on_progress(void* user, const char* stage, double fraction) {
  struct watch* watch = user;
  CHECK(strlen(stage) > 0 && fraction >= watch->fraction && fraction <= 1);
  watch->fraction = fraction;
  if (++watch->stages == 3 && watch->token != NULL) spinel_cancel_token_cancel(watch->token);
}

static void from_memory(void) {
  char bytes[4096];
  spinel_engine* engine = NULL;
  size_t size;
  FILE* file = fopen(model_path("two"), "rb");
  CHECK(file != NULL);
  size = fread(bytes, 1, sizeof bytes, file);
  CHECK(size > 0 && size < sizeof bytes);
  fclose(file);
  OK(spinel_engine_create_from_memory(bytes, size, NULL, NULL, &engine, &error));
  memset(bytes, 0, sizeof bytes);
  CHECK(spinel_engine_input_count(engine) == 2);
  USE(spinel_engine_release(engine));
  engine = NULL;
  FAILS(SPINEL_BAD_MODEL, "", spinel_engine_create_from_memory(bytes, 100, NULL, NULL, &engine, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "model is NULL",
        spinel_engine_create_from_memory(NULL, 1, NULL, NULL, &engine, &error));
  CHECK(engine == NULL);
}

static void watched(void) {
  spinel_engine_options options;
  spinel_engine* engine = NULL;
  struct watch watch;
  memset(&watch, 0, sizeof watch);
  USE(spinel_engine_options_init(&options, sizeof options));
  options.log = on_log;
  options.log_user = &watch;
  options.progress = on_progress;
  options.progress_user = &watch;
  OK(spinel_engine_create(model_path("two"), &options, &engine, &error));
  CHECK(watch.stages > 3);
  spinel_engine_release(engine);

  engine = NULL;
  memset(&watch, 0, sizeof watch);
  OK(spinel_cancel_token_create(&watch.token, &error));
  options.cancel = watch.token;
  FAILS(SPINEL_CANCELLED, "cancelled", spinel_engine_create(model_path("two"), &options, &engine, &error));
  CHECK(watch.stages == 3 && engine == NULL);
  USE(spinel_cancel_token_release(watch.token));
}

static void engine_files(void) {
  const char* const order[] = {"y", "x"};
  const int64_t dims[] = {0, 3};
  spinel_shape shapes[2];
  spinel_engine_options options;
  spinel_engine* engine = NULL;
  spinel_tensor_info info;
  shapes[0].dims = shapes[1].dims = dims;
  shapes[0].rank = shapes[1].rank = 2;
  spinel_engine_options_init(&options, sizeof options);
  options.input_names = order;
  options.input_name_count = 2;
  options.input_sizes = shapes;
  options.input_size_count = 2;
  options.pass_json = "{}";
  options.save_engine = scratch_path("two.spinel");
  OK(spinel_engine_create(model_path("two"), &options, &engine, &error));
  spinel_engine_release(engine);
  options.load_engine = options.save_engine;
  options.save_engine = NULL;
  options.verify_weights = 1;
  OK(spinel_engine_create(NULL, &options, &engine, &error));
  info.struct_size = sizeof info;
  OK(spinel_engine_input(engine, 0, &info, &error));
  CHECK_TEXT(info.name, "y");
  spinel_engine_release(engine);
  options.input_name_count = 1;
  FAILS(SPINEL_INVALID_ARGUMENT, "", spinel_engine_create(NULL, &options, &engine, &error));
}

/* The host's memory. One thread at a time: the engine has one SPA of one thread. */
struct memory {
  size_t live_bytes, blocks, left; /* left: blocks that it still gives. */
};

static void* allocate(void* user, size_t size_bytes, size_t alignment) {
  struct memory* memory = user;
  void* block = NULL;
  if (memory->left == 0 || posix_memalign(&block, alignment, size_bytes) != 0) return NULL;
  --memory->left;
  ++memory->blocks;
  memory->live_bytes += size_bytes;
  return block;
}

static void deallocate(void* user, void* block, size_t size_bytes, size_t alignment) {
  struct memory* memory = user;
  CHECK(alignment >= 64 && memory->live_bytes >= size_bytes);
  memory->live_bytes -= size_bytes;
  free(block);
}

static void own_memory(void) {
  spinel_engine_options options;
  spinel_engine* engine = NULL;
  struct memory memory = {0, 0, SIZE_MAX};
  static float image[3 * 8 * 8];
  const int64_t dims[] = {1, 3, 8, 8};
  spinel_tensor in = tensor_of(SPINEL_FLOAT32, image, sizeof image, dims, 4), out = empty_tensor();
  spinel_engine_options_init(&options, sizeof options);
  options.spas = 1;
  options.allocate = allocate;
  options.allocate_user = &memory;
  FAILS(SPINEL_INVALID_ARGUMENT, "options->deallocate is NULL",
        spinel_engine_create(model_path("image"), &options, &engine, &error));
  options.deallocate = deallocate;
  memory.left = 0;
  FAILS(SPINEL_OUT_OF_MEMORY, "", spinel_engine_create(model_path("image"), &options, &engine, &error));
  memory.left = SIZE_MAX;
  OK(spinel_engine_create(model_path("image"), &options, &engine, &error));
  OK(spinel_engine_run(engine, &in, 1, &out, 1, NULL, &error));
  CHECK(memory.blocks > 0 && memory.live_bytes >= out.size_bytes);
  spinel_engine_release(engine);
  CHECK(memory.live_bytes == out.size_bytes);
  spinel_tensor_release(&out);
  CHECK(memory.live_bytes == 0);
}

static void refused(void) {
  spinel_engine_options options;
  spinel_engine* engine = NULL;
  spinel_limits limits;
  FAILS(SPINEL_NOT_FOUND, "nothing", spinel_engine_create(model_path("nothing"), NULL, &engine, &error));
  FAILS(SPINEL_UNSUPPORTED, "NorThisOne", spinel_engine_create(model_path("unknown"), NULL, &engine, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "path is NULL", spinel_engine_create(NULL, NULL, &engine, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "engine is NULL",
        spinel_engine_create(model_path("two"), NULL, NULL, &error));
  spinel_engine_options_init(&options, sizeof options);
  options.target = "none";
  FAILS(SPINEL_NOT_FOUND, "cpu", spinel_engine_create(model_path("two"), &options, &engine, &error));
  options.target = NULL;
  options.split = 3;
  FAILS(SPINEL_INVALID_ARGUMENT, "spinel_split",
        spinel_engine_create(model_path("two"), &options, &engine, &error));
  options.split = SPINEL_SPLIT_NEVER;
  spinel_limits_init(&limits, sizeof limits);
  limits.max_nodes = 1;
  options.limits = &limits;
  FAILS(SPINEL_LIMIT_EXCEEDED, "", spinel_engine_create(model_path("two"), &options, &engine, &error));
  options.struct_size = 3;
  FAILS(SPINEL_INVALID_ARGUMENT, "struct_size",
        spinel_engine_create(model_path("two"), &options, &engine, &error));
  CHECK(engine == NULL);
  spinel_engine_options_init(NULL, sizeof options);
  spinel_engine_release(NULL);
}

void drive_loading(void) {
  from_memory();
  watched();
  engine_files();
  own_memory();
  refused();
}
