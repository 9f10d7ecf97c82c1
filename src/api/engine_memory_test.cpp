// No allocation after the first run of a shape, outputs that lie on inputs, huge pages.
#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <new>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::ModelGraph;
using test::random_floats;

namespace {

std::atomic<bool> counting{false};
std::atomic<int> allocations{0};

void* allocate(size_t bytes, size_t alignment) noexcept {
  if (counting.load(std::memory_order_relaxed)) allocations.fetch_add(1);
  bytes = bytes == 0 ? 1 : bytes;
  return alignment <= alignof(std::max_align_t)
             ? std::malloc(bytes)
             : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}
void* allocate_or_throw(size_t bytes, size_t alignment) {
  if (void* memory = allocate(bytes, alignment)) return memory;
  throw std::bad_alloc();
}
size_t number(std::align_val_t alignment) { return static_cast<size_t>(alignment); }

}  // namespace

// Every operator new of this program, so that none of the library's goes uncounted.
void* operator new(size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new[](size_t bytes) { return allocate_or_throw(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t a) { return allocate_or_throw(bytes, number(a)); }
void* operator new[](size_t bytes, std::align_val_t a) { return allocate_or_throw(bytes, number(a)); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return allocate(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, number(a));
}
void* operator new[](size_t bytes, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(bytes, number(a));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

/// Two convolutions with a residual sum, pooling and a classifier.
ModelGraph network() {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("batch"), int64_t{3}, int64_t{10}, int64_t{10}});
  graph.constant("w1", random_floats({16, 3, 3, 3}, 1)).constant("b1", random_floats({16}, 2));
  graph.constant("w2", random_floats({16, 16, 1, 1}, 3));
  graph.constant("fc", random_floats({5, 16}, 4)).constant("fcb", random_floats({5}, 5));
  graph.node("Conv", {"x", "w1", "b1"}, {"c1"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.node("Relu", {"c1"}, {"r1"}).node("Conv", {"r1", "w2"}, {"c2"}).node("Add", {"c2", "r1"}, {"sum"});
  graph.node("Relu", {"sum"}, {"r2"});
  graph.node("GlobalAveragePool", {"r2"}, {"pooled"}).node("Flatten", {"pooled"}, {"flat"});
  graph.node("Gemm", {"flat", "fc", "fcb"}, {"y"}, {{"transB", int64_t{1}}});
  graph.output("y", DType::float32);
  return graph;
}

/// How often the n-th run of these inputs into the caller's buffers allocates.
int allocations_of_run(const InferEngine& engine, const Tensor& x, Tensor& y, int warm_up) {
  const std::span<const Tensor> inputs(&x, 1);
  const std::span<Tensor> outputs(&y, 1);
  for (int i = 0; i < warm_up; ++i) engine.run_into(inputs, outputs);
  allocations = 0;
  counting = true;
  engine.run_into(inputs, outputs);
  counting = false;
  return allocations;
}

/// A cache of four rows, of which each run replaces one: next = cache with `row` at index `at`.
ModelGraph cache_model() {
  ModelGraph graph;
  graph.input("cache", DType::float32, {int64_t{4}, int64_t{3}});
  graph.input("at", DType::int64, {int64_t{1}, int64_t{1}});
  graph.input("row", DType::float32, {int64_t{1}, int64_t{3}});
  graph.node("ScatterND", {"cache", "at", "row"}, {"next"});
  graph.node("ReduceSum", {"next"}, {"sum"}, {{"keepdims", int64_t{0}}});
  graph.output("next", DType::float32).output("sum", DType::float32);
  return graph;
}

}  // namespace

TEST_CASE("memory: the second run of a shape allocates nothing", "[engine]") {
  for (int spas : {1, 2, 3}) {
    EngineOptions options;
    options.spas = spas;
    const InferEngine engine = InferEngine::from_memory(network().model(), options);
    const Tensor large = random_floats({9, 3, 10, 10}, 1);
    const Tensor small = random_floats({1, 3, 10, 10}, 2);
    Tensor large_y(DType::float32, {9, 5});
    Tensor small_y(DType::float32, {1, 5});
    INFO(spas << " SPAs");
    // Which SPA runs which part is chance: only many runs have warmed up all.
    CHECK(allocations_of_run(engine, large, large_y, spas == 1 ? 1 : 50) == 0);
    CHECK(allocations_of_run(engine, small, small_y, spas == 1 ? 1 : 50) == 0);
    CHECK(allocations_of_run(engine, large, large_y, 0) == 0);
  }
}

TEST_CASE("memory: an output may lie on the input that is declared for it", "[engine]") {
  EngineOptions options;
  options.aliases = {{"cache", "next"}};
  const InferEngine engine = InferEngine::from_memory(cache_model().model(), options);
  Tensor cache = Tensor::from<float>({4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor at = Tensor::from<int64_t>({1, 1}, {2});
  const Tensor row = Tensor::from<float>({1, 3}, {-7, -8, -9});
  const Tensor inputs[] = {cache, at, row};
  Tensor outputs[] = {cache, Tensor()};
  engine.run_into(inputs, outputs);
  CHECK(same_bits(cache, Tensor::from<float>({4, 3}, {1, 2, 3, 4, 5, 6, -7, -8, -9, 10, 11, 12})));
  CHECK(outputs[1].data<float>()[0] == 30.0f);
}

TEST_CASE("memory: an output that is written before its input was read for the last time waits", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{4}});
  graph.node("Neg", {"x"}, {"y"}).node("Softmax", {"y"}, {"s"}).node("Add", {"s", "x"}, {"z"});
  graph.output("y", DType::float32).output("z", DType::float32);
  const Tensor x = random_floats({6, 4}, 3);
  const auto expected = InferEngine::from_memory(graph.model(), {}).run({x});
  EngineOptions options;
  options.aliases = {{"x", "y"}, {"x", "z"}};
  for (int spas : {1, 2}) {
    options.spas = spas;
    const InferEngine engine = InferEngine::from_memory(graph.model(), options);
    for (size_t k = 0; k < 2; ++k) {
      Tensor buffer = x.clone();
      Tensor outputs[2];
      outputs[k] = buffer;
      engine.run_into(std::span<const Tensor>(&buffer, 1), outputs);
      CHECK(same_bits(outputs[0], expected[0]));
      CHECK(same_bits(outputs[1], expected[1]));
    }
  }
}

TEST_CASE("memory: buffers that overlap undeclared are an error", "[engine]") {
  auto message_of = [](const InferEngine& engine, std::span<const Tensor> inputs, std::span<Tensor> outputs) {
    try {
      engine.run_into(inputs, outputs);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid_argument);
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  ModelGraph graph;
  graph.input("a", DType::float32, {std::string("n")}).input("b", DType::float32, {std::string("n")});
  graph.node("Add", {"a", "b"}, {"sum"}).node("Sub", {"a", "b"}, {"difference"});
  graph.output("sum", DType::float32).output("difference", DType::float32);
  EngineOptions options;
  options.aliases = {{"a", "sum"}};
  const InferEngine engine = InferEngine::from_memory(graph.model(), options);
  Tensor memory(DType::float32, {12});
  const Tensor inputs[] = {memory.rows(0, 4), memory.rows(4, 4)};
  Tensor on_b[] = {memory.rows(6, 4), Tensor()};
  CHECK_THAT(message_of(engine, inputs, on_b), Catch::Contains("'sum'") && Catch::Contains("'b'"));
  Tensor twice[] = {memory.rows(8, 4), memory.rows(8, 4)};
  CHECK_THAT(message_of(engine, inputs, twice), Catch::Contains("'difference'"));
  const Tensor shifted[] = {memory.rows(2, 4), memory.rows(8, 4)};
  Tensor beside[] = {memory.rows(0, 4), Tensor()};
  CHECK_THAT(message_of(engine, shifted, beside), Catch::Contains("begin"));
  options.aliases = {{"a", "none"}};
  CHECK_THROWS_WITH(InferEngine::from_memory(graph.model(), options), Catch::Contains("'none'"));
}

TEST_CASE("memory: huge pages change no result", "[engine]") {
  const Tensor x = random_floats({2, 3, 10, 10}, 1);
  EngineOptions options;
  const Tensor expected = InferEngine::from_memory(network().model(), options).run({x})[0];
  options.huge_pages = true;
  CHECK(same_bits(InferEngine::from_memory(network().model(), options).run({x})[0], expected));
}
