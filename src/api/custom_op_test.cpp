// Operators of the host: in every place of a model, with every kind of fault.
#include <catch2/catch.hpp>

#include <atomic>
#include <cstring>
#include <filesystem>

#include <unistd.h>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using Catch::Matchers::Contains;
using test::ModelGraph;
using test::random_floats;

namespace {

/// sum = x + alpha * y and difference = x - alpha * y, whose second output may be left out.
CustomOp add_op(std::shared_ptr<std::atomic<int>> created = nullptr) {
  struct Add final : CustomKernel {
    explicit Add(float factor) : alpha(factor) {}
    void compute(CustomRun& run) const override {
      const Tensor& x = run.input(0);
      const Tensor& y = run.input(1);
      if (x.dims() != y.dims())
        throw Error(ErrorCode::bad_data,
                    "x and y differ: " + dims_text(x.dims()) + " and " + dims_text(y.dims()));
      for (size_t k = 0; k < run.output_count(); ++k) {
        if (!run.wants_output(k)) continue;
        const float factor = k == 0 ? alpha : -alpha;
        auto out = run.output(k, x.dims()).data<float>();
        run.parallel_for(x.rank() == 0 ? 1 : x.dim(0), [&](int64_t row) {
          const size_t width = x.rank() == 0 ? 1 : out.size() / static_cast<size_t>(x.dim(0));
          for (size_t i = static_cast<size_t>(row) * width; i < (static_cast<size_t>(row) + 1) * width; ++i)
            out[i] = x.data<float>()[i] + factor * y.data<float>()[i];
        });
      }
    }
    float alpha;
  };
  CustomOp op;
  op.domain = "custom";
  op.name = "Add";
  op.inputs = {{"x", {DType::float32}}, {"y", {DType::float32}}};
  op.outputs = {{"sum"}, {"difference", DType::undefined, 0, true}};
  op.attributes = {{"alpha", AttributeType::real}};
  op.rows_independent = true;
  op.shapes = [](CustomShapes& shapes) {
    if (const auto x = shapes.shape(0))
      for (size_t i = 0; i < shapes.output_count(); ++i) shapes.set_output(i, *x);
  };
  op.create = [created](const CustomAttributes& attributes) {
    if (created) ++*created;
    return std::make_shared<const Add>(attributes.get_float("alpha", 1));
  };
  return op;
}

CustomOp simple_op(const std::string& name, std::function<void(CustomRun&)> compute) {
  CustomOp op;
  op.domain = "custom";
  op.name = name;
  op.inputs = {{"x"}};
  op.outputs = {{"y"}};
  op.create = stateless(std::move(compute));
  return op;
}

EngineOptions with(std::vector<CustomOp> ops) {
  EngineOptions options;
  options.custom_ops = std::move(ops);
  return options;
}

InferEngine load(const ModelGraph& graph, const EngineOptions& options) {
  return InferEngine::from_memory(graph.model(17, 8, {"custom"}), options);
}

std::string error_of(ErrorCode code, const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error_code_name(error.code()) == std::string(error_code_name(code)));
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

ModelGraph add_model() {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{3}});
  graph.input("y", DType::float32, {std::string("n"), int64_t{3}});
  graph.node("Add", {"x", "y"}, {"s", "d"}, {{"alpha", 0.5f}}, "the_add", "custom");
  graph.node("Neg", {"s"}, {"out"}).output("out", DType::float32).output("d", DType::float32);
  return graph;
}

ModelGraph one_node(const std::string& op) {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")});
  graph.node(op, {"x"}, {"y"}, {}, "the_node", "custom").output("y", DType::float32);
  return graph;
}

}  // namespace

TEST_CASE("custom: two outputs, split over SPAs, dims known before running", "[custom]") {
  EngineOptions options = with({add_op()});
  options.spas = 3;
  const InferEngine engine = load(add_model(), options);
  CHECK(engine.batch_report().splittable);
  CHECK(describe(engine.outputs()[1]) == "float32[n, 3]");
  CHECK(engine.output_dims(std::vector<Dims>{{7, 3}, {7, 3}})[1] == Dims{7, 3});
  const Tensor x = random_floats({7, 3}, 1);
  const Tensor y = random_floats({7, 3}, 2);
  const auto out = engine.run({x, y});
  for (size_t i = 0; i < 21; ++i) {
    CHECK(out[0].data<float>()[i] == -(x.data<float>()[i] + 0.5f * y.data<float>()[i]));
    CHECK(out[1].data<float>()[i] == x.data<float>()[i] - 0.5f * y.data<float>()[i]);
  }
  options.custom_ops[0].rows_independent = false;
  const BatchReport report = load(add_model(), options).batch_report();
  CHECK_FALSE(report.splittable);
  CHECK(report.blocking_node == "the_add");

  // Rows of one input alone are no rows of an elementwise operator, unless the other is declared to be taken
  // whole.
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")}).input("y", DType::float32, {std::string("m")});
  graph.node("Add", {"x", "y"}, {"s"}, {}, "the_add", "custom").output("s", DType::float32);
  CHECK_THAT(load(graph, with({add_op()})).batch_report().reason, Contains("('y')"));
  options = with({add_op()});
  options.custom_ops[0].inputs[1].whole = true;
  CHECK(load(graph, options).batch_report().splittable);
  CHECK_THAT(load(add_model(), options).batch_report().reason, Contains("taken whole"));
}

TEST_CASE("custom: an optional output is left out, an optional input too", "[custom]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}});
  graph.node("Add", {"x", "x"}, {"y"}, {}, "", "custom");
  graph.node("Fill", {"", "y"}, {"z"}, {}, "", "custom").output("z", DType::float32);
  CustomOp fill = simple_op("Fill", [](CustomRun& run) {
    CHECK_FALSE(run.has_input(0));
    CHECK_THROWS_AS(run.input(0), Error);
    CHECK(run.input_count() == 2);
    auto from = run.input(1).data<float>();
    auto to = run.output(0, {2}).data<float>();
    std::copy(from.begin(), from.end(), to.begin());
  });
  fill.inputs = {{"maybe", {}, true}, {"x"}, {"more", {}, true}};
  fill.outputs[0].same_as = 1;
  const InferEngine engine = load(graph, with({add_op(), fill}));
  CHECK(engine.run({Tensor::from<float>({2}, {1, 2})})[0].data<float>()[1] == 4);
  fill.outputs[0].same_as = 0;
  CHECK_THAT(error_of(ErrorCode::bad_model,
                      [&] {
                        load(graph, with({add_op(), fill}));
                      }),
             Contains("custom::Fill") && Contains("type of output 0"));
  fill.inputs[0].optional = false;
  CHECK_THAT(error_of(ErrorCode::bad_model,
                      [&] {
                        load(graph, with({add_op(), fill}));
                      }),
             Contains("'maybe'") && Contains("missing"));
}

TEST_CASE("custom: what a node gives must be what the operator declares", "[custom]") {
  const auto message = [](const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
                          const std::vector<std::pair<std::string, test::ModelAttribute>>& attributes,
                          ErrorCode code, bool required = false) {
    ModelGraph graph;
    graph.input("x", DType::float32, {int64_t{2}}).input("i", DType::int64, {int64_t{2}});
    graph.node("Add", inputs, outputs, attributes, "n", "custom").output(outputs[0], DType::float32);
    CustomOp op = add_op();
    op.attributes[0].required = required;
    return error_of(code, [&] { load(graph, with({op})); });
  };
  const ErrorCode bad = ErrorCode::bad_model;
  CHECK_THAT(message({"x"}, {"s"}, {}, bad), Contains("takes 2 inputs, the node gives 1"));
  CHECK_THAT(message({"x", "x", "x"}, {"s"}, {}, bad), Contains("gives 3"));
  CHECK_THAT(message({"x", "x"}, {"s", "d", "e"}, {}, bad), Contains("1 to 2 outputs, the node names 3"));
  CHECK_THAT(message({"x", "x"}, {"s"}, {{"beta", 1.0f}}, bad), Contains("no attribute 'beta'"));
  CHECK_THAT(message({"x", "x"}, {"s"}, {{"alpha", int64_t{1}}}, bad), Contains("'alpha' is not a float"));
  CHECK_THAT(message({"x", "x"}, {"s"}, {}, bad, true), Contains("'alpha' is missing"));
  CHECK_THAT(message({"x", "i"}, {"s"}, {}, ErrorCode::unsupported),
             Contains("node 'n'") && Contains("'y') is int64; the operator takes float32"));
}

TEST_CASE("custom: attributes of every type", "[custom]") {
  CustomOp op = simple_op("Attributes", [](CustomRun& run) { run.output(0, run.input(0).dims()); });
  op.attributes = {{"r", AttributeType::real},      {"i", AttributeType::integer},
                   {"s", AttributeType::string},    {"rs", AttributeType::reals},
                   {"is", AttributeType::integers}, {"t", AttributeType::tensor},
                   {"ss", AttributeType::strings}};
  bool seen = false;
  op.create = [&, inner = op.create](const CustomAttributes& a) {
    seen = true;
    CHECK(a.get_float("r") == 2.5f);
    CHECK(a.get_int("i") == 7);
    CHECK(a.get_string("s") == "text");
    CHECK(a.get_floats("rs") == std::vector<float>{1, 2});
    CHECK(a.get_ints("is") == std::vector<int64_t>{3, 4});
    CHECK(a.get_tensor("t").data<float>()[1] == 6);
    CHECK_FALSE(a.has("ss"));
    CHECK(a.get_strings("ss", {"fallback"}) == std::vector<std::string>{"fallback"});
    CHECK_THROWS_AS(a.get_int("r"), Error);
    CHECK_THROWS_AS(a.get_int("undeclared"), Error);
    return inner(a);
  };
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{1}});
  graph.node("Attributes", {"x"}, {"y"},
             {{"r", 2.5f},
              {"i", int64_t{7}},
              {"s", std::string("text")},
              {"rs", std::vector<float>{1, 2}},
              {"is", std::vector<int64_t>{3, 4}},
              {"t", Tensor::from<float>({2}, {5, 6})}},
             "", "custom");
  graph.output("y", DType::float32);
  load(graph, with({op}));
  CHECK(seen);
}

TEST_CASE("custom: an error while running names node, operator, dims and what the kernel says", "[custom]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("a")}).input("y", DType::float32, {std::string("b")});
  graph.node("Add", {"x", "y"}, {"s"}, {}, "the_add", "custom").output("s", DType::float32);
  const InferEngine engine = load(graph, with({add_op()}));
  const auto run_both = [&] { engine.run({random_floats({2}, 1), random_floats({3}, 1)}); };
  CHECK_THAT(error_of(ErrorCode::bad_data, run_both),
             Contains("node 'the_add' (custom::Add): x and y differ: [2] and [3]") &&
                 Contains("float32[2], float32[3]"));
  CHECK(engine.run({random_floats({2}, 1), random_floats({2}, 1)}).size() == 1);

  const auto message = [](ErrorCode code, std::function<void(CustomRun&)> compute, bool dims_known = true) {
    CustomOp op = simple_op("Faulty", std::move(compute));
    if (dims_known) op.shapes = [](CustomShapes& shapes) { shapes.set_output(0, *shapes.shape(0)); };
    const InferEngine faulty = load(one_node("Faulty"), with({op}));
    return error_of(code, [&] { faulty.run({random_floats({2}, 1)}); });
  };
  const ErrorCode wrong = ErrorCode::invalid_argument;
  CHECK_THAT(message(ErrorCode::internal, [](CustomRun&) { throw std::runtime_error("what I know"); }),
             Contains("custom operator custom::Faulty threw: what I know") && Contains("the_node"));
  CHECK_THAT(message(ErrorCode::internal, [](CustomRun&) { throw 42; }), Contains("custom::Faulty"));
  CHECK_THAT(message(wrong, [](CustomRun&) {}), Contains("not made output 0"));
  CHECK_THAT(message(wrong, [](CustomRun& run) { run.output(0, {3}); }),
             Contains("[3], its shape rule said [2]"));
  CHECK_THAT(message(wrong, [](CustomRun& run) { run.output(1, {2}); }), Contains("output 1"));
  CHECK_THAT(message(
                 wrong, [](CustomRun& run) { run.output(0, {-1}); }, false),
             Contains("[-1]"));
}

TEST_CASE("custom: float16 models keep an operator in float32 unless it declares float16", "[custom]") {
  for (const bool declares : {false, true}) {
    std::atomic<int> seen{0};
    CustomOp op = simple_op("Twice", [&](CustomRun& run) {
      seen = static_cast<int>(run.input(0).dtype());
      const Tensor twice = convert(run.input(0), DType::float32);
      Tensor result(DType::float32, twice.dims());
      for (int64_t i = 0; i < twice.element_count(); ++i)
        result.data<float>()[static_cast<size_t>(i)] = 2 * twice.data<float>()[static_cast<size_t>(i)];
      Tensor& y = run.output(0, twice.dims());
      copy_elements(convert(result, y.dtype()), y);
    });
    op.float16 = declares;
    op.shapes = [](CustomShapes& shapes) { shapes.set_output(0, *shapes.shape(0)); };
    ModelGraph graph;
    graph.input("x", DType::float32, {std::string("n")});
    graph.node("Neg", {"x"}, {"a"}).node("Twice", {"a"}, {"b"}, {}, "", "custom");
    graph.node("Neg", {"b"}, {"y"}).output("y", DType::float32);
    EngineOptions options = with({op});
    options.dtype = DType::float16;
    const InferEngine engine = load(graph, options);
    CHECK(engine.outputs()[0].dtype == DType::float16);
    const Tensor y = engine.run({convert(Tensor::from<float>({2}, {1.5f, -3}), DType::float16)})[0];
    CHECK(convert(y, DType::float32).data<float>()[0] == 3);
    CHECK(convert(y, DType::float32).data<float>()[1] == -6);
    CHECK(static_cast<DType>(seen.load()) == (declares ? DType::float16 : DType::float32));
  }
}

TEST_CASE("custom: outputs whose size only running tells, and symbolic dims", "[custom]") {
  CustomOp positive = simple_op("Positive", [](CustomRun& run) {
    std::vector<float> kept;
    for (float v : run.input(0).data<float>())
      if (v > 0) kept.push_back(v);
    auto out = run.output(0, {static_cast<int64_t>(kept.size())}).data<float>();
    std::copy(kept.begin(), kept.end(), out.begin());
    run.output(1, {}).data<int64_t>()[0] = static_cast<int64_t>(kept.size());
  });
  positive.outputs = {{"y"}, {"count", DType::int64}};
  positive.shapes = [](CustomShapes& shapes) {
    shapes.set_output(0, {SymbolicDim::unknown()});
    shapes.set_output(1, {});
  };
  CustomOp twice = simple_op("Repeat", [](CustomRun& run) {
    auto from = run.input(0).data<float>();
    auto to = run.output(0, {2 * run.input(0).dim(0) + 1}).data<float>();
    for (size_t i = 0; i < to.size(); ++i) to[i] = i < from.size() ? from[i] : -1;
  });
  twice.shapes = [](CustomShapes& shapes) {
    const SymbolicDim n = (*shapes.shape(0))[0];
    CHECK(equal(n + n, 2 * n));
    CHECK_FALSE(equal(n, n + 1));
    CHECK(equal(floor_div(6 * n, 3), n + n));
    shapes.set_output(0, {2 * n + 1});
  };
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")});
  graph.node("Repeat", {"x"}, {"r"}, {}, "", "custom");
  graph.node("Positive", {"r"}, {"p", "count"}, {}, "", "custom");
  graph.node("Neg", {"p"}, {"y"});
  graph.output("y", DType::float32).output("count", DType::int64).output("r", DType::float32);
  const InferEngine engine = load(graph, with({positive, twice}));
  CHECK(describe(engine.outputs()[2]) == "float32[2*n + 1]");
  const auto out = engine.run({Tensor::from<float>({3}, {1, -2, 3})});
  CHECK(out[0].dims() == Dims{2});
  CHECK(out[0].data<float>()[1] == -3);
  CHECK(out[1].data<int64_t>()[0] == 2);
  CHECK(out[2].dims() == Dims{7});
  CHECK(engine.run({Tensor::from<float>({1}, {-1})})[0].dims() == Dims{0});
}

TEST_CASE("custom: an output that nobody reads has its type", "[custom]") {
  CustomOp op = simple_op("Pair", [](CustomRun& run) {
    run.output(0, {1}).data<float>()[0] = 5;
    CHECK_FALSE(run.wants_output(1));
    run.output(1, {3}).data<double>()[2] = 1;
  });
  op.outputs = {{"y"}, {"unused", DType::float32, 0, true}, {"last"}};
  op.shapes = [](CustomShapes& shapes) { shapes.set_output(1, {3}, DType::float64); };
  op.create = stateless([](CustomRun& run) {
    run.output(0, {1}).data<float>()[0] = 5;
    CHECK_FALSE(run.wants_output(1));
    run.output(1, {3}).data<double>()[2] = 1;
    run.output(2, {1}).data<float>()[0] = 6;
  });
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")});
  graph.node("Pair", {"x"}, {"y", "", "z"}, {}, "", "custom")
      .output("y", DType::float32)
      .output("z", DType::float32);
  CHECK(load(graph, with({op})).run({random_floats({4}, 1)})[1].data<float>()[0] == 6);
}

TEST_CASE("custom: inside a subgraph, and folded where everything is constant", "[custom]") {
  ModelGraph body("body");
  body.input("i", DType::int64, {}).input("go", DType::boolean, {}).input("v", DType::float32, {int64_t{2}});
  body.node("Identity", {"go"}, {"go_on"}).node("Add", {"v", "x"}, {"next"}, {}, "inner", "custom");
  body.output("go_on", DType::boolean).output("next", DType::float32);
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}});
  graph.constant("trips", Tensor::scalar(int64_t{3})).constant("c", Tensor::from<float>({2}, {1, 2}));
  graph.node("Add", {"c", "c"}, {"start"}, {}, "folded", "custom");
  graph.node("Loop", {"trips", "", "start"}, {"y"}, {{"body", &body}}).output("y", DType::float32);
  EngineOptions options = with({add_op()});
  const InferEngine engine = load(graph, options);
  CHECK(engine.graph_text().find("folded") == std::string::npos);
  const Tensor y = engine.run({Tensor::from<float>({2}, {10, 20})})[0];
  CHECK(y.data<float>()[0] == 32);
  CHECK(y.data<float>()[1] == 64);
  options.custom_ops[0].deterministic = false;
  CHECK(load(graph, options).graph_text().find("folded") != std::string::npos);
}

TEST_CASE("custom: engine files keep name, version and attributes", "[custom]") {
  const std::string path =
      std::filesystem::temp_directory_path() / ("spinel_custom_" + std::to_string(getpid()) + ".spinel");
  auto created = std::make_shared<std::atomic<int>>(0);
  EngineOptions options = with({add_op(created)});
  options.save_engine = path;
  const InferEngine engine = load(add_model(), options);
  CHECK(*created == 1);
  options.save_engine.clear();
  options.load_engine = path;
  const InferEngine loaded(options);
  CHECK(*created == 2);
  const Tensor x = random_floats({4, 3}, 1);
  const Tensor y = random_floats({4, 3}, 2);
  for (size_t k = 0; k < 2; ++k)
    CHECK(std::memcmp(loaded.run({x, y})[k].raw(), engine.run({x, y})[k].raw(), x.size_bytes()) == 0);
  options.custom_ops.clear();
  CHECK_THAT(error_of(ErrorCode::unsupported, [&] { InferEngine{options}; }),
             Contains("custom::Add") && Contains("the_add") && Contains("--custom-op"));
  std::filesystem::remove(path);
}

TEST_CASE("custom: operators that are not registered are listed, with what to do", "[custom]") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}});
  graph.node("First", {"x"}, {"a"}, {}, "n1", "custom").node("Second", {"a"}, {"y"}, {}, "n2", "custom");
  graph.output("y", DType::float32);
  CHECK_THAT(
      error_of(ErrorCode::unsupported, [&] { load(graph, {}); }),
      Contains("custom::First") && Contains("custom::Second") && Contains("n2") && Contains("--custom-op"));
  CustomOp newer = simple_op("First", [](CustomRun&) {});
  newer.since_version = 2;
  CHECK_THAT(error_of(ErrorCode::unsupported, [&] { load(graph, with({newer})); }),
             Contains("custom::First") && Contains("newer versions"));
}

TEST_CASE("custom: versions, and operators in the place of Spinel's own", "[custom]") {
  const auto constant = [](const std::string& domain, const std::string& name, int since, float value) {
    CustomOp op = simple_op(name, [value](CustomRun& run) { run.output(0, {1}).data<float>()[0] = value; });
    op.domain = domain;
    op.since_version = since;
    return op;
  };
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n")});
  graph.node("Neg", {"x"}, {"y"}).output("y", DType::float32);
  const auto result = [&](std::vector<CustomOp> ops) {
    return load(graph, with(std::move(ops))).run({Tensor::from<float>({1}, {8})})[0].data<float>()[0];
  };
  CHECK(result({constant("", "Neg", 13, 1), constant("ai.onnx", "Neg", 17, 2), constant("", "Neg", 18, 3)}) ==
        2);
  CHECK(result({constant("", "Neg", 18, 3)}) == -8);
  CHECK(result({constant("other", "Neg", 1, 3)}) == -8);
}

TEST_CASE("custom: descriptions that cannot be right are refused", "[custom]") {
  const auto message = [](const std::function<void(CustomOp&)>& change) {
    CustomOp op = add_op();
    change(op);
    return error_of(ErrorCode::invalid_argument, [&] { load(add_model(), with({op})); });
  };
  CHECK_THAT(message([](CustomOp& op) { op.create = nullptr; }),
             Contains("custom::Add") && Contains("create"));
  CHECK_THAT(message([](CustomOp& op) { op.name.clear(); }), Contains("no name"));
  CHECK_THAT(message([](CustomOp& op) { op.domain = "spinel"; }), Contains("'spinel'"));
  CHECK_THAT(message([](CustomOp& op) { op.outputs.clear(); }), Contains("0 outputs"));
  CHECK_THAT(message([](CustomOp& op) { op.outputs[0].same_as = 2; }), Contains("input 2"));
  CHECK_THAT(message([](CustomOp& op) { op.attributes.push_back(op.attributes[0]); }), Contains("'alpha'"));
  CHECK_THAT(message([](CustomOp& op) { op.since_version = 0; }), Contains("since_version"));
  CHECK_THAT(message([](CustomOp& op) { op.create = [](const CustomAttributes&) { return nullptr; }; }),
             Contains("no kernel"));
  CHECK_THAT(
      message([](CustomOp& op) { op.shapes = [](CustomShapes& shapes) { shapes.set_output(0, {-2}); }; }),
      Contains("the_add") && Contains("-2"));
  CHECK_THAT(error_of(ErrorCode::invalid_argument,
                      [] {
                        load(add_model(), with({add_op(), add_op()}));
                      }),
             Contains("twice"));
  EngineOptions options = with({add_op()});
  options.target = "onnx";
  CHECK_THAT(error_of(ErrorCode::unsupported, [&] { load(add_model(), options); }),
             Contains("custom::Add") && Contains("'onnx'"));
}
