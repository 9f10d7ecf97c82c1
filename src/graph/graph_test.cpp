#include "graph/graph.hpp"

#include <catch2/catch.hpp>

#include "graph/patch.hpp"

using namespace spinel;
using namespace spinel::graph;

namespace {

class Named final : public Op {
 public:
  explicit Named(std::string name) : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  void infer(InferContext& context) const override { context.set_output(0, context.input(0)); }
  void run(RunContext& context) const override { context.set_output(0, context.value(0)); }

 private:
  std::string name_;
};

ValueId add_value(Graph& graph, const std::string& name) {
  graph::Value value;
  value.name = name;
  value.type = ValueType::tensor(DType::float32, Shape{Dim::symbol("n")});
  return graph.add_value(std::move(value));
}

NodeId add_node(Graph& graph, const std::string& name, std::vector<ValueId> inputs,
                std::vector<ValueId> outputs) {
  Node node;
  node.name = name;
  node.op = std::make_shared<Named>(name);
  node.inputs = std::move(inputs);
  node.outputs = std::move(outputs);
  node.sources = {name};
  return graph.add_node(std::move(node));
}

struct Chain {
  Graph graph;
  ValueId x, a, b, y;
};

/// x -> A -> a -> B -> b -> C -> y, nodes in reverse order.
Chain reversed_chain() {
  Chain c;
  c.x = add_value(c.graph, "x");
  c.a = add_value(c.graph, "a");
  c.b = add_value(c.graph, "b");
  c.y = add_value(c.graph, "y");
  add_node(c.graph, "C", {c.b}, {c.y});
  add_node(c.graph, "B", {c.a}, {c.b});
  add_node(c.graph, "A", {c.x}, {c.a});
  c.graph.inputs = {c.x};
  c.graph.outputs = {c.y};
  c.graph.output_names = {"y"};
  return c;
}

}  // namespace

TEST_CASE("graph: nodes are sorted and verified", "[graph]") {
  Chain c = reversed_chain();
  CHECK_THROWS_AS(verify(c.graph, "test"), Error);
  sort_topologically(c.graph);
  verify(c.graph, "test");
  CHECK(c.graph.nodes[0].name == "A");
  CHECK(c.graph.nodes[2].name == "C");
  CHECK(c.graph.value(c.b).producer == 1);
}

TEST_CASE("graph: a cycle is an error that names a node", "[graph]") {
  Chain c = reversed_chain();
  c.graph.node(2).inputs = {c.b};
  try {
    sort_topologically(c.graph);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_model);
    CHECK(std::string(error.what()).find("cycle") != std::string::npos);
  }
}

TEST_CASE("graph: what no output needs is removed, captures included", "[graph]") {
  Chain c = reversed_chain();
  const ValueId unused = add_value(c.graph, "unused");
  const ValueId captured = add_value(c.graph, "captured");
  add_node(c.graph, "D", {c.a}, {unused});
  add_node(c.graph, "E", {c.x}, {captured});
  auto inner = std::make_shared<Graph>();
  const ValueId inside = add_value(*inner, "inside");
  inner->captures = {{captured, inside}};
  inner->outputs = {inside};
  inner->output_names = {"inside"};
  c.graph.node(0).subgraphs = {inner};
  sort_topologically(c.graph);
  CHECK(remove_dead(c.graph) == 1);
  verify(c.graph, "test");
  CHECK(c.graph.find_value("unused") == no_value);
  const ValueId kept = c.graph.find_value("captured");
  REQUIRE(kept != no_value);
  CHECK(inner->captures[0].outer == kept);
  inner->outputs = {inner->add_constant("c", Tensor::scalar(1.0f))};
  CHECK(remove_dead(c.graph) == 1);
  CHECK(inner->captures.empty());
}

TEST_CASE("patch: replaces nodes, keeps output names, records what came from where", "[graph]") {
  Chain c = reversed_chain();
  sort_topologically(c.graph);
  Patch patch(c.graph);
  c.graph.value(c.y).origin = "onnx_y";
  c.graph.value(c.y).origin_axes = {0};
  const ValueId fused = patch.value("fused", c.graph.value(c.y).type);
  patch.node("BC", std::make_shared<Named>("BC"), "", {c.a}, {fused}, {1, 2});
  patch.replace(c.y, fused);
  std::move(patch).apply(c.graph);
  remove_dead(c.graph);
  verify(c.graph, "patch");
  REQUIRE(c.graph.nodes.size() == 2);
  CHECK(c.graph.nodes[1].name == "BC");
  CHECK(c.graph.nodes[1].sources == std::vector<std::string>{"B", "C"});
  CHECK(c.graph.output_names[0] == "y");
  CHECK(c.graph.value(c.graph.outputs[0]).origin == "onnx_y");
  CHECK(c.graph.value(c.graph.outputs[0]).origin_axes == std::vector<int>{0});
}

TEST_CASE("patch: one that is dropped leaves no trace", "[graph]") {
  Chain c = reversed_chain();
  sort_topologically(c.graph);
  const std::string before = to_text(c.graph);
  {
    Patch patch(c.graph);
    patch.replace(c.y, patch.constant("zero", Tensor::scalar(0.0f)));
  }
  CHECK(to_text(c.graph) == before);
}

TEST_CASE("graph: the text names nodes, types and outputs", "[graph]") {
  Chain c = reversed_chain();
  sort_topologically(c.graph);
  const std::string text = to_text(c.graph);
  CHECK(text.find("input  %x : float32[n]") != std::string::npos);
  CHECK(text.find("%y = C(%b) : float32[n]  # C") != std::string::npos);
  CHECK(text.find("output %y") != std::string::npos);
}
