// Loading, describing, running, and every way of giving an engine something wrong.
#include <catch2/catch.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::int64s;
using test::ModelGraph;
using test::random_floats;

namespace {

ModelGraph sum_model() {
  ModelGraph graph;
  graph.input("a", DType::float32, {std::string("n"), int64_t{4}});
  graph.input("b", DType::float32, {std::string("n"), int64_t{4}});
  graph.node("Sub", {"a", "b"}, {"y"}).output("y", DType::float32);
  return graph;
}

InferEngine load(const ModelGraph& graph, const EngineOptions& options = {}) {
  return InferEngine::from_memory(graph.model(), options);
}

/// The error's message; the test fails if there is none or its code is another one.
template <class Fn>
std::string error_of(ErrorCode code, Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error_code_name(error.code()) == std::string(error_code_name(code)));
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int thread_count() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

}  // namespace

TEST_CASE("engine: inputs by order, by name and in the caller's order", "[engine]") {
  const Tensor a = random_floats({3, 4}, 1);
  const Tensor b = random_floats({3, 4}, 2);
  const InferEngine engine = load(sum_model());
  REQUIRE(engine.inputs().size() == 2);
  CHECK(describe(engine.inputs()[0]) == "float32[n, 4]");
  CHECK(describe(engine.outputs()[0]) == "float32[n, 4]");
  const Tensor y = engine.run({a, b})[0];
  CHECK(y.data<float>()[5] == a.data<float>()[5] - b.data<float>()[5]);
  CHECK(engine.run_time() > 0);
  const Tensor named = engine.run({{"b", b}, {"a", a}})[0];
  CHECK(std::memcmp(named.raw(), y.raw(), y.size_bytes()) == 0);
  EngineOptions swapped;
  swapped.input_name = {"b", "a"};
  const Tensor other = load(sum_model(), swapped).run({b, a})[0];
  CHECK(std::memcmp(other.raw(), y.raw(), y.size_bytes()) == 0);
}

TEST_CASE("engine: results go into the caller's buffers", "[engine]") {
  const Tensor a = random_floats({3, 4}, 1);
  std::vector<float> buffer(12, -1.0f);
  std::vector<Tensor> outputs{Tensor::view(DType::float32, {3, 4}, buffer.data())};
  EngineOptions options;
  options.spas = 2;
  const InferEngine engine = load(sum_model(), options);
  engine.run_into(std::vector<Tensor>{a, a}, outputs);
  for (float v : buffer) CHECK(v == 0.0f);
  std::vector<Tensor> wrong{Tensor(DType::float32, {4, 4})};
  const auto message = error_of(ErrorCode::invalid_argument, [&] {
    engine.run_into(std::vector<Tensor>{a, a}, wrong);
  });
  CHECK(contains(message, "float32[4, 4]"));
  CHECK(contains(message, "[3, 4]"));
}

TEST_CASE("engine: wrong inputs are named, with both sides", "[engine]") {
  const InferEngine engine = load(sum_model());
  const Tensor a = random_floats({3, 4}, 1);
  auto run = [&](std::vector<Tensor> inputs) { engine.run(std::span<const Tensor>(inputs)); };
  auto message = error_of(ErrorCode::invalid_argument, [&] { run({a, convert(a, DType::float16)}); });
  CHECK(contains(message, "'b'"));
  CHECK(contains(message, "float16"));
  CHECK(contains(message, "float32"));
  message = error_of(ErrorCode::invalid_argument, [&] { run({a, random_floats({3, 5}, 1)}); });
  CHECK(contains(message, "[3, 5]"));
  CHECK(contains(message, "[n, 4]"));
  message = error_of(ErrorCode::invalid_argument, [&] { run({a, random_floats({3}, 1)}); });
  CHECK(contains(message, "[3]"));
  message = error_of(ErrorCode::invalid_argument, [&] { run({a, random_floats({2, 4}, 1)}); });
  CHECK(contains(message, "batch"));
  message = error_of(ErrorCode::invalid_argument, [&] { run({a}); });
  CHECK(contains(message, "2 inputs"));
  error_of(ErrorCode::not_found, [&] { engine.run({{"a", a}, {"c", a}}); });
  error_of(ErrorCode::invalid_argument, [&] { run({a, Tensor()}); });
}

TEST_CASE("engine: options that contradict the model or each other", "[engine]") {
  auto with = [](auto change) {
    EngineOptions options;
    change(options);
    return load(sum_model(), options);
  };
  auto message = error_of(ErrorCode::not_found, [&] { with([](auto& o) { o.target = "sdaa"; }); });
  CHECK(contains(message, "cpu"));
  error_of(ErrorCode::unsupported, [&] { with([](auto& o) { o.pass_path = "x.py"; }); });
  error_of(ErrorCode::not_found, [&] { with([](auto& o) { o.save_engine = "no-such-folder/x.spinel"; }); });
  error_of(ErrorCode::invalid_argument, [&] { with([](auto& o) { o.load_engine = "x.spinel"; }); });
  error_of(ErrorCode::invalid_argument, [&] { with([](auto& o) { o.dtype = DType::int8; }); });
  error_of(ErrorCode::invalid_argument, [&] { with([](auto& o) { o.threads_per_spa = 0; }); });
  message = error_of(ErrorCode::not_found, [&] { with([](auto& o) { o.input_name = {"a", "z"}; }); });
  CHECK(contains(message, "'z'"));
  error_of(ErrorCode::invalid_argument, [&] { with([](auto& o) { o.input_name = {"a"}; }); });
  message = error_of(ErrorCode::invalid_argument, [&] {
    with([](auto& o) { o.input_size = {{1, 5}, {1, 4}}; });
  });
  CHECK(contains(message, "[0, 5]"));
  error_of(ErrorCode::invalid_argument, [&] { with([](auto& o) { o.input_size = {{1, 4}}; }); });
  error_of(ErrorCode::not_found, [&] { with([](auto& o) { o.pad_value = {{"q", 1.0}}; }); });
  error_of(ErrorCode::not_found, [&] {
    EngineOptions options;
    options.ckpt = "/nowhere/model.onnx";
    InferEngine engine(options);
  });
}

TEST_CASE("engine: fixed dims are padded where asked for", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{2}, std::string("w")});
  graph.node("Relu", {"x"}, {"y"}).output("y", DType::float32);
  EngineOptions options;
  options.input_size = {{1, 2, 5}};
  const Tensor x = Tensor::from<float>({1, 2, 3}, {1, 2, 3, 4, 5, 6});
  const auto message = error_of(ErrorCode::invalid_argument, [&] { load(graph, options).run({x}); });
  CHECK(contains(message, "pad_value"));
  options.pad_value = {{"x", 9.0}};
  const InferEngine engine = load(graph, options);
  const Tensor y = engine.run({x})[0];
  REQUIRE(y.dims() == Dims{1, 2, 5});
  CHECK(engine.output_dims(std::vector<Dims>{{3, 2, 3}})[0] == Dims{3, 2, 5});
  const std::vector<float> expected{1, 2, 3, 9, 9, 4, 5, 6, 9, 9};
  CHECK(std::equal(expected.begin(), expected.end(), y.data<float>().begin()));
  error_of(ErrorCode::invalid_argument, [&] { engine.run({random_floats({1, 2, 6}, 1)}); });
}

TEST_CASE("engine: height and width are bound at each call", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{1}, std::string("h"), std::string("w")});
  graph.constant("k", random_floats({2, 1, 3, 3}, 3));
  graph.node("Conv", {"x", "k"}, {"y"}, {{"strides", std::vector<int64_t>{2, 2}}})
      .output("y", DType::float32);
  const InferEngine engine = load(graph);
  CHECK(engine.run({random_floats({2, 1, 9, 7}, 1)})[0].dims() == Dims{2, 2, 4, 3});
  CHECK(engine.run({random_floats({1, 1, 5, 5}, 1)})[0].dims() == Dims{1, 2, 2, 2});
  const std::vector<Dims> dims{{4, 1, 11, 5}};
  CHECK(engine.output_dims(dims)[0] == Dims{4, 2, 5, 2});
  const auto message = error_of(ErrorCode::invalid_argument, [&] {
    engine.run({random_floats({1, 1, 1, 1}, 1)});
  });
  CHECK(contains(message, "Conv"));
}

TEST_CASE("engine: a dim's name that stands twice in an input does not make it square", "[engine]") {
  ModelGraph graph;
  graph.input("a", DType::float32, {std::string("n"), std::string("n")});
  graph.input("b", DType::float32, {std::string("n"), std::string("n")});
  graph.node("Add", {"a", "b"}, {"y"}).output("y", DType::float32);
  const InferEngine engine = load(graph);
  const Tensor a = random_floats({2, 5}, 1);
  CHECK(engine.run({a, a})[0].dims() == Dims{2, 5});
  const std::string said = error_of(ErrorCode::invalid_argument, [&] {
    engine.run({a, random_floats({2, 4}, 1)});
  });
  CHECK(contains(said, "'n.1' is 4"));
}

TEST_CASE("engine: float16 computes and takes float16, or keeps the file's types", "[engine]") {
  EngineOptions options;
  options.dtype = DType::float16;
  const InferEngine half = load(sum_model(), options);
  CHECK(half.inputs()[0].dtype == DType::float16);
  CHECK(half.outputs()[0].dtype == DType::float16);
  CHECK(half.compute_dtype() == DType::float16);
  const Tensor a = Tensor::from<float>({1, 4}, {1.5f, 2, 3, 1000.25f});
  const Tensor b = Tensor::from<float>({1, 4}, {0.5f, 2, 4, 0.25f});
  const Tensor y = half.run({convert(a, DType::float16), convert(b, DType::float16)})[0];
  CHECK(static_cast<float>(y.data<Half>()[2]) == -1.0f);
  options.keep_io_types = true;
  const InferEngine kept = load(sum_model(), options);
  CHECK(kept.inputs()[0].dtype == DType::float32);
  const Tensor rounded = kept.run({a, b})[0];
  CHECK(rounded.data<float>()[3] == 1000.0f);
}

TEST_CASE("engine: every unsupported operator is listed with its nodes", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{1}});
  graph.node("Frobnicate", {"x"}, {"a"}, {}, "first").node("Twist", {"a"}, {"b"}, {}, "second");
  graph.node("Frobnicate", {"b"}, {"y"}, {}, "third").output("y", DType::float32);
  const auto message = error_of(ErrorCode::unsupported, [&] { load(graph); });
  for (const char* part : {"Frobnicate", "Twist", "first", "second", "third", "2 operators", "3 nodes"})
    CHECK(contains(message, part));
}

TEST_CASE("engine: If and Loop with captured values", "[engine]") {
  // while (i < trips) { total += x * step }  with `step` captured; then |total| or -|total| by a flag.
  ModelGraph body("body");
  body.input("i", DType::int64, {})
      .input("go", DType::boolean, {})
      .input("acc", DType::float32, {int64_t{2}});
  body.node("Mul", {"x", "step"}, {"scaled"}).node("Add", {"acc", "scaled"}, {"next"});
  body.node("Identity", {"go"}, {"go_on"}).node("Identity", {"next"}, {"seen"});
  body.output("go_on", DType::boolean).output("next", DType::float32).output("seen", DType::float32);
  ModelGraph positive("then");
  positive.node("Abs", {"total"}, {"p"}).output("p", DType::float32);
  ModelGraph negative("else");
  negative.node("Abs", {"total"}, {"m"}).node("Neg", {"m"}, {"n"}).output("n", DType::float32);
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}})
      .input("trips", DType::int64, {})
      .input("flag", DType::boolean, {});
  graph.constant("step", Tensor::scalar(0.5f)).constant("start", Tensor::from<float>({2}, {0, 0}));
  graph.constant("true", Tensor::scalar(true));
  graph.node("Loop", {"trips", "true", "start"}, {"total", "history"}, {{"body", &body}}, "loop");
  graph.node("If", {"flag"}, {"y"}, {{"then_branch", &positive}, {"else_branch", &negative}}, "choose");
  graph.output("y", DType::float32).output("history", DType::float32);
  const InferEngine engine = load(graph);
  const Tensor x = Tensor::from<float>({2}, {1, -2});
  auto y = engine.run({x, Tensor::scalar<int64_t>(3), Tensor::scalar(true)});
  CHECK(y[0].data<float>()[0] == 1.5f);
  CHECK(y[0].data<float>()[1] == 3.0f);
  CHECK(y[1].dims() == Dims{3, 2});
  CHECK(y[1].data<float>()[5] == -3.0f);
  y = engine.run({x, Tensor::scalar<int64_t>(0), Tensor::scalar(false)});
  CHECK(y[0].data<float>()[1] == 0.0f);
  CHECK(y[1].dims()[0] == 0);
}

TEST_CASE("engine: a run can be cancelled inside a Loop, and the next run is unaffected", "[engine]") {
  ModelGraph body("body");
  body.input("i", DType::int64, {})
      .input("go", DType::boolean, {})
      .input("acc", DType::float32, {int64_t{1}});
  body.node("Add", {"acc", "x"}, {"next"}).node("Identity", {"go"}, {"go_on"});
  body.output("go_on", DType::boolean).output("next", DType::float32);
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{1}}).input("trips", DType::int64, {});
  graph.constant("true", Tensor::scalar(true));
  graph.node("Loop", {"trips", "true", "x"}, {"y"}, {{"body", &body}}).output("y", DType::float32);
  const InferEngine engine = load(graph);
  const Tensor x = Tensor::from<float>({1}, {1});
  CancelToken token;
  auto future = engine.run_async({x, Tensor::scalar<int64_t>(INT64_MAX)}, token);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  token.cancel();
  error_of(ErrorCode::cancelled, [&] { future.get(); });
  CHECK(engine.run({x, Tensor::scalar<int64_t>(4)})[0].data<float>()[0] == 5.0f);
}

TEST_CASE("engine: asynchronous runs, and release while they are queued", "[engine]") {
  InferEngine engine = load(sum_model());
  std::vector<std::future<std::vector<Tensor>>> futures;
  for (uint32_t i = 0; i < 20; ++i)
    futures.push_back(engine.run_async({random_floats({3, 4}, i), Tensor(DType::float32, {3, 4})}));
  auto failing = engine.run_async({random_floats({3, 4}, 1)});
  engine.release();
  for (uint32_t i = 0; i < 20; ++i) {
    const auto y = futures[i].get();
    CHECK(y[0].data<float>()[7] == random_floats({3, 4}, i).data<float>()[7]);
  }
  error_of(ErrorCode::invalid_argument, [&] { failing.get(); });
  error_of(ErrorCode::released, [&] {
    engine.run({Tensor(DType::float32, {1, 4}), Tensor(DType::float32, {1, 4})});
  });
  error_of(ErrorCode::released, [&] { engine.run_async({}); });
}

TEST_CASE("engine: concurrent runs share the SPAs", "[engine]") {
  EngineOptions options;
  options.spas = 2;
  const InferEngine engine = load(sum_model(), options);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (uint32_t t = 0; t < 6; ++t)
    callers.emplace_back([&, t] {
      for (uint32_t i = 0; i < 50; ++i) {
        const Tensor a = random_floats({5, 4}, t * 100 + i);
        const Tensor y = engine.run({a, Tensor(DType::float32, {5, 4})})[0];
        if (std::memcmp(y.raw(), a.raw(), a.size_bytes()) != 0) ++wrong;
      }
    });
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("engine: threads start with the first run, sleep when idle and end with release", "[engine]") {
  const int before = thread_count();
  EngineOptions options;
  options.spas = 4;
  InferEngine engine = load(sum_model(), options);
  CHECK(thread_count() == before);
  engine.run({random_floats({8, 4}, 1), random_floats({8, 4}, 2)});
  CHECK(thread_count() == before + 3);
  engine.run_async({random_floats({8, 4}, 1), random_floats({8, 4}, 2)}).get();
  CHECK(thread_count() <= before + 4);
  const double start = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  CHECK(cpu_seconds() - start < 0.03);
  engine.release();
  CHECK(thread_count() == before);
}

TEST_CASE("engine: a child of fork() may destroy what it inherited", "[engine]") {
  EngineOptions options;
  options.spas = 3;
  auto engine = std::make_unique<InferEngine>(load(sum_model(), options));
  engine->run({random_floats({8, 4}, 1), random_floats({8, 4}, 2)});
  engine->run_async({random_floats({8, 4}, 1), random_floats({8, 4}, 2)}).get();
  const pid_t child = fork();
  if (child == 0) {
    engine.reset();
    _exit(7);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  CHECK(engine->run({random_floats({8, 4}, 1), random_floats({8, 4}, 2)})[0].dims() == Dims{8, 4});
}

TEST_CASE("engine: limits are errors that name the limit", "[engine]") {
  EngineOptions options;
  options.limits.max_tensor_bytes = 100;
  options.spas = 1;
  error_of(ErrorCode::limit_exceeded, [&] {
    load(sum_model(), options).run({random_floats({9, 4}, 1), random_floats({9, 4}, 1)});
  });
  options = {};
  options.limits.max_nodes = 1;
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{1}});
  graph.node("Relu", {"x"}, {"a"}).node("Abs", {"a"}, {"y"}).output("y", DType::float32);
  error_of(ErrorCode::limit_exceeded, [&] { load(graph, options); });
  options = {};
  options.limits.max_arena_bytes = 64;
  error_of(ErrorCode::limit_exceeded, [&] {
    ModelGraph deep;
    deep.input("x", DType::float32, {std::string("n")});
    deep.node("Softmax", {"x"}, {"a"}).node("Softmax", {"a"}, {"y"}).output("y", DType::float32);
    load(deep, options).run({random_floats({1000}, 1)});
  });
}

TEST_CASE("engine: values of data-dependent size, and the memory report", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")});
  graph.node("NonZero", {"x"}, {"where"}).node("Identity", {"where"}, {"y"}).output("y", DType::int64);
  const InferEngine engine = load(graph);
  CHECK(engine.run({Tensor::from<float>({4}, {0, 1, 0, 2})})[0].dims() == Dims{1, 2});
  CHECK(engine.run({Tensor::from<float>({4}, {0, 0, 0, 2})})[0].dims() == Dims{1, 1});
  CHECK_FALSE(engine.output_dims(std::vector<Dims>{{4}})[0].has_value());
  const MemoryReport report = load(sum_model()).memory_report();
  CHECK(report.spas >= 1);
  CHECK(report.weight_bytes == 0);
}

TEST_CASE("engine: truncated and mutated models never crash", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{2}, int64_t{4}, int64_t{4}});
  graph.constant("w", random_floats({3, 2, 3, 3}, 3)).constant("shape", int64s({0, -1}));
  graph.node("Conv", {"x", "w"}, {"c"}).node("Relu", {"c"}, {"r"}).node("Reshape", {"r", "shape"}, {"y"});
  graph.output("y", DType::float32);
  const auto model = graph.model();
  EngineOptions options;
  options.limits.max_tensor_bytes = 1 << 20;
  options.limits.max_arena_bytes = 1 << 22;
  size_t loaded = 0;
  size_t refused = 0;
  auto attempt = [&](const std::vector<std::byte>& bytes) {
    try {
      const InferEngine engine = InferEngine::from_memory(bytes, options);
      ++loaded;
      engine.run({random_floats({1, 2, 4, 4}, 1)});
    } catch (const Error&) {
      ++refused;
    }
  };
  for (size_t length = 0; length < model.size(); ++length)
    attempt({model.begin(), model.begin() + static_cast<std::ptrdiff_t>(length)});
  uint32_t seed = 1;
  for (int i = 0; i < 3000; ++i) {
    auto bytes = model;
    for (int flips = 0; flips < 2; ++flips) {
      seed = seed * 1664525u + 1013904223u;
      bytes[(seed >> 8) % bytes.size()] ^= static_cast<std::byte>(1u << (seed >> 29));
    }
    attempt(bytes);
  }
  CHECK(loaded > 0);
  CHECK(refused > 0);
}

TEST_CASE("engine: an opset that is newer than those known is refused, unless nothing of it is used",
          "[engine]") {
  const auto load = [](int64_t opset) {
    ModelGraph graph;
    graph.input("x", DType::float32, {int64_t{2}});
    graph.node("Relu", {"x"}, {"y"}).output("y", DType::float32);
    return InferEngine::from_memory(graph.model(opset), {});
  };
  CHECK_NOTHROW(load(28));
  try {
    load(29);
    FAIL("opset 29 was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unsupported);
    CHECK_THAT(error.what(), Catch::Contains("Relu (opset 29 is not known; export the model for opset 28"));
  }
}

TEST_CASE("engine: sequences and optionals", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}});
  graph.node("SequenceConstruct", {"x", "x"}, {"s"}).output("s", DType::float32);
  const InferEngine engine = InferEngine::from_memory(graph.model(), {});
  REQUIRE(engine.outputs()[0].kind == ValueKind::sequence);
  CHECK(describe(engine.outputs()[0]) == "sequence(float32[2])");
  const Tensor x = Tensor::from<float>({2}, {1, 2});
  const std::vector<Value> inputs{x};
  const std::vector<Value> results = engine.run_values(inputs);
  REQUIRE(results[0].is_sequence());
  REQUIRE(results[0].sequence().size() == 2);
  CHECK(results[0].sequence()[1].tensor().data<float>()[1] == 2);
  CHECK(engine.run_time() > 0);
  const auto refuses = [&](ErrorCode code, const std::string& text, auto&& run) {
    try {
      run();
      FAIL("it ran");
    } catch (const Error& error) {
      CHECK(error.code() == code);
      CHECK_THAT(error.what(), Catch::Contains(text));
    }
  };
  refuses(ErrorCode::unsupported, "output 's' is sequence(float32[2])", [&] { engine.run({x}); });
  refuses(ErrorCode::invalid_argument, "input 'x' is a sequence of 0; it takes float32[2]",
          [&] { engine.run_values(std::vector<Value>{Sequence{}}); });
  refuses(ErrorCode::invalid_argument, "has dims [3]; it takes float32[2]",
          [&] { engine.run_values(std::vector<Value>{Tensor(DType::float32, {3})}); });
  refuses(ErrorCode::invalid_argument, "takes 1 input", [&] { engine.run_values({}); });
}
