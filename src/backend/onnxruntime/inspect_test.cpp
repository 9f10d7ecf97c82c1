// Models with more outputs.
#include "backend/onnxruntime/inspect.hpp"

#include <catch2/catch.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using backend::ort::with_outputs;

TEST_CASE("outputs are added to a model's bytes, and nothing else changes") {
  test::ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}});
  graph.node("Sin", {"x"}, {"s"}).node("Cos", {"s"}, {"y"}).output("y", DType::float32);
  const auto bytes = graph.model();
  const std::string long_name(300, 'n');
  const auto more = with_outputs(bytes, std::vector<std::string>{"s", long_name});
  const onnx::Model model = onnx::parse_model(more, {});
  REQUIRE(model.graph.outputs.size() == 3);
  CHECK(model.graph.outputs[0].name == "y");
  CHECK(model.graph.outputs[1].name == "s");
  CHECK(model.graph.outputs[2].name == long_name);
  CHECK(model.graph.nodes.size() == 2);
  CHECK(model.graph.inputs.size() == 1);
  CHECK(std::equal(bytes.begin(), bytes.end(), more.begin()));
}

TEST_CASE("an inspector lists what nodes compute, with dims as far as they are known") {
  test::ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{3}});
  graph.constant("w", test::random_floats({3, 4}, 1));
  graph.node("MatMul", {"x", "w"}, {"a"}, {}, "product").node("SequenceConstruct", {"a"}, {"list"});
  graph.node("Relu", {"a"}, {"y"}).output("y", DType::float32);
  onnx::ModelSource source;
  const auto bytes = std::make_shared<std::vector<std::byte>>(graph.model());
  source.bytes = {*bytes, bytes};
  const backend::ort::Inspector inspector(source, {});
  const auto values = inspector.values({});
  REQUIRE(values.size() == 2);
  CHECK(values[0].name == "a");
  CHECK(values[0].node == "product");
  CHECK(values[0].inputs == std::vector<std::string>{"x"});
  CHECK(values[0].dims == Dims{-1, 4});
  CHECK(values[1].name == "y");
  CHECK(values[1].node == "Relu_2");
  CHECK(values[1].layer == 2);
  CHECK(inspector.values({{"n", 5}})[1].dims == Dims{5, 4});
}
