// Target `onnx` with a real ONNX Runtime, whose place onnx_target.py gives in SPINEL_TEST_ONNXRUNTIME (and
// that of another release in SPINEL_TEST_ONNXRUNTIME_OTHER): everything that the command line cannot reach.
#include <catch2/catch.hpp>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <unistd.h>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::ModelGraph;
using test::random_floats;

namespace {

namespace fs = std::filesystem;

const std::string samples = std::string(SPINEL_SOURCE_DIR) + "/samples";
const std::string resnet = samples + "/resnet/resnet_fashion.onnx";
const std::string resnet_half = samples + "/resnet/resnet_fashion_fp16.onnx";

std::string library(const char* variable = "SPINEL_TEST_ONNXRUNTIME") {
  const char* place = std::getenv(variable);
  REQUIRE(place != nullptr);
  return place;
}

EngineOptions onnx_options(int spas = 1) {
  EngineOptions options;
  options.target = "onnx";
  options.onnxruntime_path = library();
  options.spas = spas;
  return options;
}

InferEngine open(const std::string& path, EngineOptions options) {
  options.ckpt = path;
  return InferEngine(options);
}

InferEngine open(const ModelGraph& graph, const EngineOptions& options = onnx_options()) {
  return InferEngine::from_memory(graph.model(), options);
}

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

void check_error(ErrorCode code, const std::string& part, const std::function<void()>& fn) {
  const Error error = error_of(fn);
  INFO(error.what());
  CHECK(error_code_name(error.code()) == std::string(error_code_name(code)));
  CHECK_THAT(error.what(), Catch::Contains(part));
}

double relative_difference(const Tensor& a, const Tensor& b) {
  REQUIRE(a.dims() == b.dims());
  const Tensor x = convert(a, DType::float32);
  const Tensor y = convert(b, DType::float32);
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < y.data<float>().size(); ++i) {
    worst = std::max(worst, std::abs(double{x.data<float>()[i]} - y.data<float>()[i]));
    largest = std::max(largest, std::abs(double{y.data<float>()[i]}));
  }
  return worst / largest;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

int thread_count() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/task")) ++count;
  return count;
}

ModelGraph scaled_sum() {
  ModelGraph graph;
  graph.input("a", DType::float32, {std::string("n"), int64_t{4}});
  graph.input("b", DType::float32, {std::string("n"), int64_t{4}});
  graph.node("Sub", {"a", "b"}, {"y"}).output("y", DType::float32);
  return graph;
}

/// A loop that goes on for 2^40 steps.
ModelGraph endless() {
  static ModelGraph body = [] {
    ModelGraph made("body");
    made.input("step", DType::int64, {})
        .input("go", DType::boolean, {})
        .input("s", DType::float32, {int64_t{4}});
    made.node("Identity", {"go"}, {"go_on"}).node("Neg", {"s"}, {"next"});
    made.output("go_on", DType::boolean).output("next", DType::float32);
    return made;
  }();
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{4}});
  graph.constant("trips", Tensor::scalar<int64_t>(int64_t{1} << 40)).constant("yes", Tensor::scalar(true));
  graph.node("Loop", {"trips", "yes", "x"}, {"y"}, {{"body", &body}}, "long");
  graph.output("y", DType::float32);
  return graph;
}

}  // namespace

TEST_CASE("onnx: describes models as target cpu does") {
  for (const std::string& path : {resnet, resnet_half}) {
    const InferEngine cpu = open(path, {});
    const InferEngine onnx = open(path, onnx_options(2));
    CHECK(onnx.target() == "onnx");
    CHECK(onnx.compute_dtype() == cpu.compute_dtype());
    CHECK(describe(onnx.inputs()[0]) == describe(cpu.inputs()[0]));
    CHECK(describe(onnx.outputs()[0]) == describe(cpu.outputs()[0]));
    CHECK(onnx.inputs()[0].name == cpu.inputs()[0].name);
    CHECK(onnx.outputs()[0].name == cpu.outputs()[0].name);
    CHECK(onnx.outputs()[0].batch_axis == 0);
    CHECK(onnx.batch_report().splittable);
    CHECK(onnx.output_dims(std::vector<Dims>{{7, 3, 32, 32}})[0] == Dims{7, 10});
    CHECK(onnx.memory_report().weight_bytes > 2 * 600'000);
    CHECK_THAT(onnx.graph_text(), Catch::Contains("Conv"));
  }
}

TEST_CASE("onnx: shipped models, any number of SPAs and any batch") {
  struct Case {
    std::string path;
    double limit;
    Dims dims;
  };
  for (const Case& each : {Case{resnet, 1e-5, {0, 3, 32, 32}}, Case{resnet_half, 4e-3, {0, 3, 32, 32}},
                           Case{samples + "/photos/efficientnet_lite0.onnx", 2e-2, {0, 3, 224, 224}}}) {
    const InferEngine cpu = open(each.path, {});
    for (const int64_t batch : {1, 4}) {
      Dims dims = each.dims;
      dims[0] = batch;
      const Tensor x = convert(random_floats(dims, 3), cpu.inputs()[0].dtype);
      const Tensor expected = cpu.run({x})[0];
      for (const int spas : {1, 2, 3}) {
        EngineOptions options = onnx_options(spas);
        options.threads_per_spa = spas == 1 ? 2 : 1;
        const Tensor y = open(each.path, options).run({x})[0];
        INFO(each.path << " batch " << batch << " SPAs " << spas);
        CHECK(y.dtype() == expected.dtype());
        CHECK(relative_difference(y, expected) < each.limit);
      }
    }
  }
}

TEST_CASE("onnx: inputs by name and order, results in the caller's buffers") {
  EngineOptions options = onnx_options(2);
  options.input_name = {"b", "a"};
  const InferEngine engine = open(scaled_sum(), options);
  const Tensor a = random_floats({5, 4}, 1);
  const Tensor b = random_floats({5, 4}, 2);
  std::vector<float> buffer(20, -7);
  std::vector<Tensor> outputs{Tensor::view(DType::float32, {5, 4}, buffer.data())};
  engine.run_into(std::vector<Tensor>{b, a}, outputs);
  for (size_t i = 0; i < 20; ++i) CHECK(buffer[i] == a.data<float>()[i] - b.data<float>()[i]);
  CHECK(same_bits(engine.run({{"a", a}, {"b", b}})[0], outputs[0]));
  CHECK(engine.run_time() > 0);
  const Tensor none = engine.run({Tensor(DType::float32, {0, 4}), Tensor(DType::float32, {0, 4})})[0];
  CHECK(none.dims() == Dims{0, 4});
}

TEST_CASE("onnx: a model made for one batch runs others in parts") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}, int64_t{3}}).node("Relu", {"x"}, {"y"});
  const InferEngine engine = open(graph.output("y", DType::float32), onnx_options(2));
  const Tensor x = random_floats({5, 3}, 4);
  const Tensor y = engine.run({x})[0];
  REQUIRE(y.dims() == Dims{5, 3});
  for (size_t i = 0; i < 15; ++i) CHECK(y.data<float>()[i] == std::max(0.0f, x.data<float>()[i]));
}

TEST_CASE("onnx: sizes that only running tells, and strings with a NUL inside") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")}).input("s", DType::string, {std::string("m")});
  graph.node("NonZero", {"x"}, {"where"}).node("Identity", {"s"}, {"t"});
  const InferEngine engine =
      open(graph.output("where", DType::int64).output("t", DType::string), onnx_options());
  const std::string odd("a\0b", 3);
  const auto outputs = engine.run({Tensor::from<float>({4}, {0, 1, 0, 2}),
                                   Tensor::from<std::string>({3}, {odd, std::string(), std::string("end")})});
  CHECK(outputs[0].dims() == Dims{1, 2});
  CHECK(outputs[0].data<int64_t>()[1] == 3);
  CHECK(outputs[1].data<std::string>()[0] == odd);
  CHECK(outputs[1].data<std::string>()[1].empty());
  CHECK(outputs[1].data<std::string>()[2] == "end");
}

TEST_CASE("onnx: many element types come back as they went") {
  for (const DType dtype : {DType::float32, DType::float64, DType::float16, DType::bfloat16, DType::int8,
                            DType::uint8, DType::int16, DType::uint16, DType::int32, DType::uint32,
                            DType::int64, DType::uint64, DType::boolean}) {
    ModelGraph graph;
    graph.input("x", dtype, {std::string("n"), int64_t{3}}).node("Identity", {"x"}, {"y"});
    const Tensor x = convert(Tensor::from<float>({2, 3}, {1, 0, 1, 1, 0, 1}), dtype);
    INFO(dtype_name(dtype));
    CHECK(same_bits(open(graph.output("y", dtype)).run({x})[0], x));
  }
}

TEST_CASE("onnx: concurrent and asynchronous runs") {
  const InferEngine engine = open(resnet, onnx_options(2));
  const Tensor x = random_floats({3, 3, 32, 32}, 5);
  const Tensor expected = engine.run({x})[0];
  std::vector<std::future<std::vector<Tensor>>> futures;
  for (int i = 0; i < 6; ++i) futures.push_back(engine.run_async({x}));
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor& result : results) threads.emplace_back([&] { result = engine.run({x})[0]; });
  for (std::thread& thread : threads) thread.join();
  for (auto& future : futures) CHECK(relative_difference(future.get()[0], expected) < 1e-6);
  for (const Tensor& result : results) CHECK(relative_difference(result, expected) < 1e-6);
}

TEST_CASE("onnx: a run is cut short by its token") {
  const InferEngine engine = open(endless());
  CancelToken before;
  before.cancel();
  const std::vector<Tensor> x{random_floats({4}, 6)};
  check_error(ErrorCode::cancelled, "cancelled", [&] { engine.run(x, &before); });
  for (int i = 0; i < 2; ++i) {
    CancelToken token;
    auto future = engine.run_async(x, token);
    std::this_thread::sleep_for(std::chrono::milliseconds(60 * i + 20));
    token.cancel();
    check_error(ErrorCode::cancelled, "cancelled", [&] { future.get(); });
  }
}

TEST_CASE("onnx: what does not fit is refused") {
  EngineOptions half = onnx_options();
  half.dtype = DType::float16;
  check_error(ErrorCode::unsupported, "the file's own types", [&] { open(resnet, half); });
  half.dtype = DType::float32;
  CHECK(open(resnet, half).compute_dtype() == DType::float32);
  check_error(ErrorCode::unsupported, "float16", [&] { open(resnet_half, half); });
  const InferEngine engine = open(scaled_sum());
  const Tensor a = random_floats({3, 4}, 1);
  check_error(ErrorCode::invalid_argument, "float16", [&] { engine.run({a, convert(a, DType::float16)}); });
  check_error(ErrorCode::invalid_argument, "[3, 5]", [&] { engine.run({a, random_floats({3, 5}, 1)}); });
  check_error(ErrorCode::invalid_argument, "batch", [&] { engine.run({a, random_floats({2, 4}, 1)}); });
  EngineOptions passes = onnx_options();
  passes.pass_path = "passes.json";
  check_error(ErrorCode::unsupported, "pass_path", [&] { open(resnet, passes); });
  EngineOptions small = onnx_options();
  small.limits.max_model_bytes = 100;
  check_error(ErrorCode::limit_exceeded, "max_model_bytes", [&] { open(resnet, small); });
}

TEST_CASE("onnx: failures carry ONNX Runtime's message and the node") {
  ModelGraph graph;
  graph.input("a", DType::float32, {std::string("n"), std::string("k")});
  graph.input("b", DType::float32, {std::string("l"), std::string("m")});
  graph.node("MatMul", {"a", "b"}, {"y"}, {}, "product").output("y", DType::float32);
  const InferEngine engine = open(graph);
  CHECK(engine.run({random_floats({2, 3}, 1), random_floats({3, 5}, 1)})[0].dims() == Dims{2, 5});
  const Error error = error_of([&] { engine.run({random_floats({2, 3}, 1), random_floats({4, 5}, 1)}); });
  INFO(error.what());
  CHECK(error.code() == ErrorCode::invalid_argument);
  CHECK_THAT(error.what(), Catch::Contains("ONNX Runtime: ") && Catch::Contains("MatMul"));
  CHECK(error.node() == "product");
  std::vector<std::byte> damaged = graph.model();
  damaged.resize(damaged.size() / 2);
  check_error(ErrorCode::bad_model, "", [&] { InferEngine::from_memory(damaged, onnx_options()); });
}

namespace {

/// Distances of the rows of x from two points.
std::vector<std::byte> vendor_model(const std::string& op, const Tensor& points) {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{4}}).constant("points", points);
  graph.node(op, {"x", "points"}, {"y"}, {{"metric", std::string("sqeuclidean")}}, "odd", "com.microsoft");
  return graph.output("y", DType::float32).model(17, 8, {"com.microsoft"});
}

}  // namespace

TEST_CASE("onnx: an operator that Spinel does not know runs, unsplit unless told so") {
  const Tensor points = random_floats({2, 4}, 3);
  const auto model = vendor_model("CDist", points);
  const InferEngine engine = InferEngine::from_memory(model, onnx_options(2));
  CHECK(describe(engine.inputs()[0]) == "float32[n, 4]");
  CHECK_FALSE(engine.batch_report().splittable);
  CHECK_THAT(engine.batch_report().reason, Catch::Contains("CDist"));
  CHECK_FALSE(engine.output_dims(std::vector<Dims>{{3, 4}})[0]);
  const Tensor x = random_floats({3, 4}, 9);
  const Tensor y = engine.run({x})[0];
  double expected = 0;  // Row 2 from point 1.
  for (size_t i = 0; i < 4; ++i)
    expected += std::pow(double{x.data<float>()[8 + i]} - points.data<float>()[4 + i], 2);
  CHECK(y.data<float>()[5] == Approx(expected));
  EngineOptions always = onnx_options(2);
  always.split = SplitPolicy::always;
  CHECK(relative_difference(InferEngine::from_memory(model, always).run({x})[0], y) < 1e-6);
  std::vector<Tensor> given{Tensor(DType::float32, {3, 2})};
  engine.run_into(std::vector<Tensor>{x}, given);
  CHECK(same_bits(given[0], y));
  std::vector<Tensor> wrong{Tensor(DType::float32, {2, 2})};
  check_error(ErrorCode::invalid_argument, "float32[3, 2]",
              [&] { engine.run_into(std::vector<Tensor>{x}, wrong); });
  check_error(ErrorCode::unsupported, "Frobnicate",
              [&] { InferEngine::from_memory(vendor_model("Frobnicate", points), onnx_options()); });
}

TEST_CASE("onnx: external data is read by Spinel's rules") {
  const fs::path folder = fs::path(SPINEL_BINARY_DIR) / ("onnx_target_test." + std::to_string(getpid()));
  fs::create_directories(folder);
  const std::vector<float> weights{1, 2, 3, 4};
  std::ofstream(folder / "w.bin", std::ios::binary).write(reinterpret_cast<const char*>(weights.data()), 16);
  const auto model_with = [](const std::string& location) {
    std::string tensor, entry, graph_bytes;
    protozero::pbf_writer entry_writer(entry);
    entry_writer.add_string(1, "location");
    entry_writer.add_string(2, location);
    protozero::pbf_writer writer(tensor);
    writer.add_int64(1, 4);
    writer.add_int32(2, 1);
    writer.add_string(8, "w");
    writer.add_message(13, entry);
    writer.add_enum(14, 1);
    ModelGraph graph;
    graph.input("x", DType::float32, {std::string("n"), int64_t{4}});
    graph.node("Mul", {"x", "w"}, {"y"}).output("y", DType::float32);
    protozero::pbf_writer(graph_bytes).add_message(5, tensor);
    graph_bytes += graph.bytes();
    std::string out, import;
    protozero::pbf_writer model(out);
    model.add_int64(1, 8);
    model.add_message(7, graph_bytes);
    protozero::pbf_writer(import).add_int64(2, 17);
    model.add_message(8, import);
    const auto* begin = reinterpret_cast<const std::byte*>(out.data());
    return std::vector<std::byte>(begin, begin + out.size());
  };
  const InferEngine engine = InferEngine::from_memory(model_with("w.bin"), onnx_options(2), folder.string());
  const Tensor y = engine.run({Tensor::from<float>({2, 4}, {1, 1, 1, 1, 2, 2, 2, 2})})[0];
  CHECK(y.data<float>()[3] == 4);
  CHECK(y.data<float>()[6] == 6);
  check_error(ErrorCode::bad_model, "w.bin",
              [&] { InferEngine::from_memory(model_with("../w.bin"), onnx_options(), folder.string()); });
  check_error(ErrorCode::bad_model, "",
              [&] { InferEngine::from_memory(model_with("w.bin"), onnx_options()); });
  fs::remove_all(folder);
}

TEST_CASE("onnx: engines come and go, with their threads") {
  const int before = thread_count();
  for (int i = 0; i < 4; ++i) {
    EngineOptions options = onnx_options(2);
    InferEngine engine = open(resnet, options);
    CHECK(thread_count() == before);
    engine.run({random_floats({2, 3, 32, 32}, 1)});
    CHECK(thread_count() == before + 1);
    engine.release();
    CHECK(thread_count() == before);
    check_error(ErrorCode::released, "released", [&] { engine.run({random_floats({2, 3, 32, 32}, 1)}); });
  }
  EngineOptions wide = onnx_options(2);
  wide.threads_per_spa = 2;
  const InferEngine engine = open(resnet, wide);
  engine.run({random_floats({2, 3, 32, 32}, 1)});
  CHECK(thread_count() == before + 3);
}

TEST_CASE("onnx: what ONNX Runtime logs goes to the callback") {
  std::mutex mutex;
  std::vector<std::string> lines;
  EngineOptions options = onnx_options();
  options.log = [&](LogLevel level, std::string_view line) {
    const std::lock_guard lock(mutex);
    CHECK(level == LogLevel::info);
    lines.emplace_back(line);
  };
  ModelGraph graph = scaled_sum();
  graph.constant("unused", random_floats({4}, 1));
  open(graph, options);
  const auto has = [&](const std::string& part) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const std::string& line) { return line.find(part) != std::string::npos; });
  };
  CHECK(has(library()));
  CHECK(has("ONNX Runtime: "));
  CHECK(has("unused"));
}

TEST_CASE("onnx: two releases in one process") {
  EngineOptions other = onnx_options();
  other.onnxruntime_path = library("SPINEL_TEST_ONNXRUNTIME_OTHER");
  const InferEngine one = open(resnet, onnx_options());
  const InferEngine two = open(resnet, other);
  const Tensor x = random_floats({2, 3, 32, 32}, 8);
  CHECK(relative_difference(one.run({x})[0], two.run({x})[0]) < 1e-5);
}
