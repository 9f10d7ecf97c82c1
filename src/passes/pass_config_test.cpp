#include "passes/pass_config.hpp"

#include <catch2/catch.hpp>

#include "base/half.hpp"
#include "passes/test_passes.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

std::string error_of(const std::function<void()>& fn, ErrorCode code = ErrorCode::bad_data) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  return "no error";
}

std::string parse_error(const std::string& json) {
  return error_of([&] { passes::parse_pass_config(json, "p.json"); });
}

bool has(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

/// y = exp(x * 1.001) - 1, with names; big numbers tell what was computed in which type.
ModelGraph chain() {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.constant("factor", Tensor::scalar(1.001F)).constant("big", Tensor::scalar(70000.0F));
  model.node("Mul", {"x", "factor"}, {"a"}, {}, "first").node("Mul", {"a", "big"}, {"b"}, {}, "second");
  model.node("Div", {"b", "big"}, {"y"}, {}, "third").output("y", DType::float32);
  return model;
}

graph::Graph converted(const std::string& json, DType dtype = DType::float16) {
  graph::Graph graph = test::import_graph(chain());
  passes::Settings settings;
  settings.dtype = dtype;
  settings.config = passes::parse_pass_config(json, "p.json");
  settings.config.passes["fuse_elementwise"] = false;
  settings.config.passes["select_kernels"] = false;
  passes::run_pipeline(graph, settings);
  return graph;
}

float run_half(const graph::Graph& graph, float x) {
  const Tensor input = Tensor::from<float>({1}, {x});
  const Tensor y = test::interpret_one(graph, {convert(input, graph.value(graph.inputs[0]).type.dtype)});
  return convert(y, DType::float32).data<float>()[0];
}

DType type_of(const graph::Graph& graph, std::string_view node) {
  for (const graph::Node& each : graph.nodes)
    if (each.name == node) return graph.value(each.outputs[0]).type.dtype;
  return DType::undefined;
}

}  // namespace

TEST_CASE("pass configuration: every key is read", "[passes]") {
  const auto config = passes::parse_pass_config(
      R"({"passes": {"recognize_attention": false}, "need_convert": true, "convert_all": true,
          "skip_ops": ["Softmax", "/a/Add"], "skip_input_name": ["x"],
          "specified_op_dtype": {"Exp": "float32", "Mul": "float16"}})",
      "p.json");
  CHECK(config.passes.at("recognize_attention") == false);
  CHECK(config.need_convert == true);
  CHECK(config.convert_all);
  CHECK(config.skip_ops == std::vector<std::string>{"Softmax", "/a/Add"});
  CHECK(config.skip_input_name == std::vector<std::string>{"x"});
  CHECK(config.specified_op_dtype.at("Exp") == DType::float32);
  CHECK(config.specified_op_dtype.at("Mul") == DType::float16);
}

TEST_CASE("pass configuration: what is not known or of another kind is an error that says what there is",
          "[passes]") {
  CHECK(has(parse_error("{"), "not valid JSON"));
  CHECK(has(parse_error("[]"), "must be a JSON object"));
  CHECK(has(parse_error(R"({"skip_op": []})"), "skip_ops"));
  CHECK(has(parse_error(R"({"passes": {"fold": true}})"), "fold_constants"));
  CHECK(has(parse_error(R"({"passes": {"fold_constants": 1}})"), "true or false"));
  CHECK(has(parse_error(R"({"need_convert": "yes"})"), "need_convert"));
  CHECK(has(parse_error(R"({"skip_ops": "Softmax"})"), "array of names"));
  CHECK(has(parse_error(R"({"specified_op_dtype": {"Exp": "int8"}})"), "float16"));
  const auto python = error_of([] { passes::load_pass_config("my_passes.py"); }, ErrorCode::unsupported);
  CHECK(has(python, "need_convert"));
  CHECK(has(python, "skip_ops"));
  CHECK(has(error_of([] { passes::load_pass_config("p.yaml"); }, ErrorCode::unsupported), "JSON"));
}

TEST_CASE("pass configuration: a pass that is off does nothing and says so", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n")});
  model.node("Sigmoid", {"x"}, {"s"}).node("Mul", {"x", "s"}, {"y"}).output("y", DType::float32);
  graph::Graph graph = test::import_graph(model);
  passes::Settings settings;
  settings.config.passes["recognize_activations"] = false;
  settings.config.passes["fuse_elementwise"] = false;
  const auto reports = passes::run_pipeline(graph, settings);
  CHECK(test::count_op(graph, "Sigmoid") == 1);
  const auto off = std::ranges::find(reports, std::string("recognize_activations"), &PassReport::pass);
  REQUIRE(off != reports.end());
  CHECK_FALSE(off->enabled);
  CHECK(off->changes == 0);
}

TEST_CASE("pass configuration: operators that stay in float32", "[passes]") {
  // In float16 the constant 70000 is clamped and the product overflows.
  CHECK(run_half(converted("{}"), 2) != Approx(2.002).epsilon(1e-3));
  for (const char* json : {R"({"skip_ops": ["second", "third"]})", R"({"skip_ops": ["Mul", "Div"]})",
                           R"({"specified_op_dtype": {"second": "float32", "third": "float32"}})",
                           R"({"skip_ops": ["Mul", "Div"], "specified_op_dtype": {"first": "float16"}})"}) {
    INFO(json);
    const graph::Graph graph = converted(json);
    CHECK(graph.value(graph.inputs[0]).type.dtype == DType::float16);
    CHECK(graph.value(graph.outputs[0]).type.dtype == DType::float16);
    CHECK(type_of(graph, "second") == DType::float32);
    CHECK(run_half(graph, 2) == Approx(2.002).epsilon(1e-3));
  }
  const graph::Graph mixed =
      converted(R"({"skip_ops": ["Mul", "Div"], "specified_op_dtype": {"first": "float16"}})");
  CHECK(type_of(mixed, "first") == DType::float16);
  // No cast to float16 and back between neighbours that both stay.
  CHECK(test::count_op(converted(R"({"skip_ops": ["Mul", "Div"]})"), "Cast") == 2);
}

TEST_CASE("pass configuration: inputs that keep their type", "[passes]") {
  const graph::Graph graph = converted(R"({"skip_input_name": ["x"]})");
  CHECK(graph.value(graph.inputs[0]).type.dtype == DType::float32);
  CHECK(graph.value(graph.outputs[0]).type.dtype == DType::float16);
  // Operators that stay in float32 read it as it is.
  const graph::Graph kept = converted(R"({"skip_input_name": ["x"], "skip_ops": ["Mul", "Div"]})");
  CHECK(test::count_op(kept, "Cast") == 1);
  const auto unknown = error_of([] { converted(R"({"skip_input_name": ["z"]})"); }, ErrorCode::not_found);
  CHECK(has(unknown, "'x'"));
}

TEST_CASE("pass configuration: need_convert", "[passes]") {
  CHECK(converted(R"({"need_convert": true})", DType::undefined).values[0].type.dtype == DType::float16);
  error_of([] { converted(R"({"need_convert": true})", DType::float32); }, ErrorCode::invalid_argument);
  error_of([] { converted(R"({"need_convert": false})"); }, ErrorCode::invalid_argument);
  const graph::Graph as_is = converted(R"({"need_convert": false})", DType::undefined);
  CHECK(as_is.value(as_is.inputs[0]).type.dtype == DType::float32);
}

TEST_CASE("pass configuration: counting stays in float32 unless everything is converted", "[passes]") {
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{3000}});
  model.constant("axis", Tensor::scalar<int64_t>(1));
  model.node("CumSum", {"x", "axis"}, {"y"}, {}, "count").output("y", DType::float32);
  for (const bool all : {false, true}) {
    graph::Graph graph = test::import_graph(model);
    passes::Settings settings;
    settings.dtype = DType::float16;
    settings.config.convert_all = all;
    passes::run_pipeline(graph, settings);
    CHECK(type_of(graph, "count") == (all ? DType::float16 : DType::float32));
  }
}

TEST_CASE("pass configuration: sums of 8-bit integers are scaled in float32", "[passes]") {
  // The middle sum is 4000 * 255 * 100, far beyond float16, and the result 102.
  ModelGraph model;
  model.input("x", DType::float32, {std::string("n"), int64_t{4000}});
  Tensor weights(DType::uint8, {4000, 1});
  std::ranges::fill(weights.data<uint8_t>(), uint8_t{100});
  model.constant("w", weights)
      .constant("w_scale", Tensor::scalar(0.000255F))
      .constant("bias", Tensor::scalar(1.0F));
  model.node("DynamicQuantizeLinear", {"x"}, {"q", "scale", "zero"}, {}, "quantize");
  model.node("MatMulInteger", {"q", "w", "zero"}, {"sums"}, {}, "product");
  model.node("Cast", {"sums"}, {"floats"}, {{"to", int64_t{1}}}, "cast");
  model.node("Mul", {"scale", "w_scale"}, {"both"}, {}, "scales")
      .node("Mul", {"floats", "both"}, {"s"}, {}, "scaled");
  model.node("Add", {"s", "bias"}, {"y"}, {}, "add").output("y", DType::float32);
  graph::Graph graph = test::import_graph(model);
  passes::Settings settings;
  settings.dtype = DType::float16;
  passes::run_pipeline(graph, settings);
  Tensor x(DType::float16, {1, 4000});
  std::ranges::fill(x.data<Half>(), Half(1.0F));
  const Tensor y = test::interpret_one(graph, {x});
  REQUIRE(y.dtype() == DType::float16);
  CHECK(static_cast<float>(y.data<Half>()[0]) == Approx(103).epsilon(1e-3));
}
