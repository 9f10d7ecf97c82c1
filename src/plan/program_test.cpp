#include "plan/program.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"

using namespace spinel;
using namespace spinel::plan;
using test::ModelGraph;
using test::random_floats;

namespace {

std::shared_ptr<Program> program_of(const ModelGraph& model, Limits limits = {}) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.model());
  onnx::ModelSource source{{*bytes, bytes}, std::nullopt};
  graph::Graph graph = onnx::import_model(source, {}, nullptr);
  graph::infer(graph);
  return std::make_shared<Program>(std::move(graph), limits);
}

ModelGraph chain(int length) {
  ModelGraph graph;
  graph.input("v0", DType::float32, {std::string("n"), std::string("m")});
  auto name = [](int i) { return fmt::format("v{}", i); };
  for (int i = 0; i < length; ++i) graph.node("Abs", {name(i)}, {name(i + 1)});
  graph.output(name(length), DType::float32);
  return graph;
}

}  // namespace

TEST_CASE("plan: buffers that live at once never overlap", "[plan]") {
  uint32_t seed = 7;
  auto random = [&](uint32_t bound) { return (seed = seed * 1664525u + 1013904223u) / 65536u % bound; };
  for (int round = 0; round < 200; ++round) {
    std::vector<BufferRequest> requests;
    for (uint32_t i = 0; i < 1 + random(40); ++i) {
      const int first = static_cast<int>(random(30));
      requests.push_back({random(5000), first, first + static_cast<int>(random(8))});
    }
    uint64_t total = 0;
    const auto offsets = place_buffers(requests, total);
    uint64_t lower_bound = 0;
    for (int step = 0; step < 40; ++step) {
      uint64_t live = 0;
      for (const auto& r : requests)
        if (r.first <= step && step <= r.last) live += r.bytes;
      lower_bound = std::max(lower_bound, live);
    }
    CHECK(total >= lower_bound);
    for (size_t i = 0; i < requests.size(); ++i) {
      CHECK(offsets[i] % 64 == 0);
      CHECK(offsets[i] + requests[i].bytes <= total);
      for (size_t j = 0; j < i; ++j) {
        const bool together = requests[i].first <= requests[j].last && requests[j].first <= requests[i].last;
        const bool apart =
            offsets[i] + requests[i].bytes <= offsets[j] || offsets[j] + requests[j].bytes <= offsets[i];
        if (together && !apart) FAIL("buffers " << i << " and " << j << " overlap");
      }
    }
  }
}

TEST_CASE("plan: a chain needs the memory of two values, whatever its length", "[plan]") {
  const auto program = program_of(chain(20));
  const std::vector<Dims> dims{{4, 256}};
  const auto binding = program->bind(dims);
  CHECK(binding->arena_bytes == 2 * 4 * 256 * sizeof(float));
  CHECK(program->unplanned(*binding).empty());
  CHECK(program->bind(dims) == binding);
  const std::vector<Dims> other{{1, 16}};
  CHECK(program->bind(other)->arena_bytes == 2 * 64);
}

TEST_CASE("plan: a view keeps the buffer that it looks at", "[plan]") {
  ModelGraph model;
  model.input("x", DType::float32, {int64_t{4}, int64_t{16}});
  model.constant("flat", test::int64s({64}));
  model.node("Abs", {"x"}, {"a"}).node("Reshape", {"a", "flat"}, {"view"});
  model.node("Neg", {"a"}, {"b"}).node("Neg", {"b"}, {"c"}).node("Reshape", {"c", "flat"}, {"d"});
  model.node("Add", {"d", "view"}, {"y"}).output("y", DType::float32);
  const auto program = program_of(model);
  const auto& graph = program->graph();
  const auto a = graph.find_value("a");
  CHECK(program->storage(graph.find_value("view")) == a);
  const auto binding = program->bind(std::vector<Dims>{{4, 16}});
  auto offset = [&](const char* name) {
    return binding->offsets[static_cast<size_t>(graph.find_value(name))];
  };
  CHECK(offset("a") != offset("b"));
  CHECK(offset("a") != offset("c"));
  CHECK(offset("view") == -1);
}

TEST_CASE("plan: dims that contradict the model or each other are refused", "[plan]") {
  ModelGraph model;
  model.input("a", DType::float32, {std::string("n"), int64_t{2}});
  model.input("b", DType::float32, {std::string("n"), int64_t{2}});
  model.node("Add", {"a", "b"}, {"y"}).output("y", DType::float32);
  const auto program = program_of(model);
  CHECK_NOTHROW(program->bind(std::vector<Dims>{{3, 2}, {3, 2}}));
  CHECK_THROWS_WITH(program->bind(std::vector<Dims>{{3, 2}, {4, 2}}), Catch::Contains("'n'"));
  CHECK_THROWS_WITH(program->bind(std::vector<Dims>{{3, 3}, {3, 2}}), Catch::Contains("[3, 3]"));
  CHECK_THROWS_AS(program->bind(std::vector<Dims>{{3, 2}}), Error);
  Limits limits;
  limits.max_arena_bytes = 100;
  CHECK_THROWS_WITH(program_of(chain(3), limits)->bind(std::vector<Dims>{{100, 100}}),
                    Catch::Contains("limit"));
}
