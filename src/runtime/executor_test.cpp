#include "runtime/executor.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <limits>
#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"
#include "runtime/thread_pool.hpp"

using namespace spinel;
using namespace spinel::runtime;
using graph::RuntimeValue;
using test::ModelGraph;
using test::random_floats;

namespace {

graph::Graph import(const ModelGraph& model) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.model());
  onnx::ModelSource source{{*bytes, bytes}, std::nullopt};
  graph::Graph graph = onnx::import_model(source, {}, nullptr);
  graph::infer(graph);
  return graph;
}

/// An elementwise operator whose kernel the test gives.
class Probe final : public graph::Op {
 public:
  using Kernel = std::function<void(graph::RunContext&, const Tensor& x, Tensor& y)>;
  explicit Probe(Kernel kernel, graph::Scratch scratch = {})
      : kernel_(std::move(kernel)), scratch_(scratch) {}
  std::string_view name() const override { return "Probe"; }
  void infer(graph::InferContext& context) const override { context.set_output(0, context.input(0)); }
  void run(graph::RunContext& context) const override {
    const Tensor& x = context.input(0);
    kernel_(context, x, context.output(0, x.dtype(), x.dims()));
  }
  graph::Scratch scratch(const graph::ScratchContext&) const override { return scratch_; }

 private:
  Kernel kernel_;
  graph::Scratch scratch_;
};

/// x -> Abs -> y, with Abs replaced.
std::shared_ptr<const plan::Program> program_with(graph::OpPtr op, int concurrency = 1) {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("Abs", {"x"}, {"y"}).output("y", DType::float32);
  graph::Graph graph = import(model);
  graph.nodes[0].op = std::move(op);
  plan::ProgramOptions options;
  options.concurrency = concurrency;
  return std::make_shared<const plan::Program>(std::move(graph), options);
}

std::vector<RuntimeValue> run(Replica& replica, const plan::Program& program,
                              std::vector<RuntimeValue> inputs, const graph::RunServices& services = {}) {
  std::vector<RuntimeValue> outputs(program.graph().outputs.size());
  replica.run(program.bind(std::span<const RuntimeValue>(inputs)), inputs, outputs, services);
  return outputs;
}

graph::RunServices services_of(ThreadPool& pool) {
  graph::RunServices services;
  services.parallel_for = [&pool](int64_t count, FunctionRef<void(int64_t)> fn) {
    pool.parallel_for(count, fn);
  };
  services.concurrency = pool.concurrency();
  return services;
}

}  // namespace

TEST_CASE("executor: tasks have scratch memory of their own", "[runtime]") {
  constexpr int64_t tasks = 200;
  const auto probe = std::make_shared<Probe>(
      [](graph::RunContext& context, const Tensor& x, Tensor& y) {
        CHECK(reinterpret_cast<uintptr_t>(context.scratch()) % 64 == 0);
        std::memset(context.scratch(), 0xab, 100);
        const float* from = x.data<float>().data();
        float* to = y.data<float>().data();
        context.parallel_for_scratch(tasks, [&](int64_t task, std::byte* scratch) {
          auto* mine = reinterpret_cast<float*>(scratch);
          for (int i = 0; i < 1000; ++i) mine[i] = from[task] + static_cast<float>(i);
          for (int i = 0; i < 1000; ++i) to[task] += mine[i] - static_cast<float>(i);
        });
        for (int i = 0; i < 100; ++i) CHECK(context.scratch()[i] == std::byte{0xab});
      },
      graph::Scratch{100, 4000});
  const auto program = program_with(probe, 4);
  Replica replica(program);
  ThreadPool pool(3);
  Tensor x(DType::float32, {tasks});
  for (int64_t i = 0; i < tasks; ++i) x.data<float>()[static_cast<size_t>(i)] = static_cast<float>(i);
  for (int repeat = 0; repeat < 5; ++repeat) {
    std::vector<RuntimeValue> outputs{RuntimeValue(Tensor(DType::float32, {tasks}))};
    const RuntimeValue inputs[] = {x};
    replica.run(program->bind(inputs), inputs, outputs, services_of(pool));
    for (int64_t i = 0; i < tasks; ++i)
      CHECK(outputs[0].tensor().data<float>()[static_cast<size_t>(i)] == static_cast<float>(1000 * i));
  }
  CHECK(replica.arena_bytes() == 128 + 4 * 4032);
}

TEST_CASE("executor: a cancelled run begins no further task", "[runtime]") {
  constexpr int64_t tasks = 100'000;
  std::atomic<bool> cancelled{false};
  std::atomic<int64_t> done{0};
  const auto task = [&] {
    if (++done == 10) cancelled = true;
  };
  for (const bool with_scratch : {false, true}) {
    const auto program =
        program_with(std::make_shared<Probe>(
                         [&](graph::RunContext& context, const Tensor&, Tensor&) {
                           if (with_scratch)
                             context.parallel_for_scratch(tasks, [&](int64_t, std::byte*) { task(); });
                           else
                             context.parallel_for(tasks, [&](int64_t) { task(); });
                         },
                         graph::Scratch{0, 64}),
                     4);
    for (int workers : {0, 3}) {
      Replica replica(program);
      ThreadPool pool(workers);
      graph::RunServices services = services_of(pool);
      services.cancelled = &cancelled;
      cancelled = false;
      done = 0;
      CHECK_THROWS_AS(run(replica, *program, {Tensor(DType::float32, {4})}, services), Error);
      CHECK(done < tasks);
    }
  }
}

#if defined(__SSE2__)
TEST_CASE("executor: kernels flush denormals, the host's mode comes back", "[runtime]") {
  const float denormal = std::numeric_limits<float>::denorm_min() * 1000;
  const auto probe = std::make_shared<Probe>([](graph::RunContext& context, const Tensor& x, Tensor& y) {
    const volatile float four = 4.0f;
    context.parallel_for(x.element_count(), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      const volatile float value = x.data<float>()[at];
      y.data<float>()[at] = value * four;
    });
  });
  const auto program = program_with(probe);
  Replica replica(program);
  ThreadPool pool(2);
  // Rounding towards zero, a sticky flag and a trap, as a host might have them.
  const unsigned before = _mm_getcsr();
  const unsigned host = (0x1f80u | 0x6000u | 0x0020u) & ~0x0400u;
  _mm_setcsr(host);
  Tensor x(DType::float32, {64});
  for (float& each : x.data<float>()) each = denormal;
  x.data<float>()[5] = 3e38f;  // Would trap.
  std::vector<RuntimeValue> outputs{RuntimeValue(Tensor(DType::float32, {64}))};
  const RuntimeValue inputs[] = {x};
  replica.run(program->bind(inputs), inputs, outputs, services_of(pool));
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(after == host);
  for (size_t i = 0; i < 64; ++i)
    CHECK(outputs[0].tensor().data<float>()[i] == (i == 5 ? std::numeric_limits<float>::infinity() : 0.0f));
  // A kernel that throws leaves nothing behind either.
  const auto failing = program_with(std::make_shared<Probe>(
      [](graph::RunContext&, const Tensor&, Tensor&) { fail(ErrorCode::invalid_argument, "no"); }));
  Replica other(failing);
  CHECK_THROWS_AS(run(other, *failing, {x}), Error);
  CHECK(_mm_getcsr() == before);
}
#endif

TEST_CASE("executor: shapes may alternate and buffers may move", "[runtime]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{4}});
  model.constant("flat", test::int64s({-1}));
  model.node("Softmax", {"x"}, {"a"}).node("Reshape", {"a", "flat"}, {"b"}).node("Neg", {"b"}, {"c"});
  model.node("Softmax", {"c"}, {"d"}).node("Reshape", {"x", "flat"}, {"same"});
  model.output("d", DType::float32).output("same", DType::float32).output("c", DType::float32);
  const auto program = std::make_shared<const plan::Program>(import(model));
  Replica reused(program);
  for (int64_t n : {3, 50, 3, 1, 50, 2}) {
    const Tensor x = random_floats({n, 4}, static_cast<uint32_t>(n));
    Replica fresh(program);
    const auto expected = run(fresh, *program, {x});
    std::vector<RuntimeValue> outputs{RuntimeValue(Tensor(DType::float32, {4 * n})), RuntimeValue(),
                                      RuntimeValue(Tensor(DType::float32, {4 * n}))};
    const RuntimeValue inputs[] = {x};
    reused.run(program->bind(inputs), inputs, outputs, {});
    for (size_t k = 0; k < 3; ++k) {
      CHECK(outputs[k].tensor().dims() == Dims{4 * n});
      CHECK(std::ranges::equal(outputs[k].tensor().data<float>(), expected[k].tensor().data<float>()));
    }
    CHECK(outputs[1].tensor().raw() != x.raw());
    CHECK(std::ranges::equal(outputs[1].tensor().data<float>(), x.data<float>()));
  }
}

TEST_CASE("executor: every node is observed, in order", "[runtime]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("Softmax", {"x"}, {"a"}, {}, "first").node("Neg", {"a"}, {"y"}, {}, "second");
  model.output("y", DType::float32);
  const auto program = std::make_shared<const plan::Program>(import(model));
  Replica replica(program);
  std::vector<std::string> names;
  int64_t last = 0;
  graph::RunServices services;
  services.observe = [&](const graph::Node& node, int64_t begin, int64_t end) {
    names.push_back(node.name);
    CHECK(last <= begin);
    CHECK(begin <= end);
    last = end;
  };
  run(replica, *program, {random_floats({4}, 1)}, services);
  CHECK(names == std::vector<std::string>{"first", "second"});
}

TEST_CASE("executor: values that only running tells come and go", "[runtime]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("NonZero", {"x"}, {"at"}).node("Transpose", {"at"}, {"rows"}).node("Abs", {"rows"}, {"y"});
  model.node("Neg", {"x"}, {"z"}).output("y", DType::int64).output("z", DType::float32);
  const auto program = std::make_shared<const plan::Program>(import(model));
  Replica replica(program);
  for (int ones : {2, 0, 3}) {
    Tensor x(DType::float32, {4});
    for (int i = 0; i < ones; ++i) x.data<float>()[static_cast<size_t>(i)] = 1;
    const auto outputs = run(replica, *program, {x});
    CHECK(outputs[0].tensor().dims() == Dims{ones, 1});
    CHECK(outputs[1].tensor().data<float>()[0] == -x.data<float>()[0]);
  }
}
