// Cancelling loads and runs. No test measures time: what is not cancelled does not end.
#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <thread>

#include <unistd.h>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

constexpr int64_t endless = int64_t{1} << 40;

void check_cancelled(const std::function<void()>& fn, const std::string& what) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::cancelled);
    CHECK_THAT(error.what(), Catch::Contains(what));
    return;
  }
  FAIL("nothing was thrown");
}

/// Calls back from inside of a model: the way to know that a loop is under way.
CustomOp signal_op(std::function<void()> called) {
  CustomOp op;
  op.domain = "custom";
  op.name = "Signal";
  op.inputs = {{"x"}};
  op.outputs = {{"y"}};
  op.shapes = [](CustomShapes& shapes) {
    if (const auto shape = shapes.shape(0)) shapes.set_output(0, *shape);
  };
  op.create = stateless([called = std::move(called)](CustomRun& run) {
    called();
    copy_elements(run.input(0), run.output(0, run.input(0).dims()));
  });
  return op;
}

/// next = Signal(v) in a loop of n rounds, inside of an If.
ModelGraph loop_model() {
  ModelGraph body("body");
  body.input("i", DType::int64, {}).input("go", DType::boolean, {}).input("v", DType::float32, {int64_t{2}});
  body.node("Identity", {"go"}, {"go_on"}).node("Signal", {"v"}, {"s"}, {}, "inner", "custom");
  body.node("Add", {"s", "x"}, {"next"});
  body.output("go_on", DType::boolean).output("next", DType::float32);
  ModelGraph then("then");
  then.node("Loop", {"n", "", "x"}, {"looped"}, {{"body", &body}}).output("looped", DType::float32);
  ModelGraph otherwise("else");
  otherwise.node("Identity", {"x"}, {"same"}).output("same", DType::float32);
  ModelGraph graph;
  graph.input("n", DType::int64, {}).input("x", DType::float32, {int64_t{2}}).input("c", DType::boolean, {});
  graph.node("If", {"c"}, {"y"}, {{"then_branch", &then}, {"else_branch", &otherwise}});
  graph.output("y", DType::float32);
  return graph;
}

InferEngine load(const ModelGraph& graph, const EngineOptions& options) {
  return InferEngine::from_memory(graph.model(17, 8, {"custom"}), options);
}

}  // namespace

TEST_CASE("cancel: a run inside a loop ends, and the next run is unaffected", "[cancel]") {
  std::atomic<int64_t> rounds{0};
  EngineOptions options;
  options.custom_ops = {signal_op([&] { ++rounds; })};
  const InferEngine engine = load(loop_model(), options);
  const Tensor x = Tensor::from<float>({2}, {1, 2});
  const auto inputs = [&](int64_t n) {
    return std::vector<Tensor>{Tensor::scalar(n), x, Tensor::scalar(true)};
  };
  for (int again = 0; again < 2; ++again) {
    CancelToken token;
    const int64_t before = rounds;
    std::jthread other([&] {
      while (rounds < before + 100) std::this_thread::yield();
      token.cancel();
    });
    const std::vector<Tensor> many = inputs(endless);
    check_cancelled([&] { engine.run(std::span<const Tensor>(many), &token); }, "the run was cancelled");
    const std::vector<Tensor> few = inputs(3);
    CHECK(engine.run(std::span<const Tensor>(few))[0].data<float>()[1] == 8);
  }
  CancelToken token;
  auto pending = engine.run_async(inputs(endless), token);
  token.cancel();
  check_cancelled([&] { pending.get(); }, "the run was cancelled");
}

TEST_CASE("cancel: inside a scan, after its first slice", "[cancel]") {
  ModelGraph body("body");
  body.input("v", DType::float32, {}).input("slice", DType::float32, {});
  body.node("Signal", {"slice"}, {"s"}, {}, "", "custom").node("Add", {"v", "s"}, {"next"});
  body.output("next", DType::float32);
  ModelGraph graph;
  graph.input("start", DType::float32, {}).input("x", DType::float32, {std::string("n")});
  graph.node("Scan", {"start", "x"}, {"y"}, {{"body", &body}, {"num_scan_inputs", int64_t{1}}});
  graph.output("y", DType::float32);
  CancelToken token;
  int slices = 0;
  EngineOptions options;
  options.custom_ops = {signal_op([&] {
    ++slices;
    token.cancel();
  })};
  const InferEngine engine = load(graph, options);
  const std::vector<Tensor> inputs{Tensor::scalar(0.0f), Tensor::from<float>({4}, {1, 2, 3, 4})};
  check_cancelled([&] { engine.run(std::span<const Tensor>(inputs), &token); }, "the run was cancelled");
  CHECK(slices == 1);
  CHECK(engine.run(std::span<const Tensor>(inputs))[0].data<float>()[0] == 10);
}

TEST_CASE("cancel: between the tasks of one kernel", "[cancel]") {
  constexpr int tasks = 100'000;
  CancelToken token;
  std::atomic<int> done{0};
  CustomOp op = signal_op({});
  op.create = stateless([&](CustomRun& run) {
    run.output(0, run.input(0).dims());
    run.parallel_for(tasks, [&](int64_t) {
      if (++done == 10) token.cancel();
    });
  });
  EngineOptions options;
  options.custom_ops = {op};
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{1}});
  graph.node("Signal", {"x"}, {"y"}, {}, "", "custom").output("y", DType::float32);
  for (const int threads : {1, 2}) {
    options.threads_per_spa = threads;
    options.spas = 1;
    const InferEngine engine = load(graph, options);
    token = {};
    done = 0;
    const std::vector<Tensor> inputs{Tensor::from<float>({1}, {1})};
    check_cancelled([&] { engine.run(std::span<const Tensor>(inputs), &token); }, "the run was cancelled");
    CHECK(done < tasks);
  }
}

TEST_CASE("cancel: a load, at each of its stages and within folding", "[cancel]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}}).constant("c", Tensor::from<float>({2}, {1, 2}));
  graph.node("Signal", {"c"}, {"s"}, {}, "", "custom")
      .node("Add", {"x", "s"}, {"y"})
      .output("y", DType::float32);
  EngineOptions options;
  options.custom_ops = {signal_op([] {})};
  std::vector<std::string> stages;
  options.progress = [&](const LoadProgress& at) { stages.emplace_back(at.stage); };
  load(graph, options);
  REQUIRE(stages.size() > 10);
  for (const std::string& wanted : stages) {
    options.cancel = {};
    options.progress = [&](const LoadProgress& at) {
      if (at.stage == wanted) options.cancel.cancel();
    };
    check_cancelled([&] { load(graph, options); }, "the load was cancelled");
  }
  options.progress = {};
  options.cancel = {};
  options.custom_ops = {signal_op([&] { options.cancel.cancel(); })};
  check_cancelled([&] { load(graph, options); }, "the load was cancelled");
  check_cancelled([&] { load(graph, options); }, "the load was cancelled");  // A token stays cancelled.
  options.cancel = {};
  options.custom_ops = {signal_op([] {})};
  CHECK(load(graph, options).inputs().size() == 1);
}

TEST_CASE("cancel: loading an engine file, and a file that is not read any further", "[cancel]") {
  const std::string path =
      std::filesystem::temp_directory_path() / ("spinel_cancel_" + std::to_string(getpid()) + ".spinel");
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}});
  graph.node("Neg", {"x"}, {"y"}).output("y", DType::float32);
  EngineOptions options;
  options.save_engine = path;
  load(graph, options);
  options.save_engine.clear();
  options.load_engine = path;
  for (const char* wanted : {"read", "plan"}) {
    options.cancel = {};
    options.progress = [&](const LoadProgress& at) {
      if (at.stage == wanted) options.cancel.cancel();
    };
    check_cancelled([&] { InferEngine{options}; }, "the load was cancelled");
  }
  options.progress = {};
  options.cancel = {};
  CHECK(InferEngine(options).inputs().size() == 1);
  std::filesystem::remove(path);
}
