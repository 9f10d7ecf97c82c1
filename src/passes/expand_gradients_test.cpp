// Gradients against central differences in float64.
#include <catch2/catch.hpp>

#include <functional>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "ops/op_harness.hpp"
#include "passes/test_passes.hpp"

namespace spinel::passes {
namespace {

using Attributes = std::vector<std::pair<std::string, test::ModelAttribute>>;
using Strings = std::vector<std::string>;
using Ints = std::vector<int64_t>;

const char* const training = "ai.onnx.preview.training";

graph::Graph import(const test::ModelGraph& model, int64_t opset) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.model(opset, 10, {training}));
  graph::Graph graph = onnx::import_model({{*bytes, bytes}, std::nullopt}, {}, nullptr);
  graph::infer(graph);
  return graph;
}

graph::Graph expanded(const test::ModelGraph& model, int64_t opset = 22) {
  graph::Graph graph = import(model, opset);
  expand_gradients(graph, {});
  graph::verify(graph, "expand_gradients");
  return graph;
}

std::vector<Tensor> run(const graph::Graph& graph, const std::vector<Tensor>& inputs) {
  std::vector<graph::RuntimeValue> values(inputs.begin(), inputs.end());
  std::vector<Tensor> out;
  for (const graph::RuntimeValue& value : graph::interpret(graph, std::move(values), {}, {}))
    out.push_back(value.tensor());
  return out;
}

double sum(const Tensor& tensor) {
  double total = 0;
  for (const double each : tensor.data<double>()) total += each;
  return total;
}

/// (f(x + h) - f(x - h)) / 2h for each element of input `index`, f the sum of output 0.
Tensor differences(const graph::Graph& graph, const std::vector<Tensor>& inputs, size_t index) {
  constexpr double h = 1e-5;
  Tensor out(DType::float64, inputs[index].dims());
  for (size_t i = 0; i < out.data<double>().size(); ++i) {
    const auto moved = [&](double by) {
      std::vector<Tensor> at = inputs;
      at[index] = inputs[index].clone();
      at[index].data<double>()[i] += by;
      return sum(run(graph, at)[0]);
    };
    out.data<double>()[i] = (moved(h) - moved(-h)) / (2 * h);
  }
  return out;
}

struct Case {
  std::string op;
  std::vector<Dims> inputs;  ///< Of float64, differentiated.
  Attributes attributes = {};
  double low = -2, high = 2;
  int64_t opset = 22;
  std::vector<Tensor> constants = {};  ///< Inputs behind them.
  size_t outputs = 1;
  Strings order = {};  ///< The node's inputs, if not x0 ... and then c0 ...
  bool symbolic = false;
};

/// r weighs the elements, so that a gradient at the wrong place is seen; outputs beyond 0 are added up in it.
void check(const Case& c) {
  std::vector<Tensor> inputs;
  Strings xs;
  test::ModelGraph model;
  Strings names;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    xs.push_back(fmt::format("x{}", i));
    inputs.push_back(
        ops::testing::noise(c.inputs[i], 7 + static_cast<uint32_t>(i), c.low, c.high, DType::float64));
    std::vector<test::ModelDim> dims;
    for (size_t axis = 0; axis < c.inputs[i].size(); ++axis)
      dims.push_back(c.symbolic ? test::ModelDim(fmt::format("{}_{}", xs[i], axis))
                                : test::ModelDim(c.inputs[i][axis]));
    model.input(xs[i], DType::float64, dims);
    names.push_back(xs[i]);
  }
  for (size_t i = 0; i < c.constants.size(); ++i) {
    names.push_back(c.constants[i].defined() ? fmt::format("c{}", i) : "");
    if (c.constants[i].defined()) model.constant(names.back(), c.constants[i]);
  }
  Strings outputs;
  for (size_t i = 0; i < c.outputs; ++i) outputs.push_back(fmt::format("y{}", i));
  model.node(c.op, c.order.empty() ? names : c.order, outputs, c.attributes);
  Strings weighted;
  for (const std::string& y : outputs) {
    model.node("Shape", {y}, {y + "s"});
    model.node("Size", {y}, {y + "n"});
    model.node("Reshape", {y + "n", "vector"}, {y + "v"});
    model.node("ConstantOfShape", {y + "v"}, {y + "o"}, {{"value", test::int64s({1})}});
    model.node("NonZero", {y + "o"}, {y + "i"});
    model.node("Cast", {y + "i"}, {y + "f"}, {{"to", static_cast<int64_t>(DType::float64)}});
    model.node("Sin", {y + "f"}, {y + "w"});
    model.node("Reshape", {y + "w", y + "s"}, {y + "r"});
    model.node("Mul", {y, y + "r"}, {y + "m"});
    model.node("ReduceSum", {y + "m"}, {y + "t"}, {{"keepdims", int64_t{0}}});
    weighted.push_back(y + "t");
  }
  model.constant("vector", test::int64s({1}));
  model.node("Sum", weighted, {"l"});
  model.output("l", DType::float64);
  Strings gradients;
  for (const std::string& x : xs) gradients.push_back("d" + x);
  model.node("Gradient", xs, gradients, {{"xs", xs}, {"y", std::string("l")}}, "", training);
  for (const std::string& each : gradients) model.output(each, DType::float64);

  std::string attributes;
  for (const auto& [name, value] : c.attributes) attributes += " " + name;
  INFO(c.op << attributes << " of opset " << c.opset << (c.symbolic ? ", dims not known" : ""));
  const graph::Graph graph = expanded(model, c.opset);
  const std::vector<Tensor> results = run(graph, inputs);
  for (size_t i = 0; i < xs.size(); ++i) {
    INFO("by input " << i);
    const Tensor expected = differences(graph, inputs, i);
    REQUIRE(results[i + 1].dims() == expected.dims());
    for (size_t at = 0; at < expected.data<double>().size(); ++at)
      CHECK(results[i + 1].data<double>()[at] ==
            Approx(expected.data<double>()[at]).epsilon(1e-6).margin(2e-8));
  }
}

/// With known and with unknown dims.
void check_both(Case c) {
  check(c);
  c.symbolic = true;
  check(c);
}

Tensor scalar(double value) { return Tensor::scalar(value); }

TEST_CASE("derivatives of functions of one element") {
  for (const char* op : {"Abs",       "Atan",
                         "Asinh",     "Cos",
                         "Cosh",      "Elu",
                         "Erf",       "Exp",
                         "Gelu",      "HardSigmoid",
                         "HardSwish", "Identity",
                         "LeakyRelu", "Mish",
                         "Neg",       "Relu",
                         "Selu",      "Shrink",
                         "Sigmoid",   "Sin",
                         "Sinh",      "Softplus",
                         "Softsign",  "Tan",
                         "Tanh",      "ThresholdedRelu",
                         "Floor",     "Ceil",
                         "Round",     "Sign"})
    check({op, {{3, 5}}});
  for (const char* op : {"Acos", "Asin", "Atanh"}) check({op, {{7}}, {}, -0.9, 0.9});
  for (const char* op : {"Log", "Sqrt", "Reciprocal"}) check({op, {{7}}, {}, 0.2, 3});
  check({"Acosh", {{7}}, {}, 1.2, 3});
  check({"Gelu", {{9}}, {{"approximate", std::string("tanh")}}});
  check({"HardSwish", {{9}}, {}, -5, 5});
  check({"HardSigmoid", {{9}}, {{"alpha", 0.5F}, {"beta", 0.25F}}});
  check({"LeakyRelu", {{9}}, {{"alpha", 0.25F}}});
  check({"Elu", {{9}}, {{"alpha", 0.5F}}});
  check({"Celu", {{9}}, {{"alpha", 0.5F}}});
  check({"Selu", {{9}}, {{"alpha", 0.5F}, {"gamma", 2.0F}}});
  check({"Shrink", {{9}}, {{"lambd", 1.0F}, {"bias", 0.5F}}});
  check({"ThresholdedRelu", {{9}}, {{"alpha", 0.25F}}});
  check({"Swish", {{9}}, {{"alpha", 0.5F}}, -2, 2, 24});
  check({"Clip", {{9}}, {}, -2, 2, 22, {scalar(-0.5), scalar(1)}});
  check({"Clip", {{9}}, {}, -2, 2, 22, {Tensor(), scalar(1)}});
  check({"Clip", {{9}}, {{"min", -0.5F}, {"max", 0.75F}}, -2, 2, 10});
  check({"Cast", {{9}}, {{"to", static_cast<int64_t>(DType::float64)}}});
  check({"Dropout", {{9}}, {}, -2, 2, 22, {}});
  check({"Dropout", {{40}}, {{"seed", int64_t{3}}}, -2, 2, 22, {scalar(0.5), Tensor::scalar(true)}});
}

TEST_CASE("derivatives of functions of several elements, broadcast") {
  for (const char* op : {"Add", "Sub", "Mul", "Max", "Min", "Sum", "Mean"}) {
    check_both({op, {{2, 3}, {2, 3}}});
    check_both({op, {{2, 1, 4}, {3, 1}}});
    check_both({op, {{}, {2, 3}}});
  }
  check_both({"Sum", {{2, 3}, {3}, {2, 1}}});
  check_both({"Div", {{2, 1, 4}, {3, 1}}, {}, 0.5, 2});
  check_both({"Pow", {{2, 1, 4}, {3, 1}}, {}, 0.5, 2});
  check({"Pow", {{6}}, {}, -2, 2, 22, {scalar(3)}});
  check({"Pow", {{6}}, {}, -2, 2, 22, {scalar(0)}});
  check({"Pow", {{6}}, {}, -2, 2, 22, {Tensor::from<int64_t>({6}, {1, 2, 3, 4, 0, 5})}});
  check_both({"PRelu", {{2, 3, 4}, {3, 1}}});
  check({"Where",
         {{2, 3}, {3}},
         {},
         -2,
         2,
         22,
         {Tensor::from<bool>({2, 1}, {true, false})},
         1,
         {"c0", "x0", "x1"}});
}

TEST_CASE("derivatives of products, convolutions and pools") {
  check_both({"MatMul", {{3, 4}, {4, 2}}});
  check_both({"MatMul", {{2, 3, 4}, {4, 2}}});
  check_both({"MatMul", {{3, 4}, {2, 4, 2}}});
  check_both({"MatMul", {{2, 1, 3, 4}, {3, 4, 2}}});
  check_both({"MatMul", {{4}, {4, 2}}});
  check_both({"MatMul", {{3, 4}, {4}}});
  check_both({"MatMul", {{4}, {4}}});
  check_both({"MatMul", {{2, 3, 4}, {4}}});
  check_both({"MatMul", {{4}, {2, 4, 3}}});
  for (const bool a : {false, true})
    for (const bool b : {false, true})
      check({"Gemm",
             {a ? Dims{4, 3} : Dims{3, 4}, b ? Dims{2, 4} : Dims{4, 2}, {1, 2}},
             {{"transA", int64_t{a}}, {"transB", int64_t{b}}, {"alpha", 0.5F}, {"beta", 2.0F}}});
  check({"Conv", {{2, 3, 5, 6}, {4, 3, 3, 2}, {4}}});
  check({"Conv", {{2, 3, 7, 6}, {4, 3, 3, 2}, {4}}, {{"strides", Ints{2, 3}}, {"pads", Ints{1, 0, 2, 1}}}});
  check({"Conv",
         {{2, 4, 7, 8}, {6, 2, 3, 3}},
         {{"group", int64_t{2}}, {"dilations", Ints{2, 1}}, {"strides", Ints{1, 2}}}});
  check({"Conv",
         {{1, 3, 6}, {3, 1, 3}},
         {{"group", int64_t{3}}, {"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2}}}});
  check({"Conv", {{1, 2, 3, 4, 3}, {2, 2, 2, 2, 2}}, {{"auto_pad", std::string("SAME_LOWER")}}});
  check({"Conv", {{1, 2, 5}, {2, 2, 2}}, {{"auto_pad", std::string("VALID")}}});
  check({"MaxPool",
         {{2, 2, 6, 5}},
         {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 1}}}});
  check(
      {"MaxPool", {{1, 2, 5}}, {{"kernel_shape", Ints{2}}, {"ceil_mode", int64_t{1}}, {"strides", Ints{2}}}});
  for (const int64_t counts : {0, 1})
    check({"AveragePool",
           {{2, 2, 6, 5}},
           {{"kernel_shape", Ints{3, 2}},
            {"strides", Ints{2, 1}},
            {"pads", Ints{1, 0, 1, 1}},
            {"count_include_pad", counts}}});
  check_both({"GlobalAveragePool", {{2, 3, 4, 5}}});
  check_both({"GlobalMaxPool", {{2, 3, 4, 5}}});
}

TEST_CASE("derivatives of reductions, normalisations and losses") {
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum",
                         "ReduceLogSumExp", "ReduceMax", "ReduceMin"})
    for (const int64_t keep : {0, 1}) {
      check_both({op, {{2, 3, 4}}, {{"keepdims", keep}}, 0.5, 2, 22, {test::int64s({-1, 0})}});
      check_both({op, {{2, 3}}, {{"keepdims", keep}}, 0.5, 2});
      if (op != std::string("ReduceSum"))
        check({op, {{2, 3, 4}}, {{"keepdims", keep}, {"axes", Ints{1}}}, 0.5, 2, 13});
    }
  for (const char* op : {"Softmax", "LogSoftmax"}) {
    check_both({op, {{2, 3, 4}}, {{"axis", int64_t{1}}}});
    check({op, {{2, 3, 4}}, {{"axis", int64_t{1}}}, -2, 2, 11});
  }
  check_both({"LayerNormalization", {{2, 3, 4}, {4}, {4}}});
  check_both({"LayerNormalization", {{2, 3, 4}, {3, 4}}, {{"axis", int64_t{1}}, {"epsilon", 0.1F}}});
  check_both({"RMSNormalization", {{2, 3, 4}, {4}}, {}, -2, 2, 23});
  check_both({"BatchNormalization", {{2, 3, 4, 2}, {3}, {3}, {3}, {3}}, {}, 0.5, 2});
  check({"BatchNormalization",
         {{2, 3, 4}, {3}, {3}},
         {{"training_mode", int64_t{1}}, {"epsilon", 0.1F}},
         0.5,
         2,
         22,
         {Tensor(DType::float64, {3}), Tensor(DType::float64, {3})}});
  const Tensor labels = Tensor::from<int64_t>({4}, {2, 0, 1, 2});
  const Tensor places = Tensor::from<int32_t>({2, 3}, {2, 0, 1, 1, 3, 0});
  const Tensor weights = Tensor::from<double>({4}, {0.5, 2, 1, 3});
  for (const char* op : {"SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"})
    for (const char* reduction : {"mean", "sum", "none"}) {
      const std::string how = reduction;
      check({op, {{4, 3}}, {{"reduction", how}}, -2, 2, 22, {labels}});
      check({op,
             {{2, 4, 3}},
             {{"reduction", how}, {"ignore_index", int64_t{1}}},
             -2,
             2,
             22,
             {places, weights}});
    }
  check({"SoftmaxCrossEntropyLoss", {{4, 3}}, {}, -2, 2, 22, {labels}, 2});
}

TEST_CASE("derivatives of rearrangements") {
  check({"Reshape", {{2, 6}}, {}, -2, 2, 22, {test::int64s({3, -1})}});
  check_both({"Flatten", {{2, 3, 2}}});
  check({"Squeeze", {{2, 1, 3}}, {}, -2, 2, 22, {test::int64s({1})}});
  check({"Unsqueeze", {{2, 3}}, {}, -2, 2, 22, {test::int64s({0, -1})}});
  check_both({"Transpose", {{2, 3, 4}}, {{"perm", Ints{1, 2, 0}}}});
  check_both({"Transpose", {{2, 3, 4}}});
  check_both({"Concat", {{2, 3}, {2, 1}, {2, 2}}, {{"axis", int64_t{-1}}}});
  check({"Split", {{2, 6}}, {{"axis", int64_t{1}}}, -2, 2, 22, {test::int64s({1, 3, 2})}, 3});
  check({"Slice",
         {{5, 6}},
         {},
         -2,
         2,
         22,
         {test::int64s({3, 0}), test::int64s({0, 6}), test::int64s({0, 1}), test::int64s({-2, 3})}});
  check_both({"Expand", {{3, 1}}, {}, -2, 2, 22, {test::int64s({2, 1, 4})}});
  check({"Tile", {{2, 3}}, {}, -2, 2, 22, {test::int64s({2, 2})}});
  check({"Pad", {{2, 3}}, {}, -2, 2, 22, {test::int64s({1, 0, 0, 2}), scalar(5)}});
  check({"Pad", {{2, 4}}, {{"mode", std::string("reflect")}}, -2, 2, 22, {test::int64s({0, 2, 0, 1})}});
  check({"Gather", {{5, 3}}, {}, -2, 2, 22, {Tensor::from<int64_t>({2, 2}, {4, 0, -1, 2})}});
  check({"Gather", {{3, 5}}, {{"axis", int64_t{1}}}, -2, 2, 22, {Tensor::from<int32_t>({3}, {4, 0, 4})}});
  check({"GatherElements",
         {{3, 4}},
         {{"axis", int64_t{1}}},
         -2,
         2,
         22,
         {Tensor::from<int64_t>({3, 2}, {0, 0, 3, -1, 1, 2})}});
  check({"GatherND", {{3, 4}}, {}, -2, 2, 22, {Tensor::from<int64_t>({3, 1}, {0, 2, 0})}});
  for (const char* reduction : {"none", "add"}) {
    const Attributes how{{"reduction", std::string(reduction)}};
    check({"ScatterElements",
           {{4, 2}, {2, 2}},
           how,
           -2,
           2,
           22,
           {Tensor::from<int64_t>({2, 2}, {0, 3, 2, 1})},
           1,
           {"x0", "c0", "x1"}});
    check({"ScatterND",
           {{4, 2}, {2, 2}},
           how,
           -2,
           2,
           22,
           {Tensor::from<int64_t>({2, 1}, {3, 1})},
           1,
           {"x0", "c0", "x1"}});
  }
  check({"CumSum", {{2, 4}}, {{"exclusive", int64_t{1}}}, -2, 2, 22, {Tensor::scalar<int64_t>(1)}});
  check({"CumSum", {{2, 4}}, {{"reverse", int64_t{1}}}, -2, 2, 22, {Tensor::scalar<int64_t>(0)}});
  check({"Trilu", {{3, 4}}, {{"upper", int64_t{0}}}});
  check({"DepthToSpace", {{1, 8, 2, 3}}, {{"blocksize", int64_t{2}}}});
  check({"SpaceToDepth", {{1, 2, 4, 6}}, {{"blocksize", int64_t{2}}}});
  check({"ReverseSequence", {{4, 3}}, {}, -2, 2, 22, {test::int64s({1, 2, 4})}});
}

/// y = sin(w x): its derivative by w, and that one's.
test::ModelGraph sine() {
  test::ModelGraph model;
  model.input("x", DType::float64, {}).input("w", DType::float64, {}).input("other", DType::float64, {});
  model.node("Mul", {"w", "x"}, {"h"}).node("Sin", {"h"}, {"y"});
  return model;
}

double number(const Tensor& tensor) { return tensor.data<double>()[0]; }

TEST_CASE("a Gradient of a Gradient") {
  test::ModelGraph model = sine();
  const Strings xs{"x", "w"};
  model.node("Gradient", xs, {"dx", "dw"}, {{"xs", xs}, {"y", std::string("y")}}, "", training);
  model.node("Gradient", xs, {"dwdx", "dwdw"}, {{"xs", xs}, {"y", std::string("dw")}}, "", training);
  model.output("dwdx", DType::float64).output("dwdw", DType::float64);
  const double x = 0.7, w = 1.3;
  const auto results = run(expanded(model), {scalar(x), scalar(w), scalar(0)});
  CHECK(number(results[0]) == Approx(std::cos(w * x) - w * x * std::sin(w * x)));
  CHECK(number(results[1]) == Approx(-x * x * std::sin(w * x)));
}

TEST_CASE("a Gradient at other values than the graph has") {
  test::ModelGraph model = sine();
  model.node("Gradient", {"w", "other"}, {"dw"},
             {{"xs", Strings{"w"}}, {"zs", Strings{"x"}}, {"y", std::string("y")}}, "", training);
  model.node("Gradient", {"other"}, {"dh"}, {{"xs", Strings{"h"}}, {"y", std::string("y")}}, "", training);
  model.output("y", DType::float64).output("dw", DType::float64).output("dh", DType::float64);
  const auto results = run(expanded(model), {scalar(0.7), scalar(1.3), scalar(2)});
  CHECK(number(results[0]) == Approx(std::sin(0.7 * 1.3)));
  CHECK(number(results[1]) == Approx(2 * std::cos(1.3 * 2)));
  CHECK(number(results[2]) == Approx(std::cos(2)));
}

TEST_CASE("what y does not depend on, and what carries no derivative, has a gradient of zeros") {
  test::ModelGraph model = sine();
  model.node("Cast", {"other"}, {"whole"}, {{"to", static_cast<int64_t>(DType::int64)}});
  model.node("Cast", {"whole"}, {"back"}, {{"to", static_cast<int64_t>(DType::float64)}});
  model.node("Add", {"y", "back"}, {"z"});
  const Strings xs{"x", "other"};
  model.node("Gradient", xs, {"", "dother"}, {{"xs", xs}, {"y", std::string("z")}}, "", training);
  model.output("dother", DType::float64);
  CHECK(number(run(expanded(model), {scalar(1), scalar(1), scalar(3)})[0]) == 0);
}

TEST_CASE("an operator without a derivative is named") {
  test::ModelGraph model;
  model.input("x", DType::float64, {4}).node("Det", {"m"}, {"y"}, {}, "the_det");
  model.node("Reshape", {"x", "two"}, {"m"}).constant("two", test::int64s({2, 2}));
  model.node("Gradient", {"x"}, {"dx"}, {{"xs", Strings{"x"}}, {"y", std::string("y")}}, "grad", training);
  model.output("dx", DType::float64);
  REQUIRE_THROWS_WITH(expanded(model), Catch::Contains("grad") && Catch::Contains("the_det") &&
                                           Catch::Contains("Det has no derivative"));
}

TEST_CASE("tensors that a Gradient names must be there") {
  test::ModelGraph model = sine();
  model.node("Gradient", {"x"}, {"dx"}, {{"xs", Strings{"x"}}, {"y", std::string("nothing")}}, "", training);
  model.output("dx", DType::float64);
  REQUIRE_THROWS_WITH(expanded(model), Catch::Contains("nothing"));
}

TEST_CASE("a Gradient in a subgraph needs the variables of the graph around it named") {
  for (const bool named : {false, true}) {
    test::ModelGraph model = sine();
    test::ModelGraph branch("branch");
    const Strings xs{"x"};
    const Strings zs = named ? Strings{"w"} : Strings{};
    const Strings inputs = named ? Strings{"x", "w"} : Strings{"x"};
    branch.node("Mul", {"w", "x"}, {"q"});
    branch.node("Gradient", inputs, {"dx"}, {{"xs", xs}, {"zs", zs}, {"y", std::string("q")}}, "", training);
    branch.output("dx", DType::float64);
    model.constant("yes", Tensor::scalar(true));
    model.node("If", {"yes"}, {"out"}, {{"then_branch", &branch}, {"else_branch", &branch}});
    model.output("out", DType::float64);
    if (named)
      CHECK(number(run(expanded(model), {scalar(0.7), scalar(1.3), scalar(0)})[0]) == 1.3);
    else
      REQUIRE_THROWS_WITH(expanded(model), Catch::Contains("'w'"));
  }
}

}  // namespace
}  // namespace spinel::passes
