#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "passes/test_passes.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

using List = std::vector<int64_t>;

Tensor bytes(DType dtype, Dims dims, uint32_t seed) {
  Tensor out = Tensor::uninitialized(dtype, std::move(dims));
  auto* to = static_cast<uint8_t*>(out.raw());
  for (size_t i = 0; i < out.size_bytes(); ++i)
    to[i] = static_cast<uint8_t>((seed = seed * 1664525u + 1013904223u) >> 24);
  return out;
}

/// x [n, 3, 8, 8] in uint8, dequantised as "a"; weights of one scale a channel as "w", and a bias of the
/// right scale as "b"; `write` makes "f", which is quantised as y.
struct Model {
  ModelGraph graph;

  explicit Model(const std::function<void(ModelGraph&)>& write, DType y_type = DType::uint8,
                 float y_scale = 200, int y_zero = 0) {
    ModelGraph& g = graph;
    g.input("x", DType::uint8, {std::string("n"), int64_t{3}, int64_t{8}, int64_t{8}});
    g.constant("half", Tensor::scalar(0.5F)).constant("hundred", Tensor::scalar(uint8_t{100}));
    g.constant("w8", bytes(DType::int8, {4, 3, 3, 3}, 1));
    g.constant("w_scale", Tensor::from<float>({4}, {1, 2, 3, 4}))
        .constant("w_zero", Tensor(DType::int8, {4}));
    g.constant("b32", Tensor::from<int32_t>({4}, {100, -2000, 30, 4}));
    g.constant("b_scale", Tensor::from<float>({4}, {0.5F, 1, 1.5F, 2}));
    g.constant("y_scale", Tensor::scalar(y_scale))
        .constant("y_zero", convert(Tensor::scalar(int64_t{y_zero}), y_type));
    g.node("DequantizeLinear", {"x", "half", "hundred"}, {"a"});
    g.node("DequantizeLinear", {"w8", "w_scale", "w_zero"}, {"w"}, {{"axis", int64_t{0}}});
    g.node("DequantizeLinear", {"b32", "b_scale"}, {"b"}, {{"axis", int64_t{0}}});
    write(g);
    g.node("QuantizeLinear", {"f", "y_scale", "y_zero"}, {"y"});
    g.output("y", y_type);
  }
};

struct Outcome {
  graph::Graph graph;
  PassReport report;
};

Outcome run(const Model& model) {
  Outcome out{test::import_graph(model.graph), {}};
  passes::Settings settings;
  settings.report = &out.report;
  out.report.changes = passes::recognize_quantized(out.graph, settings);
  graph::verify(out.graph, "the pass");
  graph::infer(out.graph);
  return out;
}

/// One node is left, and its result is that of the floats but for ties.
void check(const char* op, const std::function<void(ModelGraph&)>& write, DType y_type = DType::uint8,
           float y_scale = 200, int y_zero = 0) {
  const Model model(write, y_type, y_scale, y_zero);
  const Outcome out = run(model);
  INFO(op);
  CHECK(out.graph.nodes.size() == 1);
  CHECK(test::count_op(out.graph, op) == 1);
  const Tensor x = bytes(DType::uint8, {2, 3, 8, 8}, 9);
  const Tensor got = convert(test::interpret_one(out.graph, {x}), DType::int64);
  const Tensor wanted = convert(test::interpret_one(test::import_graph(model.graph), {x}), DType::int64);
  REQUIRE(got.dims() == wanted.dims());
  int64_t different = 0;
  std::set<int64_t> seen;
  for (size_t i = 0; i < got.data<int64_t>().size(); ++i) {
    const int64_t off = std::abs(got.data<int64_t>()[i] - wanted.data<int64_t>()[i]);
    CHECK(off <= 1);
    different += off;
    seen.insert(got.data<int64_t>()[i]);
  }
  CHECK(different * 100 <= got.element_count());
  CHECK(seen.size() > 4);
}

void check_left_alone(const std::function<void(ModelGraph&)>& write, const char* op) {
  CHECK(test::count_op(run(Model(write)).graph, op) == 1);
}

}  // namespace

TEST_CASE("recognize_quantized: products", "[passes]") {
  const auto conv = [](ModelGraph& g) {
    g.node("Conv", {"a", "w", "b"}, {"f"}, {{"pads", List{1, 1, 1, 1}}});
  };
  check("QLinearConv", conv);
  check("QLinearConv", conv, DType::int8, 150, -7);
  check("QLinearConv", [](ModelGraph& g) {
    g.node("Conv", {"a", "w", "b"}, {"c"}).node("Relu", {"c"}, {"f"});
  });
  check(
      "QLinearMatMul",
      [](ModelGraph& g) {
        g.constant("m8", bytes(DType::int8, {8, 5}, 3)).constant("m_scale", Tensor::scalar(0.25F));
        g.node("DequantizeLinear", {"m8", "m_scale"}, {"m"}).node("MatMul", {"a", "m"}, {"f"});
      },
      DType::uint8, 20, 128);
}

TEST_CASE("recognize_quantized: Gemm", "[passes]") {
  ModelGraph g;
  g.input("x", DType::uint8, {std::string("n"), int64_t{6}});
  g.constant("half", Tensor::scalar(0.5F)).constant("zero", Tensor::scalar(uint8_t{120}));
  g.constant("w8", bytes(DType::int8, {4, 6}, 1)).constant("w_scale", Tensor::from<float>({4}, {1, 2, 3, 4}));
  g.constant("b32", Tensor::from<int32_t>({4}, {100, -2000, 30, 4}));
  g.constant("b_scale", Tensor::from<float>({4}, {0.5F, 1, 1.5F, 2}))
      .constant("y_scale", Tensor::scalar(300.0F));
  g.node("DequantizeLinear", {"x", "half", "zero"}, {"a"});
  g.node("DequantizeLinear", {"w8", "w_scale"}, {"w"}, {{"axis", int64_t{0}}});
  g.node("DequantizeLinear", {"b32", "b_scale"}, {"b"}, {{"axis", int64_t{0}}});
  g.node("Gemm", {"a", "w", "b"}, {"f"}, {{"transB", int64_t{1}}});
  g.node("QuantizeLinear", {"f", "y_scale", "zero"}, {"y"}).output("y", DType::uint8);
  graph::Graph after = test::import_graph(g);
  CHECK(passes::recognize_quantized(after, {}) == 1);
  graph::infer(after);
  CHECK(test::count_op(after, "QGemm") == 1);
  const Tensor x = bytes(DType::uint8, {5, 6}, 9);
  const Tensor got = test::interpret_one(after, {x});
  const Tensor wanted = test::interpret_one(test::import_graph(g), {x});
  CHECK(std::ranges::equal(got.data<uint8_t>(), wanted.data<uint8_t>()));
}

TEST_CASE("recognize_quantized: elementwise, pools and moves", "[passes]") {
  const auto both = [](const char* op) {
    return [op](ModelGraph& g) {
      g.node("DequantizeLinear", {"x", "half"}, {"a2"}).node(op, {"a", "a2"}, {"f"});
    };
  };
  check("QLinearAdd", both("Add"), DType::uint8, 0.731F, 90);
  check("QLinearMul", both("Mul"), DType::uint8, 31.3F, 90);
  check(
      "QLinearConcat",
      [](ModelGraph& g) {
        g.node("DequantizeLinear", {"x", "half"}, {"a2"})
            .node("Concat", {"a", "a2"}, {"f"}, {{"axis", int64_t{1}}});
      },
      DType::uint8, 0.731F, 90);
  check(
      "QLinearGlobalAveragePool", [](ModelGraph& g) { g.node("GlobalAveragePool", {"a"}, {"f"}); },
      DType::uint8, 0.1F, 90);
  check(
      "QLinearAveragePool",
      [](ModelGraph& g) {
        g.node("AveragePool", {"a"}, {"f"}, {{"kernel_shape", List{2, 2}}});
      },
      DType::uint8, 0.6F, 90);
  check(
      "QLinearSigmoid", [](ModelGraph& g) { g.node("Sigmoid", {"a"}, {"f"}); }, DType::uint8, 1.0F / 256, 0);
  check(
      "MaxPool",
      [](ModelGraph& g) {
        g.node("MaxPool", {"a"}, {"f"}, {{"kernel_shape", List{2, 2}}});
      },
      DType::uint8, 0.5F, 100);
  check(
      "Transpose", [](ModelGraph& g) { g.node("Transpose", {"a"}, {"f"}); }, DType::uint8, 0.5F, 100);
}

TEST_CASE("recognize_quantized leaves alone what would become something else", "[passes]") {
  // Another scale behind a move, a Relu that cuts off numbers that the type has, a bias of another scale, a
  // float bias.
  check_left_alone([](ModelGraph& g) { g.node("Transpose", {"a"}, {"f"}); }, "Transpose");
  const Model relu(
      [](ModelGraph& g) {
        g.node("Conv", {"a", "w", "b"}, {"c"}).node("Relu", {"c"}, {"f"});
      },
      DType::uint8, 200, 3);
  CHECK(test::count_op(run(relu).graph, "Conv") == 1);
  check_left_alone(
      [](ModelGraph& g) {
        g.node("DequantizeLinear", {"b32", "half"}, {"b2"}).node("Conv", {"a", "w", "b2"}, {"f"});
      },
      "Conv");
  check_left_alone(
      [](ModelGraph& g) {
        g.constant("bf", Tensor(DType::float32, {4})).node("Conv", {"a", "w", "bf"}, {"f"});
      },
      "Conv");
  // The sums are read elsewhere, too.
  Model twice([](ModelGraph& g) { g.node("Conv", {"a", "w", "b"}, {"f"}); });
  twice.graph.output("f", DType::float32);
  CHECK(test::count_op(run(twice).graph, "Conv") == 1);
}
