#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "support.hpp"

namespace {

spinel_tensor_info tensor_info() {
  spinel_tensor_info info{};
  info.struct_size = sizeof info;
  return info;
}

int32_t create(const std::string& path, const spinel_engine_options& options, spinel_error** error) {
  spinel_engine* engine = nullptr;
  const int32_t code = spinel_engine_create(path.c_str(), &options, &engine, error);
  CHECK((engine == nullptr) == (code != SPINEL_OK));
  spinel_engine_release(engine);
  return code;
}

}  // namespace

TEST_CASE("inputs and outputs are described") {
  const auto engine = load("two");
  CHECK(spinel_engine_input_count(engine.get()) == 2);
  CHECK(spinel_engine_output_count(engine.get()) == 2);
  spinel_tensor_info info = tensor_info();
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 1, &info, error); });
  CHECK(std::strcmp(info.name, "y") == 0);
  CHECK(info.dtype == SPINEL_FLOAT32);
  CHECK(info.has_rank == 1);
  REQUIRE(info.rank == 2);
  CHECK(info.dims[0] == -1);
  CHECK(info.dims[1] == 3);
  CHECK(std::strcmp(info.dim_names[0], "batch") == 0);
  CHECK(std::strcmp(info.dim_names[1], "") == 0);
  CHECK(info.batch_axis == 0);
  check_succeeds([&](spinel_error** error) { return spinel_engine_output(engine.get(), 1, &info, error); });
  CHECK(std::strcmp(info.name, "product") == 0);

  const spinel_tensor_info before = info;
  check_fails(SPINEL_NOT_FOUND, "input 2",
              [&](spinel_error** error) { return spinel_engine_input(engine.get(), 2, &info, error); });
  check_fails(SPINEL_NOT_FOUND, "output 2",
              [&](spinel_error** error) { return spinel_engine_output(engine.get(), 2, &info, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL",
              [&](spinel_error** error) { return spinel_engine_input(nullptr, 0, &info, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "info is NULL",
              [&](spinel_error** error) { return spinel_engine_output(engine.get(), 0, nullptr, error); });
  CHECK(std::memcmp(&before, &info, sizeof info) == 0);
  CHECK(spinel_engine_input_count(nullptr) == 0);
  CHECK(spinel_engine_output_count(nullptr) == 0);
}

TEST_CASE("inputs and outputs are found by name") {
  const auto engine = load("two");
  size_t index = 9;
  check_succeeds(
      [&](spinel_error** error) { return spinel_engine_find_input(engine.get(), "y", &index, error); });
  CHECK(index == 1);
  check_succeeds(
      [&](spinel_error** error) { return spinel_engine_find_output(engine.get(), "sum", &index, error); });
  CHECK(index == 0);
  check_fails(SPINEL_NOT_FOUND, "'x', 'y'", [&](spinel_error** error) {
    return spinel_engine_find_input(engine.get(), "sum", &index, error);
  });
  check_fails(SPINEL_NOT_FOUND, "'sum', 'product'", [&](spinel_error** error) {
    return spinel_engine_find_output(engine.get(), "x", &index, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "name is NULL", [&](spinel_error** error) {
    return spinel_engine_find_input(engine.get(), nullptr, &index, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "index is NULL", [&](spinel_error** error) {
    return spinel_engine_find_output(engine.get(), "sum", nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL",
              [&](spinel_error** error) { return spinel_engine_find_input(nullptr, "x", &index, error); });
  CHECK(index == 0);
}

TEST_CASE("what loading refuses") {
  const spinel_engine_options options = engine_options();
  spinel_engine* engine = nullptr;
  check_fails(SPINEL_NOT_FOUND, "no/such.onnx",
              [&](spinel_error** error) { return create("no/such.onnx", options, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "path is NULL",
              [&](spinel_error** error) { return spinel_engine_create(nullptr, &options, &engine, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL", [&](spinel_error** error) {
    return spinel_engine_create(model_path("two").c_str(), &options, nullptr, error);
  });
  check_fails(SPINEL_BAD_MODEL, "", [&](spinel_error** error) {
    return spinel_engine_create(SPINEL_SOURCE_DIR "/CMakeLists.txt", &options, &engine, error);
  });
  check_fails(SPINEL_UNSUPPORTED, "NorThisOne", [&](spinel_error** error) {
    return spinel_engine_create(model_path("unknown").c_str(), &options, &engine, error);
  });
  check_fails(SPINEL_UNSUPPORTED, "NoSuchOperator", [&](spinel_error** error) {
    return spinel_engine_create(model_path("unknown").c_str(), &options, &engine, error);
  });
  CHECK(engine == nullptr);
  spinel_engine_release(nullptr);
}

TEST_CASE("a model in memory") {
  std::vector<char> bytes = read_bytes(model_path("two"));
  spinel_engine* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_create_from_memory(bytes.data(), bytes.size(), nullptr, nullptr, &raw, error);
  });
  const Owned<spinel_engine> engine(raw);
  // The engine does not look at the caller's bytes any more.
  std::fill(bytes.begin(), bytes.end(), '\xff');
  CHECK(spinel_engine_input_count(raw) == 2);

  spinel_engine* none = nullptr;
  check_fails(SPINEL_INVALID_ARGUMENT, "model is NULL", [&](spinel_error** error) {
    return spinel_engine_create_from_memory(nullptr, 10, nullptr, nullptr, &none, error);
  });
  check_fails(SPINEL_BAD_MODEL, "", [&](spinel_error** error) {
    return spinel_engine_create_from_memory(bytes.data(), bytes.size(), nullptr, nullptr, &none, error);
  });
  CHECK(none == nullptr);
}

TEST_CASE("external data of a model in memory is looked for in the folder") {
  const std::vector<char> bytes = read_bytes(model_path("external"));
  const std::string folder = std::string(SPINEL_BINARY_DIR) + "/tests/capi/models";
  spinel_engine* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_create_from_memory(bytes.data(), bytes.size(), folder.c_str(), nullptr, &raw, error);
  });
  spinel_engine_release(raw);
  raw = nullptr;
  spinel_error* error = nullptr;
  CHECK(spinel_engine_create_from_memory(bytes.data(), bytes.size(), nullptr, nullptr, &raw, &error) !=
        SPINEL_OK);
  CHECK(raw == nullptr);
  spinel_error_release(error);
}

TEST_CASE("options reach the engine") {
  spinel_engine_options options = engine_options();
  const char* const names[] = {"y", "x"};
  options.input_names = names;
  options.input_name_count = 2;
  options.spas = 2;
  options.threads_per_spa = 3;
  options.split = SPINEL_SPLIT_NEVER;
  const auto engine = load("two", &options);
  spinel_tensor_info input = tensor_info();
  check_succeeds([&](spinel_error** error) { return spinel_engine_input(engine.get(), 0, &input, error); });
  CHECK(std::strcmp(input.name, "y") == 0);
  spinel_engine_info info{};
  info.struct_size = sizeof info;
  check_succeeds([&](spinel_error** error) { return spinel_engine_describe(engine.get(), &info, error); });
  CHECK(info.spas == 2);
  CHECK(info.threads_per_spa == 3);
  CHECK(std::strcmp(info.target, "cpu") == 0);
  CHECK(info.compute_dtype == SPINEL_FLOAT32);
  check_fails(SPINEL_INVALID_ARGUMENT, "info is NULL",
              [&](spinel_error** error) { return spinel_engine_describe(engine.get(), nullptr, error); });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL",
              [&](spinel_error** error) { return spinel_engine_describe(nullptr, &info, error); });
}

TEST_CASE("dtype changes inputs and outputs, unless told to keep them") {
  spinel_engine_options options = engine_options();
  options.dtype = SPINEL_FLOAT16;
  spinel_tensor_info info = tensor_info();
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_input(load("two", &options).get(), 0, &info, error);
  });
  CHECK(info.dtype == SPINEL_FLOAT16);
  options.keep_io_types = 1;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_input(load("two", &options).get(), 0, &info, error);
  });
  CHECK(info.dtype == SPINEL_FLOAT32);
}

TEST_CASE("options that make no sense are refused") {
  const auto fails = [](int32_t code, const char* part, auto&& change) {
    spinel_engine_options options = engine_options();
    change(options);
    check_fails(code, part, [&](spinel_error** error) { return create(model_path("two"), options, error); });
  };
  fails(SPINEL_NOT_FOUND, "cpu", [](auto& options) { options.target = "no-such-target"; });
  fails(SPINEL_INVALID_ARGUMENT, "spinel_split", [](auto& options) { options.split = 3; });
  fails(SPINEL_INVALID_ARGUMENT, "spinel_dtype", [](auto& options) { options.dtype = 99; });
  fails(SPINEL_INVALID_ARGUMENT, "int8", [](auto& options) { options.dtype = SPINEL_INT8; });
  fails(SPINEL_INVALID_ARGUMENT, "keep_io_types", [](auto& options) { options.keep_io_types = 2; });
  fails(SPINEL_INVALID_ARGUMENT, "pad_inputs", [](auto& options) { options.pad_inputs = -1; });
  fails(SPINEL_INVALID_ARGUMENT, "spas", [](auto& options) { options.spas = -1; });
  fails(SPINEL_INVALID_ARGUMENT, "threads_per_spa", [](auto& options) { options.threads_per_spa = -1; });
  fails(SPINEL_UNSUPPORTED, "pass", [](auto& options) { options.pass_path = "passes.py"; });
  fails(SPINEL_NOT_FOUND, "none/two.spinel", [](auto& options) { options.save_engine = "none/two.spinel"; });
  fails(SPINEL_NOT_FOUND, "none.spinel", [](auto& options) { options.load_engine = "none.spinel"; });
  fails(SPINEL_INVALID_ARGUMENT, "verify_weights", [](auto& options) { options.verify_weights = 7; });
  fails(SPINEL_INVALID_ARGUMENT, "absolute", [](auto& options) {
    options.target = "onnx";
    options.onnxruntime_path = "libonnxruntime.so";
  });
  fails(SPINEL_UNSUPPORTED, "target 'onnx' makes no engine files", [](auto& options) {
    options.target = "onnx";
    options.save_engine = "two.spinel";
  });
  fails(SPINEL_INVALID_ARGUMENT, "input_names is NULL", [](auto& options) { options.input_name_count = 2; });
  fails(SPINEL_INVALID_ARGUMENT, "input_sizes is NULL", [](auto& options) { options.input_size_count = 1; });
  fails(SPINEL_INVALID_ARGUMENT, "pad_values is NULL", [](auto& options) { options.pad_value_count = 1; });
  static const char* const names[] = {"x", nullptr};
  fails(SPINEL_INVALID_ARGUMENT, "input_names[1] is NULL", [](auto& options) {
    options.input_names = names;
    options.input_name_count = 2;
  });
  static const spinel_pad_value twice[] = {{"x", 1}, {"x", 2}};
  fails(SPINEL_INVALID_ARGUMENT, "twice", [](auto& options) {
    options.pad_values = twice;
    options.pad_value_count = 2;
  });
  static const spinel_shape no_dims[] = {{nullptr, 2}};
  fails(SPINEL_INVALID_ARGUMENT, "input_sizes[0].dims is NULL", [](auto& options) {
    options.input_sizes = no_dims;
    options.input_size_count = 1;
  });
}

TEST_CASE("limits of models") {
  spinel_limits limits;
  spinel_limits_init(&limits, sizeof limits);
  CHECK(limits.max_model_bytes == uint64_t{16} << 30);
  CHECK(limits.max_image_pixels == 178956970);
  spinel_limits_init(nullptr, sizeof limits);
  spinel_engine_options options = engine_options();
  options.limits = &limits;
  limits.max_model_bytes = 10;
  check_fails(SPINEL_LIMIT_EXCEEDED, "the limit is 10",
              [&](spinel_error** error) { return create(model_path("two"), options, error); });
  spinel_limits_init(&limits, sizeof limits);
  limits.max_nodes = 1;
  check_fails(SPINEL_LIMIT_EXCEEDED, "max_nodes",
              [&](spinel_error** error) { return create(model_path("two"), options, error); });
  limits.struct_size = 4;
  check_fails(SPINEL_INVALID_ARGUMENT, "limits->struct_size is 4",
              [&](spinel_error** error) { return create(model_path("two"), options, error); });
}

TEST_CASE("callers of other versions of the header") {
  struct Newer {
    spinel_engine_options options;
    uint64_t added;
  } newer;
  std::memset(&newer, 0xff, sizeof newer);
  spinel_engine_options_init(&newer.options, sizeof newer);
  CHECK(newer.options.struct_size == sizeof newer);
  CHECK(newer.added == 0);
  check_succeeds([&](spinel_error** error) { return create(model_path("two"), newer.options, error); });
  // An older caller's struct ends before onnxruntime_path, which is then not read.
  newer.options.target = "onnx";
  newer.options.onnxruntime_path = "relative";
  const auto make_engine = [&](spinel_error** error) {
    return create(model_path("two"), newer.options, error);
  };
  check_fails(SPINEL_INVALID_ARGUMENT, "absolute", make_engine);
  newer.options.target = "cpu";
  newer.options.onnxruntime_path = reinterpret_cast<const char*>(1);
  newer.options.struct_size = offsetof(spinel_engine_options, onnxruntime_path);
  check_succeeds(make_engine);
  newer.options.struct_size = sizeof newer;
  newer.options.onnxruntime_path = nullptr;
  newer.added = 1;
  check_fails(SPINEL_UNSUPPORTED, "does not know",
              [&](spinel_error** error) { return create(model_path("two"), newer.options, error); });

  spinel_engine_options options = engine_options();
  for (size_t wrong : {size_t{0}, size_t{8}, offsetof(spinel_engine_options, log_user), size_t{1} << 40}) {
    options.struct_size = wrong;
    check_fails(SPINEL_INVALID_ARGUMENT, "options->struct_size is " + std::to_string(wrong),
                [&](spinel_error** error) { return create(model_path("two"), options, error); });
  }
  // What the library fills in reaches no further than it knows, and zeros the rest.
  struct NewerInfo {
    spinel_tensor_info info;
    uint64_t added;
  } newer_info;
  std::memset(&newer_info, 0xff, sizeof newer_info);
  newer_info.info.struct_size = sizeof newer_info;
  const auto engine = load("two");
  check_succeeds(
      [&](spinel_error** error) { return spinel_engine_input(engine.get(), 0, &newer_info.info, error); });
  CHECK(newer_info.info.struct_size == sizeof newer_info);
  CHECK(newer_info.added == 0);
  newer_info.info.struct_size = 0;
  check_fails(SPINEL_INVALID_ARGUMENT, "info->struct_size is 0", [&](spinel_error** error) {
    return spinel_engine_input(engine.get(), 0, &newer_info.info, error);
  });
}

TEST_CASE("dims of outputs") {
  const auto engine = load("two");
  const int64_t dims_in[] = {5, 3};
  const spinel_shape inputs[] = {{dims_in, 2}, {dims_in, 2}};
  int64_t dims[2] = {-7, -7};
  size_t rank = 99;
  int32_t known = -7;
  const auto ask = [&](size_t count, size_t index, size_t capacity) {
    return [&, count, index, capacity](spinel_error** error) {
      return spinel_engine_output_dims(engine.get(), inputs, count, index, dims, capacity, &rank, &known,
                                       error);
    };
  };
  check_fails(SPINEL_INVALID_ARGUMENT, "capacity is 1", ask(2, 0, 1));
  check_fails(SPINEL_NOT_FOUND, "output 2", ask(2, 2, 2));
  check_fails(SPINEL_INVALID_ARGUMENT, "", ask(1, 0, 2));
  check_fails(SPINEL_INVALID_ARGUMENT, "rank is NULL", [&](spinel_error** error) {
    return spinel_engine_output_dims(engine.get(), inputs, 2, 0, dims, 2, nullptr, &known, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "dims is NULL", [&](spinel_error** error) {
    return spinel_engine_output_dims(engine.get(), inputs, 2, 0, nullptr, 2, &rank, &known, error);
  });
  CHECK((dims[0] == -7 && rank == 99 && known == -7));
  check_succeeds(ask(2, 1, 0));
  CHECK((known == 1 && rank == 2 && dims[0] == -7));
  check_succeeds(ask(2, 1, 2));
  CHECK((dims[0] == 5 && dims[1] == 3));
}

TEST_CASE("dims of outputs that only running tells") {
  const auto engine = load("reshape");
  const int64_t six[] = {6}, two[] = {2};
  const spinel_shape inputs[] = {{six, 1}, {two, 1}};
  size_t rank = 99;
  int32_t known = -7;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_output_dims(engine.get(), inputs, 2, 0, nullptr, 0, &rank, &known, error);
  });
  CHECK((known == 0 && rank == 99));
  spinel_memory_report report{};
  report.struct_size = sizeof report;
  spinel_strings* raw = nullptr;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_memory(engine.get(), inputs, 2, &report, &raw, error);
  });
  const Owned<spinel_strings> unplanned(raw);
  REQUIRE(spinel_strings_count(raw) == 1);
  CHECK(std::strcmp(spinel_strings_get(raw, 0), "power") == 0);
}

TEST_CASE("memory") {
  const auto engine = load("image");
  const int64_t dims[] = {4, 3, 8, 8};
  const spinel_shape input{dims, 4};
  spinel_memory_report report{};
  report.struct_size = sizeof report;
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_memory(engine.get(), &input, 1, &report, nullptr, error);
  });
  CHECK(report.spas >= 1);
  CHECK(report.total_bytes ==
        report.weight_bytes + static_cast<uint64_t>(report.spas) * report.arena_bytes_per_spa);
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_memory(engine.get(), nullptr, 0, &report, nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "report is NULL", [&](spinel_error** error) {
    return spinel_engine_memory(engine.get(), nullptr, 0, nullptr, nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL", [&](spinel_error** error) {
    return spinel_engine_memory(nullptr, nullptr, 0, &report, nullptr, error);
  });
}

TEST_CASE("the graph as text") {
  const auto engine = load("two");
  spinel_strings* raw = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_engine_graph(engine.get(), &raw, error); });
  const Owned<spinel_strings> lines(raw);
  std::string text;
  for (size_t i = 0; i < spinel_strings_count(raw); ++i) text += spinel_strings_get(raw, i);
  CHECK_THAT(text, Catch::Contains("Mul"));
  check_fails(SPINEL_INVALID_ARGUMENT, "lines is NULL",
              [&](spinel_error** error) { return spinel_engine_graph(engine.get(), nullptr, error); });
}

TEST_CASE("an engine file is the engine that wrote it") {
  const std::string file = std::string(SPINEL_BINARY_DIR) + "/tests/capi/models/two.spinel";
  spinel_engine_options options = engine_options();
  options.save_engine = file.c_str();
  const auto built = load("two", &options);
  options.save_engine = nullptr;
  options.load_engine = file.c_str();
  options.verify_weights = 1;
  spinel_engine* raw = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_engine_create(nullptr, &options, &raw, error); });
  const Owned<spinel_engine> loaded(raw);
  std::vector<float> x{1, 2, 3};
  std::vector<float> y{4, 5, 6};
  const std::vector<int64_t> dims{1, 3};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, dims, x), tensor_of(SPINEL_FLOAT32, dims, y)};
  for (const spinel_engine* engine : {built.get(), loaded.get()}) {
    spinel_tensor outputs[] = {empty_tensor(), empty_tensor()};
    check_succeeds([&](spinel_error** error) {
      return spinel_engine_run(engine, inputs, 2, outputs, 2, nullptr, error);
    });
    CHECK(static_cast<const float*>(outputs[0].data)[2] == 9);
    CHECK(static_cast<const float*>(outputs[1].data)[2] == 18);
    for (auto& output : outputs) spinel_tensor_release(&output);
  }
  // The ONNX file may be named beside it, and must be the one that it was built from.
  check_succeeds([&](spinel_error** error) { return create(model_path("two"), options, error); });
  check_fails(SPINEL_UNSUPPORTED, "bytes",
              [&](spinel_error** error) { return create(model_path("unknown"), options, error); });
  options.dtype = SPINEL_FLOAT16;
  check_fails(SPINEL_UNSUPPORTED, "float16",
              [&](spinel_error** error) { return create(model_path("two"), options, error); });
}

TEST_CASE("an engine that a forked child inherits can be released there") {
  auto engine = load("two");
  std::vector<float> data(3, 1);
  const std::vector<int64_t> dims{1, 3};
  const spinel_tensor inputs[] = {tensor_of(SPINEL_FLOAT32, dims, data),
                                  tensor_of(SPINEL_FLOAT32, dims, data)};
  spinel_tensor outputs[] = {empty_tensor(), empty_tensor()};
  check_succeeds([&](spinel_error** error) {
    return spinel_engine_run(engine.get(), inputs, 2, outputs, 2, nullptr, error);
  });
  for (auto& output : outputs) spinel_tensor_release(&output);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(20);
    engine.reset();
    _exit(0);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(status == 0);
}
