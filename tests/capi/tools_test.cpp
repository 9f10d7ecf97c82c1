// ONNX files to ONNX files.
#include <filesystem>
#include <map>

#include "support.hpp"

namespace {

std::string scratch(const std::string& name) {
  const auto folder = std::filesystem::temp_directory_path() / "spinel_capi_tools";
  std::filesystem::create_directories(folder);
  const auto path = folder / name;
  std::filesystem::remove(path);
  return path.string();
}

spinel_simplify_options simplify_options() {
  spinel_simplify_options options;
  spinel_simplify_options_init(&options, sizeof options);
  return options;
}

spinel_convert_options convert_options() {
  spinel_convert_options options;
  spinel_convert_options_init(&options, sizeof options);
  return options;
}

std::map<std::string, int64_t> counts(const spinel_count* first, size_t count) {
  std::map<std::string, int64_t> out;
  for (size_t i = 0; i < count; ++i) out[first[i].name] = first[i].count;
  return out;
}

spinel_tool_info describe(const spinel_tool_report* report) {
  auto info = sized<spinel_tool_info>();
  check_succeeds([&](spinel_error** error) { return spinel_tool_report_describe(report, &info, error); });
  return info;
}

const char* const unknown_names[] = {"nobody"};

/// What the model of this file makes of {1, 2}, given and taken in `dtype`.
std::vector<float> run(const std::string& path, int32_t dtype) {
  spinel_engine_options options = engine_options();
  options.dtype = SPINEL_FLOAT32;
  spinel_engine* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_create(path.c_str(), dtype == SPINEL_FLOAT32 ? nullptr : &options, &raw, error);
  });
  const Owned<spinel_engine> engine(raw);
  const std::vector<int64_t> dims{1, 2};
  std::vector<float> data{1, 2}, out(2);
  const spinel_tensor input = tensor_of(SPINEL_FLOAT32, dims, data);
  spinel_tensor output = tensor_of(SPINEL_FLOAT32, dims, out);
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), &input, 1, &output, 1, nullptr, error);
  });
  return out;
}

/// Gives what the model's first input is, which is borrowed, to `see`.
template <typename See>
void check_first_input(const std::string& path, See see) {
  const auto engine = make<spinel_engine>([&](spinel_engine** made, spinel_error** error) {
    return spinel_engine_create(path.c_str(), nullptr, made, error);
  });
  auto input = sized<spinel_tensor_info>();
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 0, &input, error); });
  see(input);
}

}  // namespace

TEST_CASE("a model is simplified, and the report says how") {
  const std::string model = model_path("tools"), out = scratch("simple.onnx");
  const auto report = make<spinel_tool_report>([&](spinel_tool_report** made, spinel_error** error) {
    return spinel_simplify_model(model.c_str(), out.c_str(), nullptr, made, error);
  });
  const spinel_tool_info info = describe(report.get());
  CHECK(counts(info.operators_before, info.operator_before_count) ==
        std::map<std::string, int64_t>{{"Add", 1}, {"Identity", 1}, {"Min", 1}, {"Mul", 1}});
  CHECK(counts(info.operators_after, info.operator_after_count) ==
        std::map<std::string, int64_t>{{"Min", 1}, {"Mul", 1}});
  CHECK(counts(info.changes, info.change_count).at("fold_constants") == 1);
  CHECK(info.bytes_before == std::filesystem::file_size(model));
  CHECK(info.bytes_after == std::filesystem::file_size(out));
  REQUIRE(info.file_count == 1);
  CHECK(info.files[0] == out);
  CHECK(info.check_runs == 3);
  CHECK(info.bit_equal == 1);
  CHECK_THAT(info.check_skipped, Catch::Equals(""));
  CHECK(info.clamped_count == 0);
  CHECK(run(out, SPINEL_FLOAT32) == run(model, SPINEL_FLOAT32));
}

TEST_CASE("options of simplifying") {
  const std::string model = model_path("tools"), out = scratch("options.onnx");
  const int64_t dims[] = {5, 2};
  const spinel_named_shape shape{"x", dims, 2};
  const char* const skipped[] = {"fold_constants"};
  spinel_check_options check;
  spinel_check_options_init(&check, sizeof check);
  CHECK(check.runs == 3);
  CHECK(check.tolerance == -1);
  check.runs = 1;
  spinel_simplify_options options = simplify_options();
  CHECK(options.max_folded_bytes == 1 << 20);
  options.input_shapes = &shape;
  options.input_shape_count = 1;
  options.skip_steps = skipped;
  options.skip_step_count = 1;
  options.external_data = 1;
  options.check = &check;
  const auto report = make<spinel_tool_report>([&](spinel_tool_report** made, spinel_error** error) {
    return spinel_simplify_model(model.c_str(), out.c_str(), &options, made, error);
  });
  const spinel_tool_info info = describe(report.get());
  CHECK(counts(info.operators_after, info.operator_after_count).count("Add") == 1);
  CHECK(info.check_runs == 1);
  check_first_input(out, [](const spinel_tensor_info& input) { CHECK(input.dims[0] == 5); });

  const auto steps = make<spinel_strings>(
      [](spinel_strings** made, spinel_error** error) { return spinel_simplify_steps(made, error); });
  CHECK(spinel_strings_count(steps.get()) > 5);
  const auto simplify = [&](spinel_error** error) {
    return spinel_simplify_model(model.c_str(), out.c_str(), &options, nullptr, error);
  };
  const char* const unknown[] = {"no_such_step"};
  options.skip_steps = unknown;
  check_fails(SPINEL_NOT_FOUND, "no_such_step", simplify);
  options.skip_steps = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "options->skip_steps is NULL, but its count is 1", simplify);
  options = simplify_options();
  options.external_data = 2;
  check_fails(SPINEL_INVALID_ARGUMENT, "options->external_data is 2", simplify);
  options = simplify_options();
  const spinel_named_shape twice[] = {shape, shape};
  options.input_shapes = twice;
  options.input_shape_count = 2;
  check_fails(SPINEL_INVALID_ARGUMENT, "names input 'x' twice", simplify);
  options = simplify_options();
  options.check = &check;
  check.runs = -1;
  check_fails(SPINEL_INVALID_ARGUMENT, "options->check->runs is -1", simplify);
  check.runs = 1;
  check.required = 1;
  const std::string other = model_path("unknown");
  const std::string unchecked = scratch("unchecked.onnx");
  check_fails(SPINEL_UNSUPPORTED, "cannot be checked", [&](spinel_error** error) {
    return spinel_simplify_model(other.c_str(), unchecked.c_str(), &options, nullptr, error);
  });
  CHECK_FALSE(std::filesystem::exists(unchecked));
}

TEST_CASE("a model is converted to float16") {
  const std::string model = model_path("tools"), out = scratch("half.onnx");
  const auto report = make<spinel_tool_report>([&](spinel_tool_report** made, spinel_error** error) {
    return spinel_convert_model(model.c_str(), out.c_str(), nullptr, made, error);
  });
  const spinel_tool_info info = describe(report.get());
  CHECK(info.converted_tensors == 3);
  CHECK(info.kept_count == 0);
  REQUIRE(info.clamped_count == 1);
  CHECK_THAT(info.clamped[0].name, Catch::Equals("large"));
  CHECK(info.clamped[0].elements == 2);
  CHECK(info.clamped[0].clamped == 1);
  CHECK(info.clamped[0].flushed == 1);
  CHECK(info.check_runs == 1);
  check_first_input(out, [](const spinel_tensor_info& input) { CHECK(input.dtype == SPINEL_FLOAT16); });
  CHECK(run(out, SPINEL_FLOAT16) == std::vector<float>{3, 0});

  const char* const kept[] = {"Mul"};
  spinel_convert_options options = convert_options();
  CHECK(options.dtype == SPINEL_FLOAT16);
  options.keep_ops = kept;
  options.keep_op_count = 1;
  options.keep_io_types = 1;
  const auto second = make<spinel_tool_report>([&](spinel_tool_report** made, spinel_error** error) {
    return spinel_convert_model(model.c_str(), out.c_str(), &options, made, error);
  });
  const spinel_tool_info partly = describe(second.get());
  REQUIRE(partly.kept_count == 1);
  CHECK_THAT(partly.kept[0], Catch::Equals("scale (Mul)"));

  const auto convert = [&](spinel_error** error) {
    return spinel_convert_model(model.c_str(), out.c_str(), &options, nullptr, error);
  };
  options.keep_nodes = unknown_names;
  options.keep_node_count = 1;
  check_fails(SPINEL_NOT_FOUND, "nobody", convert);
  options = convert_options();
  options.dtype = SPINEL_INT8;
  check_fails(SPINEL_UNSUPPORTED, "int8", convert);
  options.dtype = 99;
  check_fails(SPINEL_INVALID_ARGUMENT, "options->dtype is 99", convert);
  const auto list = make<spinel_strings>(
      [](spinel_strings** made, spinel_error** error) { return spinel_float16_keep_list(made, error); });
  CHECK(spinel_strings_count(list.get()) > 0);
}

TEST_CASE("a model of custom operators is simplified and converted with them") {
  const std::string model = std::string(SPINEL_SOURCE_DIR) + "/samples/custom_op/add.onnx";
  const std::string out = scratch("custom.onnx");
  spinel_op_set* set = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_op_set_create(&set, error); });
  check_succeeds([&](spinel_error** error) { return spinel_op_set_load(set, CUSTOM_ADD, error); });
  spinel_check_options check;
  spinel_check_options_init(&check, sizeof check);
  check.required = 1;
  spinel_simplify_options simplify = simplify_options();
  simplify.check = &check;
  const auto run_simplify = [&](spinel_error** error) {
    return spinel_simplify_model(model.c_str(), out.c_str(), &simplify, nullptr, error);
  };
  check_fails(SPINEL_UNSUPPORTED, "cannot be checked", run_simplify);
  simplify.custom_ops = set;
  check_succeeds(run_simplify);
  spinel_convert_options convert = convert_options();
  convert.custom_ops = set;
  convert.check = &check;
  check_succeeds([&](spinel_error** error) {
    return spinel_convert_model(model.c_str(), out.c_str(), &convert, nullptr, error);
  });
  spinel_op_set_release(set);
}

TEST_CASE("tools that are given nothing to work with") {
  const std::string model = model_path("tools"), out = scratch("none.onnx");
  spinel_tool_report* report = nullptr;
  for (const auto tool : {+[](const char*from, const char*to, spinel_tool_report**made, spinel_error**e) {
                            return spinel_simplify_model(from, to, nullptr, made, e);
                          },
                          +[](const char*from, const char*to, spinel_tool_report**made, spinel_error**e) {
                            return spinel_convert_model(from, to, nullptr, made, e);
                          }}) {
    check_fails(SPINEL_NOT_FOUND, "/none.onnx",
                [&](spinel_error** error) { return tool("/none.onnx", out.c_str(), &report, error); });
    check_fails(SPINEL_INVALID_ARGUMENT, "model is NULL",
                [&](spinel_error** error) { return tool(nullptr, out.c_str(), &report, error); });
    check_fails(SPINEL_INVALID_ARGUMENT, "out is NULL",
                [&](spinel_error** error) { return tool(model.c_str(), nullptr, &report, error); });
    check_fails(SPINEL_INVALID_ARGUMENT, "another",
                [&](spinel_error** error) { return tool(model.c_str(), model.c_str(), &report, error); });
  }
  CHECK(report == nullptr);
  CHECK_FALSE(std::filesystem::exists(out));
  auto info = sized<spinel_tool_info>();
  check_fails(SPINEL_INVALID_ARGUMENT, "report is NULL",
              [&](spinel_error** error) { return spinel_tool_report_describe(nullptr, &info, error); });
  spinel_tool_report_release(nullptr);
}
