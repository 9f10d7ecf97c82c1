#include <algorithm>
#include <catch2/catch.hpp>

#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"
#include "passes/pipeline.hpp"
#include "passes/test_passes.hpp"

using namespace spinel;
using test::int64s;
using test::ModelGraph;
using test::random_floats;

namespace {

graph::Graph import(const ModelGraph& model, int64_t opset = 17) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.model(opset));
  onnx::ModelSource source{{*bytes, bytes}, std::nullopt};
  graph::Graph graph = onnx::import_model(source, {}, nullptr);
  graph::infer(graph);
  return graph;
}

size_t count(const graph::Graph& graph, std::string_view op) {
  return static_cast<size_t>(
      std::ranges::count_if(graph.nodes, [&](const graph::Node& node) { return node.op->name() == op; }));
}

Tensor run(const graph::Graph& graph, const Tensor& x) {
  return graph::interpret(graph, {x}, {}, {})[0].tensor();
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dims() == b.dims() && std::ranges::equal(a.data<float>(), b.data<float>());
}

}  // namespace

TEST_CASE("passes: constants and static shapes fold", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{6}});
  model.constant("two", Tensor::scalar(2.0f)).constant("three", Tensor::scalar(3.0f));
  model.constant("one", Tensor::scalar<int64_t>(1))
      .constant("axis", int64s({0}))
      .constant("rest", int64s({-1}));
  model.node("Mul", {"two", "three"}, {"six"})
      .node("Shape", {"x"}, {"shape"})
      .node("Gather", {"shape", "one"}, {"width"});
  model.node("Unsqueeze", {"width", "axis"}, {"width1"})
      .node("Concat", {"rest", "width1"}, {"to"}, {{"axis", int64_t{0}}});
  model.node("Mul", {"x", "six"}, {"scaled"})
      .node("Reshape", {"scaled", "to"}, {"y"})
      .output("y", DType::float32);
  const graph::Graph before = import(model);
  graph::Graph after = import(model);
  passes::run_pipeline(after, {});
  CHECK(after.nodes.size() == 1);
  CHECK(count(after, "Mul") == 1);
  const Tensor x = random_floats({4, 6}, 1);
  CHECK(same(run(before, x), run(after, x)));
}

TEST_CASE("passes: identities and duplicates go, results stay", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("Identity", {"x"}, {"i"}).node("Cast", {"i"}, {"c"}, {{"to", int64_t{1}}});
  model.node("Abs", {"c"}, {"a"}).node("Abs", {"i"}, {"b"}).node("Add", {"a", "b"}, {"s"});
  model.node("Neg", {"s"}, {"unused"}).node("Identity", {"s"}, {"y"}).output("y", DType::float32);
  const graph::Graph before = import(model);
  graph::Graph after = import(model);
  passes::run_pipeline(after, {});
  CHECK(after.nodes.size() == 1);  // Abs and Add in one.
  CHECK(after.output_names[0] == "y");
  const Tensor x = random_floats({5}, 1);
  CHECK(same(run(before, x), run(after, x)));
}

TEST_CASE("passes: nodes that differ in an attribute are no duplicates", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("LeakyRelu", {"x"}, {"a"}, {{"alpha", 0.1f}}).node("LeakyRelu", {"x"}, {"b"}, {{"alpha", 0.2f}});
  model.node("Add", {"a", "b"}, {"y"}).output("y", DType::float32);
  graph::Graph after = import(model);
  CHECK(passes::remove_duplicates(after, {}) == 0);
  CHECK(count(after, "LeakyRelu") == 2);
}

TEST_CASE("passes: random numbers are neither folded nor shared", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("Dropout", {"x"}, {"y"}).output("y", DType::float32);
  graph::Graph after = import(model);
  passes::run_pipeline(after, {});
  CHECK(after.nodes.empty());
}

TEST_CASE("passes: float16 reaches constants, casts and subgraphs, and clamps with a warning", "[passes]") {
  ModelGraph branch("branch");
  branch.constant("big", Tensor::from<float>({1}, {1e6f}))
      .node("Mul", {"x", "big"}, {"t"})
      .output("t", DType::float32);
  ModelGraph other("other");
  other.node("Cast", {"x"}, {"d"}, {{"to", int64_t{1}}}).output("d", DType::float32);
  ModelGraph model;
  model.input("x", DType::float32, {int64_t{1}}).input("flag", DType::boolean, {});
  model.node("If", {"flag"}, {"y"}, {{"then_branch", &branch}, {"else_branch", &other}})
      .output("y", DType::float32);
  graph::Graph graph = import(model);
  passes::Settings settings;
  settings.dtype = DType::float16;
  std::string warning;
  settings.log = [&](LogLevel, std::string_view message) { warning = message; };
  passes::run_pipeline(graph, settings);
  CHECK(graph.value(graph.inputs[0]).type.dtype == DType::float16);
  CHECK(graph.value(graph.outputs[0]).type.dtype == DType::float16);
  CHECK(warning.find("'big'") != std::string::npos);
  const Tensor x = convert(Tensor::from<float>({1}, {0.5f}), DType::float16);
  const auto y = graph::interpret(graph, {x, Tensor::scalar(true)}, {}, {})[0].tensor();
  CHECK(static_cast<float>(y.data<Half>()[0]) == 32752.0f);
}

TEST_CASE("passes: a Dropout that drops nothing goes, one that may stays", "[passes]") {
  const auto left = [](float ratio, bool training) {
    ModelGraph model;
    model.input("x", DType::float32, {int64_t{4}});
    model.constant("ratio", Tensor::scalar(ratio)).constant("training", Tensor::scalar(training));
    model.node("Dropout", {"x", "ratio", "training"}, {"d"})
        .node("Relu", {"d"}, {"y"})
        .output("y", DType::float32);
    graph::Graph graph = import(model);
    passes::run_pipeline(graph, {});
    return count(graph, "Dropout");
  };
  CHECK(left(0, true) == 0);
  CHECK(left(0.5f, false) == 0);
  CHECK(left(0.5f, true) == 1);
}

TEST_CASE("passes: in float16 a BatchNormalization's variance may lie beyond float16", "[passes]") {
  for (const bool lowered : {false, true}) {  // Beside a convolution it becomes part of the layout.
    ModelGraph model;
    model.input("x", DType::float32, {int64_t{1}, int64_t{2}, int64_t{4}, int64_t{4}});
    model.constant("w", Tensor::from<float>({2, 2, 1, 1}, {1, 0, 0, 1}))
        .constant("scale", Tensor::from<float>({2}, {0.5f, 1}))
        .constant("shift", Tensor::from<float>({2}, {1, -2}))
        .constant("mean", Tensor::from<float>({2}, {300, 2}))
        .constant("variance", Tensor::from<float>({2}, {1e8f, 4}));
    if (lowered) model.node("Conv", {"x", "w"}, {"conv"});
    model.node("Relu", {lowered ? "conv" : "x"}, {"positive"})
        .node("BatchNormalization", {"positive", "scale", "shift", "mean", "variance"}, {"y"})
        .output("y", DType::float32);
    const Tensor x = convert(random_floats({1, 2, 4, 4}, 1), DType::float16);
    const Tensor expected = run(import(model), convert(x, DType::float32));
    graph::Graph graph = import(model);
    passes::Settings settings;
    settings.dtype = DType::float16;
    passes::run_pipeline(graph, settings);
    CHECK(test::relative_error(run(graph, x), expected) <= 1e-3);
  }
}

TEST_CASE("passes: float32 on a float16 model computes in float32", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float16, {int64_t{2}});
  model.constant("w", convert(Tensor::from<float>({2}, {0.1f, 0.2f}), DType::float16));
  model.node("Mul", {"x", "w"}, {"y"}).output("y", DType::float16);
  graph::Graph graph = import(model);
  passes::Settings settings;
  settings.dtype = DType::float32;
  passes::run_pipeline(graph, settings);
  CHECK(graph.value(graph.inputs[0]).type.dtype == DType::float32);
  const Tensor y = run(graph, Tensor::from<float>({2}, {1, 1}));
  CHECK(y.data<float>()[0] == static_cast<float>(Half(0.1f)));
}

TEST_CASE("passes: what stands in a branch is lowered as what stands outside", "[passes]") {
  ModelGraph branch("branch");
  branch.constant("w", random_floats({16, 8, 3}, 2)).constant("b", random_floats({16}, 3));
  branch.node("Conv", {"x", "w", "b"}, {"c"}, {{"pads", std::vector<int64_t>{1, 1}}})
      .node("Relu", {"c"}, {"r"});
  branch.node("GlobalAveragePool", {"r"}, {"m"}).node("Flatten", {"m"}, {"f"});
  branch.constant("v", random_floats({5, 16}, 4));
  branch.node("Gemm", {"f", "v"}, {"g"}, {{"transB", int64_t{1}}}).output("g", DType::float32);
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), 8, std::string("length")});
  model.node("ReduceMax", {"x"}, {"most"}, {{"keepdims", int64_t{0}}}).constant("zero", Tensor::scalar(0.0F));
  model.node("Greater", {"most", "zero"}, {"flag"});
  model.node("If", {"flag"}, {"y"}, {{"then_branch", &branch}, {"else_branch", &branch}});
  model.output("y", DType::float32);
  const Tensor x = random_floats({2, 8, 12}, 1);
  const Tensor expected = run(import(model), x);
  graph::Graph graph = import(model);
  passes::run_pipeline(graph, {});
  const auto choice =
      std::ranges::find_if(graph.nodes, [](const graph::Node& n) { return n.op->name() == "If"; });
  REQUIRE(choice != graph.nodes.end());
  for (const auto& inner : choice->subgraphs) {
    CHECK(count(*inner, "NhwcConv") == 1);
    CHECK(count(*inner, "Linear") == 1);
    CHECK(count(*inner, "Relu") == 0);
  }
  CHECK(test::relative_error(run(graph, x), expected) < 1e-6);
}
