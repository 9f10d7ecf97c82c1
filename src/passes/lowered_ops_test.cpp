// Operators that are imported as others or taken apart, on a small scale by hand; tests/full/contrib_ops.py
// has them all against onnxruntime.
#include <catch2/catch.hpp>

#include "base/text.hpp"
#include "passes/test_passes.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

const std::string ms = "com.microsoft";

Tensor floats(Dims dims, std::initializer_list<float> values) {
  return Tensor::from<float>(std::move(dims), values);
}

/// The first output of one node of com.microsoft.
Tensor run_contrib(const std::string& op, const std::vector<Tensor>& inputs,
                   const std::vector<std::pair<std::string, test::ModelAttribute>>& attributes = {},
                   int64_t opset = 17, const std::string& domain = ms) {
  ModelGraph g;
  std::vector<std::string> names;
  for (const Tensor& each : inputs) {
    names.push_back(fmt::format("x{}", names.size()));
    std::vector<test::ModelDim> dims;
    for (const int64_t dim : each.dims()) dims.emplace_back(dim);
    g.input(names.back(), each.dtype(), dims);
  }
  g.node(op, names, {"y"}, attributes, "node", domain).output("y", DType::float32);
  graph::Graph graph = test::import_graph(g, opset);
  const Tensor plain = test::interpret_one(graph, inputs);
  passes::run_pipeline(graph, {});
  CHECK(test::relative_error(test::interpret_one(graph, inputs), plain) < 1e-5);
  CHECK(graph.output_names[0] == "y");
  return plain;
}

void check_near(const Tensor& actual, const Tensor& expected) {
  INFO(describe(actual) << " and " << describe(expected));
  CHECK(test::relative_error(actual, expected) < 1e-5);
}

}  // namespace

TEST_CASE("contrib operators are imported as what they are made of", "[lowered_ops]") {
  const Tensor x = floats({1, 2}, {1, 7});
  check_near(run_contrib("QuickGelu", {x}, {{"alpha", 0.0F}}), floats({1, 2}, {0.5F, 3.5F}));
  check_near(run_contrib("BiasGelu", {x, floats({2}, {-1, 93})}), floats({1, 2}, {0, 100}));
  check_near(run_contrib("FastGelu", {floats({1, 2}, {0, 100})}), floats({1, 2}, {0, 100}));
  check_near(run_contrib("BiasSplitGelu", {floats({1, 4}, {2, 3, 0, 40}), floats({4}, {0, 0, 0, 60})}),
             floats({1, 2}, {0, 300}));
  // 1 + 1 and 7 - 1: mean 4, deviation 2.
  const Tensor skip = floats({1, 2}, {1, -1});
  check_near(run_contrib("SkipLayerNormalization", {x, skip, floats({2}, {1, 3}), floats({2}, {0, 10})},
                         {{"epsilon", 0.0F}}),
             floats({1, 2}, {-1, 13}));
  const float r = std::sqrt(12.5F);
  check_near(
      run_contrib("SkipSimplifiedLayerNormalization",
                  {floats({1, 2}, {1, 2}), floats({1, 2}, {2, 2}), floats({2}, {1, 2})}, {{"epsilon", 0.0F}}),
      floats({1, 2}, {3 / r, 8 / r}));
  check_near(run_contrib("SimplifiedLayerNormalization", {floats({1, 2}, {3, 4}), floats({2}, {1, 2})},
                         {{"epsilon", 0.0F}}, 17, ""),
             floats({1, 2}, {3 / r, 8 / r}));
  check_near(run_contrib("FusedGemm", {x, floats({2, 1}, {1, -1})},
                         {{"activation", std::string("LeakyRelu")}, {"activation_alpha", 0.5F}}),
             floats({1, 1}, {-3}));
  check_near(run_contrib("FusedConv",
                         {floats({1, 1, 1, 2}, {1, 2}), floats({1, 1, 1, 1}, {3}), floats({1}, {1}),
                          floats({1, 1, 1, 2}, {-9, 0})},
                         {{"activation", std::string("Relu")}}),
             floats({1, 1, 1, 2}, {0, 7}));
}

TEST_CASE("contrib operators in forms that are not supported are named", "[lowered_ops]") {
  try {
    run_contrib("FusedGemm", {floats({1, 1}, {1}), floats({1, 1}, {1})},
                {{"activation", std::string("Nope")}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::unsupported);
    CHECK(std::string(error.what()).find("com.microsoft::FusedGemm (the fused activation 'Nope'") !=
          std::string::npos);
  }
  try {
    run_contrib("QuickGelu", {floats({1}, {1})}, {{"beta", 1.0F}});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_model);
    CHECK(std::string(error.what()).find("'beta'") != std::string::npos);
  }
}

TEST_CASE("FusedMatMul is taken apart", "[lowered_ops]") {
  const Tensor a = test::random_floats({4, 2, 3, 5}, 1);
  const Tensor b = test::random_floats({6, 2, 3, 5}, 2);
  // [2, 3, 4, 5] times [2, 3, 5, 6]; element by element.
  const Tensor y = run_contrib(
      "FusedMatMul", {a, b},
      {{"transBatchA", int64_t{1}}, {"transBatchB", int64_t{1}}, {"transB", int64_t{1}}, {"alpha", 2.0F}});
  REQUIRE(y.dims() == Dims{2, 3, 4, 6});
  double sum = 0;
  for (int64_t i = 0; i < 5; ++i)
    sum += 2.0 * static_cast<double>(a.data<float>()[static_cast<size_t>(((3 * 2 + 1) * 3 + 2) * 5 + i)]) *
           static_cast<double>(b.data<float>()[static_cast<size_t>(((5 * 2 + 1) * 3 + 2) * 5 + i)]);
  CHECK(std::abs(static_cast<double>(y.data<float>()[((1 * 3 + 2) * 4 + 3) * 6 + 5]) - sum) < 1e-5);
}

TEST_CASE("Attention as one node becomes the tuned one", "[lowered_ops]") {
  using test::ModelDim;
  const auto b = ModelDim(std::string("batch"));
  const auto rows = ModelDim(std::string("rows"));
  const auto past = ModelDim(std::string("past"));
  // Heads that share keys are repeated first, and then run as products and a softmax.
  for (const int64_t kv_heads : {4, 2}) {
    ModelGraph g;
    g.input("q", DType::float32, {b, rows, int64_t{32}}).input("k", DType::float32, {b, rows, kv_heads * 8});
    g.input("v", DType::float32, {b, rows, kv_heads * 6});
    g.input("past_k", DType::float32, {b, kv_heads, past, int64_t{8}});
    g.input("past_v", DType::float32, {b, kv_heads, past, int64_t{6}});
    g.node("Attention", {"q", "k", "v", "", "past_k", "past_v"}, {"y", "present_k", "present_v"},
           {{"q_num_heads", int64_t{4}}, {"kv_num_heads", kv_heads}, {"is_causal", int64_t{1}}});
    g.output("y", DType::float32).output("present_k", DType::float32);
    const std::vector<Tensor> inputs{
        test::random_floats({3, 5, 32}, 1), test::random_floats({3, 5, kv_heads * 8}, 2),
        test::random_floats({3, 5, kv_heads * 6}, 3), test::random_floats({3, kv_heads, 4, 8}, 4),
        test::random_floats({3, kv_heads, 4, 6}, 5)};
    const graph::Graph before = test::import_graph(g, 24);
    graph::Graph after = test::import_graph(g, 24);
    passes::run_pipeline(after, {});
    CHECK(test::count_op(after, "Attention") == (kv_heads == 4 ? 1 : 0));
    CHECK(test::count_op(after, "Softmax") == (kv_heads == 4 ? 0 : 1));
    for (const graph::Node& node : after.nodes)
      for (const char* heavy : {"Attention", "MatMul", "Softmax"})
        if (node.op->name() == heavy) CHECK(node.op->kernel() != "reference");
    CHECK(test::relative_error(test::interpret_one(after, inputs), test::interpret_one(before, inputs)) <
          1e-5);
  }

  ModelGraph capped;
  capped.input("q", DType::float32, {b, int64_t{2}, rows, int64_t{8}});
  capped.node("Attention", {"q", "q", "q"}, {"y"}, {{"softcap", 2.0F}}).output("y", DType::float32);
  graph::Graph kept = test::import_graph(capped, 24);
  const PassReport report = test::run_pass(kept, passes::expand_operators);
  CHECK(report.changes == 0);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].refused);
}
