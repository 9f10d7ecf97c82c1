#include "plan/program.hpp"

#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"
#include "plan/weight_pages.hpp"

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
  ProgramOptions options;
  options.limits = limits;
  return std::make_shared<Program>(std::move(graph), std::move(options));
}

ModelGraph chain(int length) {
  ModelGraph graph;
  graph.input("v0", DType::float32, {std::string("n"), std::string("m")});
  auto name = [](int i) { return fmt::format("v{}", i); };
  for (int i = 0; i < length; ++i) graph.node("Softmax", {name(i)}, {name(i + 1)});
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
  auto place = [&, binding = program->bind(std::vector<Dims>{{4, 16}})](const char* name) {
    return binding->places[static_cast<size_t>(graph.find_value(name))];
  };
  CHECK(place("view").base == Place::Base::arena);
  CHECK(place("view").offset == place("a").offset);
  for (const char* in_result : {"b", "c", "d", "y"}) CHECK(place(in_result).base == Place::Base::output);
}

TEST_CASE("plan: elementwise nodes overwrite what nobody reads later, and nothing else", "[plan]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{16}});
  model.constant("row", random_floats({16}, 1)).constant("full", random_floats({1, 16}, 2));
  model.node("Relu", {"x"}, {"a"});            // The caller's input stays as it is.
  model.node("Neg", {"a"}, {"b"});             // `a` is read again below.
  model.node("Add", {"b", "row"}, {"c"});      // Over b.
  model.node("Mul", {"a", "c"}, {"d"});        // Over a or c.
  model.node("Mul", {"d", "d"}, {"e"});        // d is read twice by one node.
  model.node("Less", {"e", "row"}, {"less"});  // Another type.
  model.node("Where", {"less", "e", "row"}, {"f"});
  model.node("Softmax", {"f"}, {"g"}).node("Neg", {"g"}, {"h"}).node("Relu", {"h"}, {"y"});
  model.output("h", DType::float32).output("y", DType::float32);
  const auto program = program_of(model);
  auto root = [&](const char* name) {
    const auto& graph = program->graph();
    const auto id = program->storage().root[static_cast<size_t>(graph.find_value(name))];
    return graph.value(id).name;
  };
  CHECK(root("a") == "a");
  CHECK(root("b") == "b");
  CHECK(root("c") == "b");
  CHECK(root("d") == "a");
  CHECK(root("e") == "e");
  CHECK(root("less") == "less");
  CHECK(root("f") == "e");
  CHECK(root("g") == "g");
  CHECK(root("h") == "g");  // The caller's buffer for h takes g as well.
  CHECK(root("y") == "y");
  const auto binding = program->bind(std::vector<Dims>{{3, 16}});
  const auto g = static_cast<size_t>(program->graph().find_value("g"));
  CHECK(binding->places[g].base == Place::Base::output);
  CHECK(binding->places[g].index == 0);
}

TEST_CASE("plan: pieces lie in the whole where nothing stands before the axis", "[plan]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{4}});
  model.node("Softmax", {"x"}, {"a"}).node("Softmax", {"a"}, {"b"}).node("Softmax", {"b"}, {"c"});
  model.node("Concat", {"c", "b"}, {"joined"}, {{"axis", int64_t{1}}});
  model.node("Softmax", {"joined"}, {"s"});
  model.node("Split", {"s"}, {"left", "right"}, {{"axis", int64_t{-1}}});
  model.node("Neg", {"left"}, {"l"}).node("Softmax", {"right"}, {"r"}).node("Add", {"l", "r"}, {"sum"});
  model.node("Softmax", {"sum"}, {"y"}).output("y", DType::float32);
  const auto program = program_of(model);
  const auto& graph = program->graph();
  for (int64_t batch : {1, 2}) {
    const auto binding = program->bind(std::vector<Dims>{{batch, 4}});
    auto offset = [&](const char* name) {
      const Place& place = binding->places[static_cast<size_t>(graph.find_value(name))];
      REQUIRE(place.base == Place::Base::arena);
      return place.offset;
    };
    const bool inside = batch == 1;
    CHECK((offset("c") == offset("joined")) == inside);
    CHECK((offset("b") == offset("joined") + 16) == inside);
    CHECK((offset("left") == offset("s")) == inside);
    CHECK((offset("right") == offset("s") + 16) == inside);
    CHECK(offset("s") != offset("joined"));
  }
}

TEST_CASE("plan: scratch memory counts", "[plan]") {
  class Booking final : public graph::Op {
   public:
    std::string_view name() const override { return "Booking"; }
    void infer(graph::InferContext& context) const override { context.set_output(0, context.input(0)); }
    void run(graph::RunContext&) const override {}
    graph::Scratch scratch(const graph::ScratchContext& context) const override {
      return {static_cast<uint64_t>(context.input_dims(0)[0]), 100};
    }
  };
  graph::Graph graph = program_of(chain(3))->graph();
  graph.nodes[1].op = std::make_shared<Booking>();
  ProgramOptions options;
  options.concurrency = 3;
  const Program program(std::move(graph), options);
  const auto binding = program.bind(std::vector<Dims>{{65, 1}});
  CHECK(binding->scratch_bytes == 128 + 3 * 128);
  CHECK(binding->arena_bytes == 2 * 320 + 128 + 3 * 128);
  CHECK(binding->scratch[1].thread_stride == 128);
  CHECK(binding->scratch[1].thread_offset == binding->scratch[1].shared_offset + 128);
}

TEST_CASE("plan: an output is computed on the buffer of its input only after that was read", "[plan]") {
  ModelGraph model;
  model.input("cache", DType::float32, {int64_t{4}, int64_t{2}});
  model.input("late", DType::float32, {int64_t{4}, int64_t{2}});
  model.input("at", DType::int64, {int64_t{1}, int64_t{1}});
  model.input("row", DType::float32, {int64_t{1}, int64_t{2}});
  model.node("ScatterND", {"cache", "at", "row"}, {"next"});
  model.node("Softmax", {"next"}, {"other"}).node("Add", {"other", "late"}, {"sum"});
  model.output("next", DType::float32).output("other", DType::float32).output("sum", DType::float32);
  const graph::Graph graph = program_of(model)->graph();
  ProgramOptions options;
  options.aliases = {{0, 0}, {1, 1}, {1, 2}};
  const Program program(graph, options);
  const auto binding = program.bind(std::vector<Dims>{{4, 2}, {4, 2}, {1, 1}, {1, 2}});
  auto base = [&](const char* name) {
    return binding->places[static_cast<size_t>(graph.find_value(name))].base;
  };
  CHECK(base("next") == Place::Base::output);  // The node that reads it last may overwrite it.
  CHECK(base("other") == Place::Base::arena);  // `late` is read after it was written.
  CHECK(base("sum") == Place::Base::output);
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

TEST_CASE("plan: large weights move to one block, bit for bit", "[plan]") {
  graph::Graph graph = program_of(chain(1))->graph();
  const Tensor large = random_floats({100, 300}, 1);
  const Tensor other = random_floats({64, 128}, 2);
  const Tensor small = random_floats({8}, 3);
  for (const Tensor& each : {large, other, small}) graph.add_constant("w", each);
  move_weights_to_huge_pages(graph, {});
  const size_t count = graph.values.size();
  const Tensor& moved = graph.values[count - 3].constant;
  const Tensor& next = graph.values[count - 2].constant;
  CHECK(graph.values[count - 1].constant.raw() == small.raw());
  CHECK(moved.raw() != large.raw());
  CHECK(moved.owner() == next.owner());
  CHECK(moved.dims() == large.dims());
  CHECK(std::ranges::equal(moved.data<float>(), large.data<float>()));
  CHECK(std::ranges::equal(next.data<float>(), other.data<float>()));
}
