/* What an engine says about itself. */
#include <string.h>

#include "drive.h"

static void ports(const spinel_engine* engine) {
  spinel_tensor_info info;
  size_t index = 9;
  memset(&info, 0, sizeof info);
  CHECK(USE(spinel_engine_input_count(engine)) == 2);
  CHECK(USE(spinel_engine_output_count(engine)) == 2);
  CHECK(spinel_engine_input_count(NULL) == 0 && spinel_engine_output_count(NULL) == 0);
  FAILS(SPINEL_INVALID_ARGUMENT, "struct_size", spinel_engine_input(engine, 0, &info, &error));
  info.struct_size = sizeof info;
  OK(spinel_engine_input(engine, 1, &info, &error));
  CHECK_TEXT(info.name, "y");
  CHECK(info.dtype == SPINEL_FLOAT32 && info.has_rank == 1 && info.rank == 2);
  CHECK(info.dims[0] == -1 && info.dims[1] == 3 && info.batch_axis == 0);
  CHECK_TEXT(info.dim_names[0], "batch");
  CHECK_TEXT(info.dim_names[1], "");
  OK(spinel_engine_output(engine, 1, &info, &error));
  CHECK_TEXT(info.name, "product");
  FAILS(SPINEL_NOT_FOUND, "2", spinel_engine_input(engine, 2, &info, &error));
  FAILS(SPINEL_NOT_FOUND, "2", spinel_engine_output(engine, 2, &info, &error));
  CHECK_TEXT(info.name, "product");

  OK(spinel_engine_find_input(engine, "y", &index, &error));
  CHECK(index == 1);
  OK(spinel_engine_find_output(engine, "sum", &index, &error));
  CHECK(index == 0);
  FAILS(SPINEL_NOT_FOUND, "x", spinel_engine_find_input(engine, "z", &index, &error));
  FAILS(SPINEL_NOT_FOUND, "product", spinel_engine_find_output(engine, "z", &index, &error));
  CHECK(index == 0);
}

static void sizes(const spinel_engine* engine) {
  const int64_t dims[] = {5, 3}, wrong[] = {5, 4};
  int64_t result[2] = {0, 0};
  size_t rank = 0;
  int32_t known = 0;
  spinel_shape shapes[2];
  spinel_memory_report report;
  spinel_strings* unplanned = NULL;
  spinel_engine* dynamic;
  shapes[0].dims = shapes[1].dims = dims;
  shapes[0].rank = shapes[1].rank = 2;
  OK(spinel_engine_output_dims(engine, shapes, 2, 1, result, 2, &rank, &known, &error));
  CHECK(known == 1 && rank == 2 && result[0] == 5 && result[1] == 3);
  OK(spinel_engine_output_dims(engine, shapes, 2, 1, NULL, 0, &rank, &known, &error));
  FAILS(SPINEL_INVALID_ARGUMENT, "",
        spinel_engine_output_dims(engine, shapes, 2, 1, result, 1, &rank, &known, &error));

  memset(&report, 0, sizeof report);
  report.struct_size = sizeof report;
  OK(spinel_engine_memory(engine, shapes, 2, &report, &unplanned, &error));
  CHECK(report.spas >= 1 && report.total_bytes >= report.weight_bytes + report.arena_bytes_per_spa);
  CHECK(spinel_strings_count(unplanned) == 0);
  spinel_strings_release(unplanned);
  OK(spinel_engine_memory(engine, NULL, 0, &report, NULL, &error));
  shapes[1].dims = wrong;
  FAILS(SPINEL_INVALID_ARGUMENT, "4", spinel_engine_memory(engine, shapes, 2, &report, NULL, &error));

  dynamic = load("reshape");
  known = 1;
  shapes[0].rank = shapes[1].rank = 1;
  result[0] = 2;
  shapes[1].dims = result;
  OK(spinel_engine_output_dims(dynamic, shapes, 2, 0, NULL, 0, &rank, &known, &error));
  CHECK(known == 0);
  OK(spinel_engine_memory(dynamic, NULL, 0, &report, &unplanned, &error));
  CHECK(spinel_strings_count(unplanned) > 0);
  spinel_strings_release(unplanned);
  spinel_engine_release(dynamic);
}

/* What only the C++ API runs can be described, and is refused. */
static void sequences(void) {
  spinel_engine* engine = load("sequence");
  spinel_tensor_info info;
  const int64_t one[] = {1};
  float data[] = {1};
  int64_t place = 0;
  spinel_tensor inputs[2], out = empty_tensor();
  info.struct_size = sizeof info;
  OK(spinel_engine_input(engine, 0, &info, &error));
  CHECK(info.kind == SPINEL_KIND_SEQUENCE && info.dtype == SPINEL_UNDEFINED);
  OK(spinel_engine_input(engine, 1, &info, &error));
  CHECK(info.kind == SPINEL_KIND_TENSOR && info.dtype == SPINEL_INT64);
  inputs[0] = tensor_of(SPINEL_FLOAT32, data, sizeof data, one, 1);
  inputs[1] = tensor_of(SPINEL_INT64, &place, sizeof place, NULL, 0);
  FAILS(SPINEL_UNSUPPORTED, "sequence", spinel_engine_run(engine, inputs, 2, &out, 1, NULL, &error));
  spinel_engine_release(engine);
}

void drive_describing(void) {
  spinel_engine* engine = load("two");
  spinel_engine_info info;
  spinel_pass_info pass;
  spinel_strings* lines = NULL;
  size_t i, count;
  ports(engine);
  sizes(engine);
  sequences();

  info.struct_size = sizeof info;
  OK(spinel_engine_describe(engine, &info, &error));
  CHECK_TEXT(info.target, "cpu");
  CHECK_TEXT(info.blocking_node, "");
  CHECK(info.splittable == 1 && info.fixed_batch == 0 && info.compute_dtype == SPINEL_FLOAT32 &&
        info.spas >= 1 && info.threads_per_spa == 1);
  CHECK(strncmp(info.arithmetic, "float32", 7) == 0);
  FAILS(SPINEL_INVALID_ARGUMENT, "info is NULL", spinel_engine_describe(engine, NULL, &error));

  OK(spinel_engine_graph(engine, &lines, &error));
  CHECK(spinel_strings_count(lines) >= 2);
  spinel_strings_release(lines);
  FAILS(SPINEL_INVALID_ARGUMENT, "engine is NULL", spinel_engine_graph(NULL, &lines, &error));

  count = USE(spinel_engine_pass_count(engine));
  CHECK(count > 5 && spinel_engine_pass_count(NULL) == 0);
  pass.struct_size = sizeof pass;
  for (i = 0; i < count; ++i) {
    OK(spinel_engine_pass(engine, i, &pass, &error));
    CHECK(strlen(pass.name) > 0);
  }
  FAILS(SPINEL_NOT_FOUND, "does not exist", spinel_engine_pass(engine, count, &pass, &error));
  spinel_engine_release(engine);
}
