// Target `onnx` without ONNX Runtime: looking for the library, and all else over a stand-in.
#include <catch2/catch.hpp>

#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include "backend/backend.hpp"
#include "backend/onnxruntime/fake_library/fake_state.hpp"
#include "backend/onnxruntime/library.hpp"
#include "onnx/test_model.hpp"

using namespace spinel;
using namespace spinel::backend;
using Catch::Contains;
using test::ModelGraph;

namespace {

namespace fs = std::filesystem;

template <class Fn>
Error error_of(Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return {ErrorCode::internal, ""};
}

/// A folder that is removed at the end.
struct Folder {
  fs::path path = fs::path(SPINEL_BINARY_DIR) / ("onnxruntime_test." + std::to_string(getpid()));
  Folder() { fs::create_directories(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { fs::remove_all(path); }
};

/// The stand-in's state, as before the first call.
ort::fake::State& fresh_state() {
  void* handle = dlopen(FAKE_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(handle != nullptr);
  ort::fake::State& state = *reinterpret_cast<ort::fake::GetState>(dlsym(handle, "fake_state"))();
  REQUIRE(state.alive == 0);
  state.loads_fail = state.runs_fail = {};
  state.runs_wait_for_cancel = state.telemetry_is_off = state.output_was_given = false;
  state.sessions = 0;
  state.config.clear();
  state.terminated = false;
  return state;
}

std::unique_ptr<Model> compile(const ModelGraph& graph, const CompileOptions& given = {}) {
  CompileOptions options = given;
  options.onnxruntime_path = FAKE_LIBRARY;
  onnx::ModelSource source;
  auto bytes = std::make_shared<std::vector<std::byte>>(graph.model());
  source.bytes = {*bytes, bytes};
  return find_target("onnx").compile(source, options);
}

ModelGraph identity(const std::string& op = "Identity", const std::string& domain = "") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{2}});
  graph.node(op, {"x"}, {"y"}, {}, "", domain).output("y", DType::float32);
  return graph;
}

const Tensor x = Tensor::from<float>({3, 2}, {1, 2, 3, 4, 5, 6});

std::vector<graph::RuntimeValue> run(const Model& model, const graph::RunServices& services = {},
                                     const Tensor& place = {}) {
  const auto replica = model.make_replica();
  const std::vector<graph::RuntimeValue> inputs{x};
  std::vector<graph::RuntimeValue> outputs(1);
  if (place.defined()) outputs[0] = place;
  replica->run(inputs, outputs, services);
  return outputs;
}

}  // namespace

TEST_CASE("onnxruntime: a library that is not there") {
  const Folder folder;
  const auto load = [](const fs::path& place) {
    return error_of([&] { ort::load_library(place.string()); });
  };
  Error error = load(folder.path / "none");
  CHECK(error.code() == ErrorCode::not_found);
  CHECK_THAT(error.what(), Contains("none") && Contains("onnxruntime-node") && Contains("--onnxruntime"));
  error = load(folder.path);
  CHECK(error.code() == ErrorCode::not_found);
  CHECK_THAT(error.what(), Contains(folder.path.string()) && Contains("libonnxruntime.so"));
  error = load("libonnxruntime.so");
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK_THAT(error.what(), Contains("absolute"));
  std::ofstream(folder.path / "libonnxruntime.so.1.9") << "no library";
  error = load(folder.path);
  CHECK(error.code() == ErrorCode::unsupported);
  CHECK_THAT(error.what(), Contains("libonnxruntime.so.1.9"));
  // The file with the highest version is taken, a plain name before it.
  fs::copy_file(FAKE_LIBRARY, folder.path / "libonnxruntime.so.1.10");
  CHECK(ort::load_library(folder.path.string()).version == "1.99.0");
  fs::copy_file(FAKE_OLD_LIBRARY, folder.path / "libonnxruntime.so");
  CHECK_THAT(load(folder.path).what(), Contains("1.15.1"));
}

TEST_CASE("onnxruntime: a library that is none, or too old") {
  Error error = error_of([] { ort::load_library(FAKE_OLD_LIBRARY); });
  CHECK(error.code() == ErrorCode::unsupported);
  CHECK_THAT(error.what(), Contains("1.15.1") && Contains("too old") && Contains("1.16"));
  error = error_of([] { ort::load_library(FAKE_EMPTY_LIBRARY); });
  CHECK(error.code() == ErrorCode::unsupported);
  CHECK_THAT(error.what(), Contains("OrtGetApiBase"));
}

TEST_CASE("onnxruntime: without a path the loader's names are tried, and named") {
  if (dlopen("libonnxruntime.so", RTLD_LAZY) != nullptr ||
      dlopen("libonnxruntime.so.1", RTLD_LAZY) != nullptr) {
    WARN("SKIPPED: the message for no library (this system has one)");
    return;
  }
  const Error error = error_of([] { ort::load_library(""); });
  CHECK(error.code() == ErrorCode::not_found);
  CHECK_THAT(error.what(), Contains("libonnxruntime.so ") && Contains("libonnxruntime.so.1 "));
}

TEST_CASE("onnxruntime: a session a SPA, with its options, and nothing left over") {
  ort::fake::State& state = fresh_state();
  CompileOptions options;
  options.threads_per_spa = 3;
  {
    const auto model = compile(identity(), options);
    CHECK(state.sessions == 1);
    CHECK(state.threads == 3);
    CHECK(state.telemetry_is_off);
    CHECK(state.severity == ort::severity::fatal);
    CHECK(state.config.empty());
    CHECK(describe(model->inputs()[0]) == "float32[n, 2]");
    CHECK(model->batch().proven);
    CHECK(model->has_own_threads());
    CHECK(model->output_dims(std::vector<Dims>{{3, 2}})[0] == Dims{3, 2});
    CHECK_THROWS_AS(model->output_dims(std::vector<Dims>{{3, 5}}), Error);
    const auto replica = model->make_replica();
    CHECK_THROWS_AS(model->make_replica(), Error);
  }
  CHECK(state.alive == 0);
  options.spas = 2;
  compile(identity(), options);
  CHECK(state.sessions == 3);
  CHECK(state.config["session.intra_op.allow_spinning"] == "0");
  CHECK(state.alive == 0);
}

TEST_CASE("onnxruntime: results go into buffers that are there, and are fetched otherwise") {
  ort::fake::State& state = fresh_state();
  const auto owned = run(*compile(identity()));
  CHECK_FALSE(state.output_was_given);
  REQUIRE(owned[0].tensor().dims() == Dims{3, 2});
  CHECK(owned[0].tensor().data<float>()[5] == 6);
  const Tensor place(DType::float32, {3, 2});
  run(*compile(identity()), {}, place);
  CHECK(state.output_was_given);
  CHECK(place.data<float>()[5] == 6);
  CHECK(state.alive == 0);
}

TEST_CASE("onnxruntime: failures keep their message and get a code and a node") {
  ort::fake::State& state = fresh_state();
  const auto load_error = [&](int code, const char* message) {
    state.loads_fail = {code, message};
    return error_of([] { compile(identity()); });
  };
  CHECK(load_error(1, "no").code() == ErrorCode::bad_model);
  CHECK(load_error(ort::code::not_implemented, "no kernel").code() == ErrorCode::unsupported);
  CHECK(load_error(6, "std::bad_alloc").code() == ErrorCode::out_of_memory);
  CHECK_THAT(load_error(7, "Protobuf parsing failed.").what(),
             Contains("ONNX Runtime: Protobuf parsing failed."));
  // What Spinel knows neither is the operator's fault, not the file's.
  state.loads_fail = {1, "Twist is not a registered function/op"};
  CHECK(error_of([] { compile(identity("Twist", "odd")); }).code() == ErrorCode::unsupported);
  state.loads_fail = {};
  state.runs_fail = {
      1, "Non-zero status code returned while running Conv node. Name:'conv_1' Status Message: no"};
  const Error error = error_of([] { run(*compile(identity())); });
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK(error.node() == "conv_1");
  CHECK(state.alive == 0);
}

TEST_CASE("onnxruntime: a model that Spinel cannot import is described by its session") {
  ort::fake::State& state = fresh_state();
  {
    CompileOptions options;
    options.input_size["x"] = {0, 2};
    const auto model = compile(identity("Twist", "odd"), options);
    CHECK(describe(model->inputs()[0]) == "float32[n, 2]");
    CHECK(describe(model->outputs()[0]) == "float32[?, 2]");
    CHECK_FALSE(model->batch().proven);
    CHECK_THAT(model->batch().reason, Contains("Twist"));
    CHECK_FALSE(model->output_dims(std::vector<Dims>{{3, 2}})[0]);
    CHECK(run(*model)[0].tensor().data<float>()[1] == 2);
    options.dtype = DType::float16;
    CHECK(error_of([&] { compile(identity("Twist", "odd"), options); }).code() == ErrorCode::unsupported);
  }
  CHECK(state.alive == 0);
}

TEST_CASE("onnxruntime: limits hold before ONNX Runtime sees the file") {
  const ort::fake::State& state = fresh_state();
  CompileOptions options;
  options.limits.max_nodes = 1;
  ModelGraph two = identity();
  two.node("Identity", {"y"}, {"z"});
  CHECK(error_of([&] { compile(two, options); }).code() == ErrorCode::limit_exceeded);
  CHECK(state.sessions == 0);
}

TEST_CASE("onnxruntime: a token reaches the run that is under way") {
  ort::fake::State& state = fresh_state();
  const auto model = compile(identity());
  std::atomic<bool> cancelled{true};
  graph::RunServices services;
  services.cancelled = &cancelled;
  CHECK(error_of([&] { run(*compile(identity()), services); }).code() == ErrorCode::cancelled);
  CHECK_FALSE(state.terminated);
  cancelled = false;
  state.runs_wait_for_cancel = true;
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancelled = true;
  });
  CHECK(error_of([&] { run(*model, services); }).code() == ErrorCode::cancelled);
  other.join();
  CHECK(state.terminated);
}

TEST_CASE("onnxruntime: log lines go to the engine that they are about") {
  const ort::fake::State& state = fresh_state();
  std::vector<std::string> lines;
  CompileOptions options;
  options.log = [&](LogLevel, std::string_view line) { lines.emplace_back(line); };
  const auto model = compile(identity(), options);
  CHECK(state.severity == ort::severity::warning);
  run(*model);
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Contains("ONNX Runtime 1.99.0 from " FAKE_LIBRARY));
  CHECK(lines[1] == "ONNX Runtime: a line of the run");
  run(*compile(identity()));  // This one asked for none.
  CHECK(lines.size() == 2);
}
