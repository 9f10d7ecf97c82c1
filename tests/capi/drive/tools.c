/* ONNX files to ONNX files. */
#include <string.h>

#include "drive.h"

static void simplify(void) {
  spinel_simplify_options options;
  spinel_check_options check;
  spinel_tool_report* report = NULL;
  spinel_tool_info info;
  spinel_strings* steps = NULL;
  const char* skipped[] = {"none"};
  USE(spinel_simplify_options_init(&options, sizeof options));
  USE(spinel_check_options_init(&check, sizeof check));
  spinel_simplify_options_init(NULL, sizeof options);
  spinel_check_options_init(NULL, sizeof check);
  check.runs = 1;
  options.check = &check;
  OK(spinel_simplify_model(model_path("tools"), scratch_path("simple.onnx"), &options, &report, &error));
  memset(&info, 0, sizeof info);
  FAILS(SPINEL_INVALID_ARGUMENT, "struct_size", spinel_tool_report_describe(report, &info, &error));
  info.struct_size = sizeof info;
  OK(spinel_tool_report_describe(report, &info, &error));
  CHECK(info.operator_before_count == 4 && info.operator_after_count == 2 && info.change_count > 0);
  CHECK(info.file_count == 1 && info.check_runs == 1 && info.bit_equal == 1);
  CHECK_TEXT(info.operators_after[0].name, "Min");
  USE(spinel_tool_report_release(report));
  spinel_tool_report_release(NULL);
  options.skip_steps = skipped;
  options.skip_step_count = 1;
  FAILS(SPINEL_NOT_FOUND, "none",
        spinel_simplify_model(model_path("tools"), scratch_path("none.onnx"), &options, NULL, &error));
  OK(spinel_simplify_steps(&steps, &error));
  CHECK(spinel_strings_count(steps) > 1);
  spinel_strings_release(steps);
  FAILS(SPINEL_INVALID_ARGUMENT, "steps is NULL", spinel_simplify_steps(NULL, &error));
}

static void convert(void) {
  spinel_convert_options options;
  spinel_tool_report* report = NULL;
  spinel_tool_info info;
  spinel_strings* kept = NULL;
  USE(spinel_convert_options_init(&options, sizeof options));
  spinel_convert_options_init(NULL, sizeof options);
  OK(spinel_convert_model(model_path("tools"), scratch_path("half.onnx"), &options, &report, &error));
  info.struct_size = sizeof info;
  OK(spinel_tool_report_describe(report, &info, &error));
  CHECK(info.converted_tensors == 3 && info.clamped_count == 1 && info.clamped[0].clamped == 1);
  spinel_tool_report_release(report);
  options.dtype = SPINEL_INT8;
  FAILS(SPINEL_UNSUPPORTED, "int8",
        spinel_convert_model(model_path("tools"), scratch_path("none.onnx"), &options, NULL, &error));
  OK(spinel_float16_keep_list(&kept, &error));
  CHECK(spinel_strings_count(kept) > 0);
  spinel_strings_release(kept);
  FAILS(SPINEL_INVALID_ARGUMENT, "operators is NULL", spinel_float16_keep_list(NULL, &error));
}

void drive_tools(void) {
  simplify();
  convert();
}
