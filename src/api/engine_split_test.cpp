// The exactness promise, and batches that must not be split.
#include <catch2/catch.hpp>
#include <cstring>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::int64s;
using test::ModelGraph;
using test::random_floats;

namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

InferEngine engine_of(const ModelGraph& graph, int spas, int threads = 1,
                      SplitPolicy split = SplitPolicy::proven) {
  EngineOptions options;
  options.spas = spas;
  options.threads_per_spa = threads;
  options.split = split;
  return InferEngine::from_memory(graph.model(), options);
}

/// Convolution, residual sum, pooling and a classifier over a dynamic batch.
ModelGraph small_network(const test::ModelDim& batch = std::string("batch")) {
  ModelGraph graph;
  graph.input("x", DType::float32, {batch, int64_t{3}, int64_t{9}, int64_t{9}});
  graph.constant("w1", random_floats({8, 3, 3, 3}, 1)).constant("b1", random_floats({8}, 2));
  graph.constant("w2", random_floats({8, 8, 3, 3}, 3));
  graph.constant("fc", random_floats({5, 8}, 4)).constant("fcb", random_floats({5}, 5));
  graph.node("Conv", {"x", "w1", "b1"}, {"c1"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.node("Relu", {"c1"}, {"r1"});
  graph.node("Conv", {"r1", "w2"}, {"c2"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.node("Add", {"c2", "r1"}, {"sum"});
  graph.node("GlobalAveragePool", {"sum"}, {"pooled"}).node("Flatten", {"pooled"}, {"flat"});
  graph.node("Gemm", {"flat", "fc", "fcb"}, {"y"}, {{"transB", int64_t{1}}});
  graph.output("y", DType::float32);
  return graph;
}

/// An engine with the report that a split must not happen, naming the node.
void check_blocked(const ModelGraph& graph, const std::string& node) {
  const InferEngine engine = engine_of(graph, 4);
  const BatchReport report = engine.batch_report();
  CHECK_FALSE(report.splittable);
  CHECK(report.blocking_node == node);
  CHECK_FALSE(report.reason.empty());
}

}  // namespace

TEST_CASE("exactness: results do not depend on SPAs, threads, place in the batch or run", "[engine]") {
  const ModelGraph graph = small_network();
  const Tensor x = random_floats({13, 3, 9, 9}, 7);
  const Tensor expected = engine_of(graph, 1).run({x})[0];
  REQUIRE(expected.dims() == Dims{13, 5});
  for (int spas = 1; spas <= 8; ++spas) {
    for (int threads : {1, 3}) {
      const InferEngine engine = engine_of(graph, spas, threads);
      REQUIRE(engine.batch_report().splittable);
      for (int repeat = 0; repeat < 3; ++repeat) CHECK(same_bits(engine.run({x})[0], expected));
      for (int64_t i = 0; i < 13; ++i)
        CHECK(same_bits(engine.run({x.rows(i, 1).clone()})[0], expected.rows(i, 1)));
      CHECK(same_bits(engine.run({x.rows(2, 7)})[0], expected.rows(2, 7)));
    }
  }
}

TEST_CASE("exactness: a model of fixed batch is repeated, padded and cut back", "[engine]") {
  const Tensor x = random_floats({13, 3, 9, 9}, 7);
  const Tensor expected = engine_of(small_network(), 1).run({x})[0];
  const InferEngine engine = engine_of(small_network(int64_t{4}), 3);
  CHECK(engine.batch_report().fixed_batch == 4);
  for (int64_t batch : {1, 3, 4, 8, 13}) {
    const Tensor y = engine.run({x.rows(0, batch)})[0];
    CHECK(same_bits(y, expected.rows(0, batch)));
  }
}

TEST_CASE("split: softmax over the batch axis is run whole", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{3}});
  graph.node("Softmax", {"x"}, {"y"}, {{"axis", int64_t{0}}}, "soft").output("y", DType::float32);
  check_blocked(graph, "soft");
  const Tensor x = random_floats({6, 3}, 9);
  CHECK(same_bits(engine_of(graph, 4).run({x})[0], engine_of(graph, 1).run({x})[0]));
}

TEST_CASE("split: a Reshape to a constant batch is run whole", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{8}});
  graph.constant("shape", int64s({4, -1}));
  graph.node("Reshape", {"x", "shape"}, {"y"}, {}, "fold").output("y", DType::float32);
  check_blocked(graph, "fold");
  CHECK(engine_of(graph, 4).run({random_floats({6, 8}, 9)})[0].dims() == Dims{4, 12});
}

TEST_CASE("split: a gather across the batch is run whole", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{2}});
  graph.constant("index", int64s({0, 0, 1}));
  graph.node("Gather", {"x", "index"}, {"y"}, {{"axis", int64_t{0}}}, "pick").output("y", DType::float32);
  check_blocked(graph, "pick");
  CHECK(engine_of(graph, 4).run({random_floats({5, 2}, 9)})[0].dims() == Dims{3, 2});
}

TEST_CASE("split: data divided by the batch size is run whole", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{2}});
  graph.constant("zero", Tensor::scalar<int64_t>(0));
  graph.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"n"});
  graph.node("Cast", {"n"}, {"nf"}, {{"to", int64_t{1}}}).node("Div", {"x", "nf"}, {"y"}, {}, "divide");
  graph.output("y", DType::float32);
  check_blocked(graph, "divide");
  const Tensor x = random_floats({4, 2}, 3);
  const Tensor y = engine_of(graph, 4).run({x})[0];
  CHECK(y.data<float>()[5] == x.data<float>()[5] / 4.0f);
}

TEST_CASE("split: the shape chain that exporters write for a dynamic batch splits", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{4}, int64_t{3}});
  graph.constant("zero", Tensor::scalar<int64_t>(0))
      .constant("axis", int64s({0}))
      .constant("rest", int64s({-1}));
  graph.node("Shape", {"x"}, {"shape"}).node("Gather", {"shape", "zero"}, {"n"});
  graph.node("Unsqueeze", {"n", "axis"}, {"n1"})
      .node("Concat", {"n1", "rest"}, {"to"}, {{"axis", int64_t{0}}});
  graph.node("Reshape", {"x", "to"}, {"flat"}).node("Relu", {"flat"}, {"y"}).output("y", DType::float32);
  const InferEngine engine = engine_of(graph, 3);
  INFO(engine.batch_report().reason);
  REQUIRE(engine.batch_report().splittable);
  const Tensor x = random_floats({7, 4, 3}, 9);
  CHECK(same_bits(engine.run({x})[0], engine_of(graph, 1).run({x})[0]));
}

TEST_CASE("split: an LSTM splits along axis 1 of its sequence", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("steps"), std::string("batch"), int64_t{4}});
  graph.constant("w", random_floats({1, 12, 4}, 1)).constant("r", random_floats({1, 12, 3}, 2));
  graph.node("LSTM", {"x", "w", "r"}, {"y", "h"}, {{"hidden_size", int64_t{3}}}, "lstm");
  graph.output("y", DType::float32).output("h", DType::float32);
  const Tensor x = random_floats({5, 7, 4}, 9);
  const auto expected = engine_of(graph, 1).run({x});
  const InferEngine engine = engine_of(graph, 4);
  INFO(engine.batch_report().reason);
  REQUIRE(engine.batch_report().splittable);
  CHECK(engine.inputs()[0].batch_axis == 1);
  CHECK(engine.outputs()[0].batch_axis == 2);
  CHECK(engine.outputs()[1].batch_axis == 1);
  const auto got = engine.run({x});
  CHECK(same_bits(got[0], expected[0]));
  CHECK(same_bits(got[1], expected[1]));
}

TEST_CASE("split: the option overrides the analysis, both ways", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{3}});
  graph.node("Softmax", {"x"}, {"y"}, {{"axis", int64_t{0}}}, "soft").output("y", DType::float32);
  const Tensor x = random_floats({2, 3}, 9);
  const Tensor forced = engine_of(graph, 2, 1, SplitPolicy::always).run({x})[0];
  for (float v : forced.data<float>()) CHECK(v == 1.0f);
  const Tensor never =
      engine_of(small_network(), 4, 1, SplitPolicy::never).run({random_floats({4, 3, 9, 9}, 7)})[0];
  CHECK(same_bits(never, engine_of(small_network(), 1).run({random_floats({4, 3, 9, 9}, 7)})[0]));
}

TEST_CASE("split: rows that share bytes are not cut", "[engine]") {
  ModelGraph graph;
  graph.input("x", DType::int4, {std::string("batch"), int64_t{3}});
  graph.node("Identity", {"x"}, {"y"}).output("y", DType::int4);
  EngineOptions options;
  options.spas = 3;
  const InferEngine engine = InferEngine::from_memory(graph.model(24), options);
  REQUIRE(engine.batch_report().splittable);
  Tensor x(DType::int4, {5, 3});
  for (size_t i = 0; i < x.size_bytes(); ++i)
    static_cast<uint8_t*>(x.raw())[i] = static_cast<uint8_t>(17 * i);
  CHECK(same_bits(engine.run({x})[0], x));
}
