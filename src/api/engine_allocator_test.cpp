// The host's memory: what an engine allocates comes from it and goes back, and it may have none.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::ModelGraph;
using test::random_floats;

namespace {

/// Counts what it gives; from the `failing`-th block on (from 0) it has none.
class Host {
 public:
  std::shared_ptr<const Allocator> allocator() {
    return std::make_shared<const Allocator>(Allocator{
        [this](size_t bytes, size_t alignment) { return allocate(bytes, alignment); },
        [this](void* memory, size_t bytes, size_t alignment) { release(memory, bytes, alignment); }});
  }
  int64_t failing = -1;
  size_t blocks() const { return blocks_.size(); }
  uint64_t bytes() const {
    uint64_t total = 0;
    for (const auto& [memory, block] : blocks_) total += block.first;
    return total;
  }
  bool has(const void* memory) const { return blocks_.contains(const_cast<void*>(memory)); }
  bool wrong() const { return wrong_; }
  int64_t given() const { return given_; }

 private:
  void* allocate(size_t bytes, size_t alignment) {
    const std::lock_guard lock(mutex_);
    wrong_ |= bytes == 0 || alignment < 64 || (alignment & (alignment - 1)) != 0;
    if (failing >= 0 && given_ >= failing) return nullptr;
    ++given_;
    void* memory = ::operator new(bytes, static_cast<std::align_val_t>(alignment));
    std::memset(memory, 0xcd, bytes);
    blocks_[memory] = {bytes, alignment};
    return memory;
  }
  void release(void* memory, size_t bytes, size_t alignment) {
    const std::lock_guard lock(mutex_);
    const auto found = blocks_.find(memory);
    wrong_ |= found == blocks_.end() || found->second != std::pair(bytes, alignment);
    if (found == blocks_.end()) return;
    blocks_.erase(found);
    ::operator delete(memory, static_cast<std::align_val_t>(alignment));
  }

  std::mutex mutex_;
  std::map<void*, std::pair<size_t, size_t>> blocks_;
  int64_t given_ = 0;
  bool wrong_ = false;
};

/// A matrix that is packed, and a NonZero whose result's size only running tells.
ModelGraph network() {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("batch"), int64_t{64}});
  graph.constant("w", random_floats({64, 512}, 1)).constant("v", random_floats({512, 8}, 2));
  graph.node("MatMul", {"x", "w"}, {"a"}).node("Sigmoid", {"a"}, {"b"}).node("MatMul", {"b", "v"}, {"y"});
  graph.node("NonZero", {"y"}, {"places"});
  graph.output("y", DType::float32).output("places", DType::int64);
  return graph;
}

InferEngine load(EngineOptions options, const std::shared_ptr<const Allocator>& allocator) {
  options.allocator = allocator;
  return InferEngine::from_memory(network().model(), options);
}

}  // namespace

TEST_CASE("weights, activations and results lie in the host's memory") {
  const Tensor x = random_floats({6, 64}, 3);
  EngineOptions options;
  options.spas = GENERATE(1, 2);
  options.threads_per_spa = GENERATE(1, 2);
  options.huge_pages = GENERATE(false, true);
  const std::vector<Tensor> expected = load(options, nullptr).run({x});
  Host host;
  std::vector<Tensor> results;
  {
    const InferEngine engine = load(options, host.allocator());
    const MemoryReport memory = engine.memory_report(std::vector<Dims>{{6, 64}});
    CHECK(host.bytes() >= memory.weight_bytes);
    results = engine.run({x});
    CHECK(host.bytes() >= memory.weight_bytes + memory.arena_bytes_per_spa);
    for (size_t k = 0; k < results.size(); ++k) {
      CHECK(host.has(results[k].raw()));
      CHECK(std::memcmp(results[k].raw(), expected[k].raw(), expected[k].size_bytes()) == 0);
    }
    // Warm runs into the caller's memory need no block, but for what only running tells.
    std::vector<Tensor> outputs{Tensor::uninitialized(DType::float32, {6, 8}), Tensor()};
    engine.run_into(std::vector<Tensor>{x}, outputs);
    const int64_t given = host.given();
    CHECK_FALSE(host.has(outputs[0].raw()));
    CHECK(engine.profile(std::vector<Tensor>{x}).layers.size() >= 3);
    CHECK(host.given() > given);
    auto future = engine.run_async({x});
    CHECK(host.has(future.get()[0].raw()));
  }
  CHECK(host.blocks() == results.size());  // Results outlive the engine.
  results.clear();
  CHECK(host.blocks() == 0);
  CHECK_FALSE(host.wrong());
}

TEST_CASE("a host without memory ends loads and runs, and gets everything back") {
  const Tensor x = random_floats({2, 64}, 3);
  int64_t failed = 0;
  for (bool done = false; !done; ++failed) {
    REQUIRE(failed < 10000);
    Host host;
    host.failing = failed;
    try {
      EngineOptions options;
      options.spas = 1;
      const InferEngine engine = load(options, host.allocator());
      std::vector<Tensor> results(2);
      try {
        engine.run_into(std::vector<Tensor>{x}, results);
        done = true;
      } catch (...) {
        host.failing = -1;
        CHECK(engine.run({x}).size() == 2);
        throw;
      }
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::out_of_memory);
    } catch (const std::bad_alloc&) {
    }
    CHECK(host.blocks() == 0);
    CHECK_FALSE(host.wrong());
  }
  CHECK(failed > 5);
}

TEST_CASE("an allocator needs both functions") {
  auto half = std::make_shared<Allocator>();
  half->allocate = [](size_t, size_t) -> void* { return nullptr; };
  CHECK_THROWS_WITH(load({}, half), Catch::Contains("allocator has no function to release"));
}
