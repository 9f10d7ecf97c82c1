#include <catch2/catch.hpp>
#include <functional>

#include "passes/test_passes.hpp"

using namespace spinel;
using test::int64s;
using test::ModelGraph;

namespace {

struct Variant {
  bool pow = true;          ///< Pow(d, 2), else Mul(d, d).
  bool reciprocal = false;  ///< d * (1 / sqrt(v)), else d / sqrt(v).
  bool second_sub = false;  ///< The square has a difference of its own.
  bool scale = true, bias = true;
  int64_t opset = 17;
};

ModelGraph layer_norm(const Variant& v) {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{5}, int64_t{24}});
  model.constant("eps", Tensor::scalar(1e-5F))
      .constant("two", Tensor::scalar(2.0F))
      .constant("axes", int64s({-1}));
  model.constant("w", test::random_floats({24}, 1)).constant("b", test::random_floats({24}, 2));
  const bool axes_input = v.opset >= 18;
  const auto mean = [&](const char* from, const char* to) {
    if (axes_input)
      model.node("ReduceMean", {from, "axes"}, {to});
    else
      model.node("ReduceMean", {from}, {to}, {{"axes", std::vector<int64_t>{-1}}});
  };
  mean("x", "mean");
  model.node("Sub", {"x", "mean"}, {"d"});
  const char* inner = "d";
  if (v.second_sub) {
    model.node("Sub", {"x", "mean"}, {"d2"});
    inner = "d2";
  }
  if (v.pow)
    model.node("Pow", {inner, "two"}, {"sq"});
  else
    model.node("Mul", {inner, inner}, {"sq"});
  mean("sq", "var");
  model.node("Add", {"var", "eps"}, {"ve"}).node("Sqrt", {"ve"}, {"s"});
  std::string y = "n0";
  if (v.reciprocal)
    model.node("Reciprocal", {"s"}, {"r"}).node("Mul", {"d", "r"}, {y});
  else
    model.node("Div", {"d", "s"}, {y});
  if (v.scale) {
    model.node("Mul", {y, "w"}, {"n1"});
    y = "n1";
  }
  if (v.bias) {
    model.node("Add", {"b", y}, {"n2"});
    y = "n2";
  }
  model.node("Identity", {y}, {"y"}).output("y", DType::float32);
  return model;
}

}  // namespace

TEST_CASE("recognize_layer_norm: as exporters write it", "[passes]") {
  for (const bool pow : {true, false})
    for (const bool reciprocal : {true, false})
      for (const int parts : {0, 1, 2, 3})
        for (const int64_t opset : {int64_t{17}, int64_t{18}}) {
          const Variant v{.pow = pow,
                          .reciprocal = reciprocal,
                          .scale = (parts & 1) != 0,
                          .bias = (parts & 2) != 0,
                          .opset = opset};
          const ModelGraph model = layer_norm(v);
          const graph::Graph before = test::import_graph(model, opset);
          graph::Graph after = test::import_graph(model, opset);
          const PassReport report = test::run_pass(after, passes::recognize_layer_norm);
          CHECK(report.changes == 1);
          CHECK(report.counts.at("LayerNormalization") == 1);
          CHECK(after.nodes.size() == 2);
          const Tensor x = test::random_floats({2, 5, 24}, 3);
          CHECK(test::relative_error(test::interpret_one(after, {x}), test::interpret_one(before, {x})) <
                1e-5);
        }
}

TEST_CASE("recognize_layer_norm: with a second difference, once duplicates are gone", "[passes]") {
  graph::Graph graph = test::import_graph(layer_norm({.second_sub = true}));
  passes::remove_duplicates(graph, {});
  CHECK(test::run_pass(graph, passes::recognize_layer_norm).changes == 1);
}

TEST_CASE("recognize_layer_norm: other axes and shared values are refused with a reason", "[passes]") {
  SECTION("channels") {
    ModelGraph model;
    model.input("x", DType::float32, {std::string("n"), int64_t{8}, int64_t{4}});
    model.constant("eps", Tensor::scalar(1e-5F));
    model.node("ReduceMean", {"x"}, {"mean"}, {{"axes", std::vector<int64_t>{1}}})
        .node("Sub", {"x", "mean"}, {"d"});
    model.node("Mul", {"d", "d"}, {"sq"})
        .node("ReduceMean", {"sq"}, {"var"}, {{"axes", std::vector<int64_t>{1}}});
    model.node("Add", {"var", "eps"}, {"ve"}).node("Sqrt", {"ve"}, {"s"}).node("Div", {"d", "s"}, {"y"});
    model.output("y", DType::float32);
    graph::Graph graph = test::import_graph(model);
    const PassReport report = test::run_pass(graph, passes::recognize_layer_norm);
    CHECK(report.changes == 0);
    REQUIRE(report.notes.size() == 1);
    CHECK(report.notes[0].text.find("axis 1") != std::string::npos);
  }
  SECTION("the mean is an output") {
    ModelGraph model = layer_norm({});
    model.output("mean", DType::float32).node("Neg", {"d"}, {"z"}).output("z", DType::float32);
    graph::Graph graph = test::import_graph(model);
    const PassReport report = test::run_pass(graph, passes::recognize_layer_norm);
    CHECK(report.changes == 0);
    REQUIRE(report.notes.size() == 1);
    CHECK(report.notes[0].refused);
  }
}
