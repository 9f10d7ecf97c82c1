#include "cpu/chain.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "ops/op_harness.hpp"
#include "passes/match.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using namespace ops::testing;
using graph::Graph;
using graph::Node;
using graph::Value;
using graph::ValueId;

/// Builds a graph node by node, in order.
struct Model {
  Graph graph;
  DType dtype = DType::float32;

  ValueId input(const char* name, const Dims& dims) {
    Value value;
    value.name = name;
    value.type = ValueType::tensor(dtype, graph::to_shape(dims));
    graph.inputs.push_back(graph.add_value(std::move(value)));
    return graph.inputs.back();
  }
  ValueId constant(const Tensor& tensor) {
    return graph.add_constant(fmt::format("c{}", graph.values.size()), convert(tensor, dtype));
  }
  ValueId node(const char* op, std::vector<ValueId> inputs, const Attributes& attributes = {}) {
    Node made;
    made.name = fmt::format("{}_{}", op, graph.nodes.size());
    made.op = make(op, 22, attributes, inputs.size(), 1);
    made.inputs = std::move(inputs);
    made.sources = {made.name};
    Value value;
    value.name = made.name + ".out";
    made.outputs = {graph.add_value(std::move(value))};
    const ValueId out = made.outputs[0];
    graph.add_node(std::move(made));
    return out;
  }
  void output(ValueId id) {
    graph.outputs.push_back(id);
    graph.output_names.push_back(fmt::format("y{}", graph.outputs.size()));
  }
};

std::vector<Tensor> evaluate(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<graph::RuntimeValue> values(inputs.begin(), inputs.end());
  std::vector<Tensor> out;
  for (const auto& each : graph::interpret(graph, std::move(values), {}, {})) out.push_back(each.tensor());
  return out;
}

/// Fuses and checks that the results stay; returns the operators' names.
std::string fuse(Model& model, const std::vector<Tensor>& inputs, double rtol = 2e-6) {
  graph::infer(model.graph);
  const std::vector<Tensor> before = evaluate(model.graph, inputs);
  fuse_elementwise(model.graph, {});
  graph::verify(model.graph, "fuse_elementwise");
  graph::infer(model.graph);
  const std::vector<Tensor> after = evaluate(model.graph, inputs);
  REQUIRE(before.size() == after.size());
  for (size_t i = 0; i < before.size(); ++i) expect_close(after[i], before[i], rtol, rtol);
  std::string names;
  for (const Node& node : model.graph.nodes) {
    names += (names.empty() ? "" : " ") + std::string(node.op->name());
    if (const auto* chain = dynamic_cast<const cpu::ElementwiseChain*>(node.op.get()))
      names += fmt::format("{}", chain->program().steps().size());
  }
  return names;
}

}  // namespace

TEST_CASE("BatchNormalization as product and sum, then Relu, is one step", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {2, 5, 7, 9});
  const ValueId y = m.node(
      "Relu", {m.node("Add", {m.node("Mul", {x, m.constant(noise({9}, 3))}), m.constant(noise({9}, 4))})});
  m.output(y);
  CHECK(fuse(m, {noise({2, 5, 7, 9})}) == "ElementwiseChain1");
  CHECK(m.graph.nodes[0].sources.size() == 3);
}

TEST_CASE("a tree of elementwise nodes is one node", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {3, 4, 33});
  const ValueId gate = m.input("gate", {3, 1, 33});
  const ValueId t = m.node("Tanh", {m.node("Add", {x, m.constant(noise({33}, 5))})});
  m.output(m.node("Sub", {m.node("Mul", {t, m.node("Sigmoid", {t})}), m.node("Div", {x, gate})}));
  CHECK(fuse(m, {noise({3, 4, 33}), noise({3, 1, 33}, 9, 1, 2)}) == "ElementwiseChain6");
}

TEST_CASE("what others read, and what is smaller, stays", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {3, 4});
  const ValueId row = m.input("row", {4});
  const ValueId exp = m.node("Exp", {x});
  m.output(exp);
  m.output(m.node("Neg", {m.node("Add", {exp, m.node("Tanh", {row})})}));
  CHECK(fuse(m, {noise({3, 4}), noise({4})}) == "Exp Tanh ElementwiseChain2");
}

TEST_CASE("a reader outside keeps a value out of the group", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {6, 6});
  const ValueId e = m.node("Exp", {x});
  m.output(m.node("Mul", {e, m.node("MatMul", {e, e})}));
  CHECK(fuse(m, {noise({6, 6})}) == "Exp MatMul Mul");
}

TEST_CASE("one chain reads the result of another", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {4, 4});
  const ValueId a = m.node("Relu", {m.node("Add", {x, x})});
  m.output(a);
  m.output(m.node("Abs", {m.node("Sub", {a, m.node("Mul", {x, a})})}));
  CHECK(fuse(m, {noise({4, 4})}) == "ElementwiseChain2 ElementwiseChain3");
}

TEST_CASE("chains of float16 round once", "[fuse_elementwise]") {
  Model m;
  m.dtype = DType::float16;
  const ValueId x = m.input("x", {5, 40});
  m.output(m.node(
      "Relu", {m.node("Add", {m.node("Mul", {x, m.constant(noise({40}, 3))}), m.constant(noise({40}, 4))})}));
  CHECK(fuse(m, {noise({5, 40}, 1, -1, 1, DType::float16)}, 1e-3) == "ElementwiseChain1");
}

TEST_CASE("chains longer than a program are cut", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {3, 50});
  ValueId y = x;
  for (int i = 0; i < 40; ++i) y = m.node(i % 2 == 0 ? "Tanh" : "Neg", {y});
  m.output(y);
  CHECK(fuse(m, {noise({3, 50})}, 1e-5) == "ElementwiseChain8 ElementwiseChain32");
}

TEST_CASE("chains work over any batch", "[fuse_elementwise]") {
  Model m;
  const ValueId x = m.input("x", {100, 70, 33});
  const ValueId bias = m.constant(noise({33}, 3));
  m.output(m.node("Mul", {m.node("Sigmoid", {m.node("Add", {x, bias})}), m.node("Exp", {x})}));
  CHECK(fuse(m, {noise({100, 70, 33})}) == "ElementwiseChain4");
}

}  // namespace spinel::passes
