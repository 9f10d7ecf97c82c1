#include <catch2/catch.hpp>
#include <functional>

#include "passes/test_passes.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

/// A model of one activation: `write` makes y of x with the constants that every test shares.
ModelGraph activation(const std::function<void(ModelGraph&)>& write) {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{40}});
  const std::pair<const char*, float> constants[] = {{"zero", 0.0F},
                                                     {"half", 0.5F},
                                                     {"one", 1.0F},
                                                     {"two", 2.0F},
                                                     {"three", 3.0F},
                                                     {"six", 6.0F},
                                                     {"cubic", 0.044715F},
                                                     {"slope", 0.7978845608F},
                                                     {"sixth", 1.0F / 6},
                                                     {"sqrt2", 1.41421356F},
                                                     {"root_half", 0.70710678F},
                                                     {"wrong", 1.4142F}};
  for (const auto& [name, value] : constants) model.constant(name, Tensor::scalar(value));
  write(model);
  model.output("y", DType::float32);
  return model;
}

void check_recognised(const std::function<void(ModelGraph&)>& write, const char* op) {
  const ModelGraph model = activation(write);
  const graph::Graph before = test::import_graph(model);
  graph::Graph after = test::import_graph(model);
  const PassReport report = test::run_pass(after, passes::recognize_activations);
  CHECK(report.changes == 1);
  CHECK(report.counts.at(op) == 1);
  CHECK(after.nodes.size() == 1);
  CHECK(test::count_op(after, op) == 1);
  Tensor x = test::random_floats({3, 40}, 7);
  for (float& v : x.data<float>()) v *= 6;
  CHECK(test::relative_error(test::interpret_one(after, {x}), test::interpret_one(before, {x})) < 1e-6);
}

}  // namespace

TEST_CASE("recognize_activations: Swish", "[passes]") {
  check_recognised(
      [](ModelGraph& g) {
        g.node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"y"});
      },
      "Swish");
  check_recognised(
      [](ModelGraph& g) {
        g.node("Sigmoid", {"x"}, {"s"}).node("Mul", {"s", "x"}, {"y"});
      },
      "Swish");
}

TEST_CASE("recognize_activations: HardSwish in its spellings", "[passes]") {
  const auto clip = [](ModelGraph& g) -> ModelGraph& {
    return g.node("Add", {"x", "three"}, {"a"}).node("Clip", {"a", "zero", "six"}, {"c"});
  };
  check_recognised(
      [&](ModelGraph& g) {
        clip(g).node("Mul", {"x", "c"}, {"m"}).node("Div", {"m", "six"}, {"y"});
      },
      "HardSwish");
  check_recognised(
      [&](ModelGraph& g) {
        clip(g).node("Div", {"c", "six"}, {"m"}).node("Mul", {"x", "m"}, {"y"});
      },
      "HardSwish");
  check_recognised(
      [&](ModelGraph& g) {
        clip(g).node("Mul", {"c", "sixth"}, {"m"}).node("Mul", {"m", "x"}, {"y"});
      },
      "HardSwish");
  check_recognised(
      [&](ModelGraph& g) {
        clip(g).node("Mul", {"x", "sixth"}, {"m"}).node("Mul", {"m", "c"}, {"y"});
      },
      "HardSwish");
  check_recognised(
      [](ModelGraph& g) {
        g.node("HardSigmoid", {"x"}, {"s"}, {{"alpha", 1.0F / 6}, {"beta", 0.5F}})
            .node("Mul", {"x", "s"}, {"y"});
      },
      "HardSwish");
}

TEST_CASE("recognize_activations: Gelu by erf in its spellings", "[passes]") {
  // torch.onnx.export: x * (erf(x / sqrt 2) + 1) * 0.5
  check_recognised(
      [](ModelGraph& g) {
        g.node("Div", {"x", "sqrt2"}, {"d"}).node("Erf", {"d"}, {"e"}).node("Add", {"e", "one"}, {"a"});
        g.node("Mul", {"x", "a"}, {"m"}).node("Mul", {"m", "half"}, {"y"});
      },
      "Gelu");
  // onnxscript: 0.5 * x * (1 + erf(x * 0.7071))
  check_recognised(
      [](ModelGraph& g) {
        g.node("Mul", {"x", "root_half"}, {"d"}).node("Erf", {"d"}, {"e"}).node("Add", {"one", "e"}, {"a"});
        g.node("Mul", {"half", "a"}, {"h"}).node("Mul", {"x", "h"}, {"y"});
      },
      "Gelu");
  check_recognised(
      [](ModelGraph& g) {
        g.node("Mul", {"x", "half"}, {"h"}).node("Div", {"x", "sqrt2"}, {"d"}).node("Erf", {"d"}, {"e"});
        g.node("Add", {"e", "one"}, {"a"}).node("Mul", {"h", "a"}, {"y"});
      },
      "Gelu");
  check_recognised(
      [](ModelGraph& g) {
        g.node("Div", {"x", "sqrt2"}, {"d"}).node("Erf", {"d"}, {"e"}).node("Add", {"e", "one"}, {"a"});
        g.node("Mul", {"x", "a"}, {"m"}).node("Div", {"m", "two"}, {"y"});
      },
      "Gelu");
}

TEST_CASE("recognize_activations: Gelu by tanh in its spellings", "[passes]") {
  const auto tail = [](ModelGraph& g) {
    g.node("Tanh", {"v"}, {"t"}).node("Add", {"t", "one"}, {"a"}).node("Mul", {"x", "half"}, {"h"});
    g.node("Mul", {"h", "a"}, {"y"});
  };
  // 0.5 * x * (1 + tanh(slope * (x + cubic * x^3))), as GPT-2 is exported.
  check_recognised(
      [&](ModelGraph& g) {
        g.node("Pow", {"x", "three"}, {"p"})
            .node("Mul", {"p", "cubic"}, {"c"})
            .node("Add", {"x", "c"}, {"s"});
        g.node("Mul", {"s", "slope"}, {"v"});
        tail(g);
      },
      "Gelu");
  // tanh(x * slope * (1 + cubic * x * x))
  check_recognised(
      [&](ModelGraph& g) {
        g.node("Mul", {"x", "slope"}, {"s"})
            .node("Mul", {"x", "cubic"}, {"c"})
            .node("Mul", {"c", "x"}, {"q"});
        g.node("Add", {"q", "one"}, {"r"}).node("Mul", {"s", "r"}, {"v"});
        tail(g);
      },
      "Gelu");
}

TEST_CASE("recognize_activations: what only looks like one stays, with a reason", "[passes]") {
  SECTION("a constant that differs") {
    graph::Graph graph = test::import_graph(activation([](ModelGraph& g) {
      g.node("Div", {"x", "wrong"}, {"d"}).node("Erf", {"d"}, {"e"}).node("Add", {"e", "one"}, {"a"});
      g.node("Mul", {"x", "a"}, {"m"}).node("Mul", {"m", "half"}, {"y"});
    }));
    const PassReport report = test::run_pass(graph, passes::recognize_activations);
    CHECK(report.changes == 0);
    CHECK(test::count_op(graph, "Erf") == 1);
    REQUIRE(report.notes.size() == 1);
    CHECK(report.notes[0].refused);
  }
  SECTION("a value inside that is read elsewhere") {
    ModelGraph model = activation([](ModelGraph& g) {
      g.node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"y"}).node("Neg", {"s"}, {"z"});
    });
    model.output("z", DType::float32);
    graph::Graph graph = test::import_graph(model);
    const PassReport report = test::run_pass(graph, passes::recognize_activations);
    CHECK(report.changes == 0);
    REQUIRE(report.notes.size() == 1);
    CHECK(report.notes[0].text.find("read elsewhere") != std::string::npos);
  }
  SECTION("another factor") {
    graph::Graph graph = test::import_graph(activation([](ModelGraph& g) {
      g.node("Sigmoid", {"x"}, {"s"}).node("Mul", {"s", "half"}, {"y"});
    }));
    CHECK(test::run_pass(graph, passes::recognize_activations).changes == 0);
  }
}

TEST_CASE("recognize_activations: one behind the other", "[passes]") {
  const ModelGraph model = activation([](ModelGraph& g) {
    g.node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"u"});
    g.node("Sigmoid", {"u"}, {"r"}).node("Mul", {"r", "u"}, {"y"});
  });
  const graph::Graph before = test::import_graph(model);
  graph::Graph after = test::import_graph(model);
  CHECK(test::run_pass(after, passes::recognize_activations).changes == 2);
  CHECK(after.nodes.size() == 2);
  const Tensor x = test::random_floats({2, 40}, 3);
  CHECK(test::relative_error(test::interpret_one(after, {x}), test::interpret_one(before, {x})) < 1e-6);
}
