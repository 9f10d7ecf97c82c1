// Threads: the host's own loop, parts that are taken in turn, nothing while idle.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include <spinel/engine.hpp>

#include "api/engine_run.hpp"
#include "onnx/test_model.hpp"

using namespace spinel;
using test::ModelGraph;
using test::random_floats;

namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

ModelGraph network() {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("batch"), int64_t{64}});
  graph.constant("w", random_floats({64, 4096}, 1)).constant("v", random_floats({4096, 8}, 2));
  graph.node("MatMul", {"x", "w"}, {"a"}).node("Sigmoid", {"a"}, {"b"}).node("MatMul", {"b", "v"}, {"y"});
  graph.output("y", DType::float32);
  return graph;
}

size_t thread_count() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator("/proc/self/task")) ++count;
  return count;
}

double process_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// y = x for a batch of numbers; the first replica that is used waits until the other one has run `others`
/// parts.
class SlowModel final : public backend::Model {
 public:
  explicit SlowModel(int others) : others_(others) {
    inputs_.push_back({"x", DType::float32, true, {-1}, {"n"}, 0});
    outputs_.push_back({"y", DType::float32, true, {-1}, {"n"}, 0});
    batch_ = {true, 0, {0}, {0}, "", ""};
  }
  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }
  const backend::BatchInfo& batch() const override { return batch_; }
  std::vector<std::optional<Dims>> output_dims(std::span<const Dims> dims) const override {
    return {dims[0]};
  }
  MemoryReport memory(std::span<const Dims>) const override { return {}; }
  std::string graph_text() const override { return ""; }
  DType compute_dtype() const override { return DType::float32; }
  std::unique_ptr<backend::Replica> make_replica() const override {
    return std::make_unique<SlowReplica>(*this);
  }

  mutable std::atomic<int> parts_of_slow{0};
  mutable std::atomic<int> parts_of_others{0};

 private:
  class SlowReplica final : public backend::Replica {
   public:
    explicit SlowReplica(const SlowModel& model) : model_(model) {}
    void run(std::span<const graph::RuntimeValue> inputs, std::span<graph::RuntimeValue> outputs,
             const graph::RunServices&) override {
      backend::Replica* none = nullptr;
      model_.slow_.compare_exchange_strong(none, this);
      if (model_.slow_ == this) {
        ++model_.parts_of_slow;
        while (model_.parts_of_others < model_.others_) std::this_thread::yield();
      } else {
        ++model_.parts_of_others;
      }
      copy_elements(inputs[0].tensor(), outputs[0].tensor());
    }

   private:
    const SlowModel& model_;
  };

  int others_;
  mutable std::atomic<backend::Replica*> slow_{nullptr};
  std::vector<TensorInfo> inputs_;
  std::vector<TensorInfo> outputs_;
  backend::BatchInfo batch_;
};

}  // namespace

TEST_CASE("threads: parts that a slow SPA leaves are taken by the other one", "[engine]") {
  // Eight parts of four rows; while the first SPA to come holds one, the other must do all that are left.
  const SlowModel model(7);
  std::vector<std::unique_ptr<backend::Replica>> replicas;
  for (int i = 0; i < 2; ++i) replicas.push_back(model.make_replica());
  runtime::LeasePool<backend::Replica> leases(std::move(replicas));
  runtime::ThreadPool threads(1);
  EngineOptions options;
  api::BatchRun run({model, options, leases, threads, 2});
  const Tensor x = random_floats({32}, 1);
  Tensor y(DType::float32, {32});
  const size_t order[] = {0};
  run.run(std::span<const Tensor>(&x, 1), order, std::span<Tensor>(&y, 1), nullptr);
  CHECK(model.parts_of_slow == 1);
  CHECK(model.parts_of_others == 7);
  CHECK(same_bits(x, y));
}

TEST_CASE("threads: the host's loop is used instead of threads, in any order, with equal bits", "[engine]") {
  const Tensor x = random_floats({21, 64}, 3);
  const Tensor expected = InferEngine::from_memory(network().model(), {}).run({x})[0];
  for (int spas : {1, 3}) {
    const size_t before = thread_count();
    std::atomic<int> loops{0};
    std::atomic<int> depth{0};
    EngineOptions options;
    options.spas = spas;
    options.threads_per_spa = 2;
    options.parallel_for = [&](int64_t count, const std::function<void(int64_t)>& task) {
      ++loops;
      CHECK(++depth == 1);
      for (int64_t i = count; i-- > 0;) task(i);
      --depth;
    };
    const InferEngine engine = InferEngine::from_memory(network().model(), options);
    CHECK(same_bits(engine.run({x})[0], expected));
    CHECK(same_bits(engine.run({x.rows(4, 1)})[0], expected.rows(4, 1)));
    CHECK(loops > 0);
    CHECK(thread_count() == before);
  }
}

TEST_CASE("threads: a host's loop that leaves tasks out is found out", "[engine]") {
  EngineOptions options;
  options.spas = 2;
  options.parallel_for = [](int64_t, const std::function<void(int64_t)>& task) { task(0); };
  const InferEngine engine = InferEngine::from_memory(network().model(), options);
  CHECK_THROWS_WITH(engine.run({random_floats({16, 64}, 3)}), Catch::Contains("1 tasks of 2"));
}

TEST_CASE("threads: an engine between runs uses no processor time", "[engine]") {
  EngineOptions options;
  options.spas = 4;
  options.spin_us = 100000;
  const InferEngine engine = InferEngine::from_memory(network().model(), options);
  for (int i = 0; i < 3; ++i) engine.run({random_floats({32, 64}, 3)});
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double before = process_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  // Four threads that spun would have used up to the whole time of each core.
  CHECK(process_seconds() - before < 0.03);
}

TEST_CASE("threads: concurrent runs of several batch sizes give the same bits", "[engine]") {
  const Tensor x = random_floats({40, 64}, 3);
  const Tensor expected = InferEngine::from_memory(network().model(), {}).run({x})[0];
  EngineOptions options;
  options.spas = 2;
  options.threads_per_spa = 2;
  const InferEngine engine = InferEngine::from_memory(network().model(), options);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int64_t t = 0; t < 4; ++t)
    callers.emplace_back([&, t] {
      for (int64_t i = 0; i < 20; ++i) {
        const int64_t begin = (t * 7 + i) % 20;
        const int64_t count = 1 + (t + i * 3) % 20;
        if (!same_bits(engine.run({x.rows(begin, count)})[0], expected.rows(begin, count))) ++wrong;
      }
    });
  for (auto& caller : callers) caller.join();
  CHECK(wrong == 0);
}
