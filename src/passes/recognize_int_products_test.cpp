#include <catch2/catch.hpp>

#include "cpu/kernel_harness.hpp"
#include "passes/test_passes.hpp"

using namespace spinel;
using test::ModelGraph;

namespace {

Tensor bytes(DType dtype, const Dims& dims, uint32_t seed) {
  const int lowest = dtype == DType::int8 ? -128 : 0;
  return ops::testing::noise(dims, seed, lowest, lowest + 256, dtype);
}

/// As quantize_dynamic writes it: x [n, 9, 40] quantised once for two products, of scales by column with a
/// bias and a Relu, and of asymmetric weights with a sum behind it.
ModelGraph dynamic_model() {
  ModelGraph g("dynamic");
  g.input("x", DType::float32, {std::string("n"), 9, 40});
  g.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"});
  g.constant("w", bytes(DType::int8, {40, 70}, 1))
      .constant("ws", ops::testing::noise({70}, 2, 0.01, 0.02, DType::float32))
      .constant("wz", Tensor(DType::int8, {70}))
      .constant("b", ops::testing::noise({70}, 3, -9, 9, DType::float32));
  g.node("MatMulInteger", {"q", "w", "z", "wz"}, {"i"})
      .node("Cast", {"i"}, {"f"}, {{"to", int64_t{1}}})
      .node("Mul", {"s", "ws"}, {"scale"})
      .node("Mul", {"f", "scale"}, {"y"})
      .node("Add", {"b", "y"}, {"biased"})
      .node("Relu", {"biased"}, {"first"});
  g.constant("v", bytes(DType::uint8, {40, 40}, 4))
      .constant("vs", Tensor::scalar(0.015F))
      .constant("vz", Tensor::scalar(uint8_t{117}));
  g.node("MatMulInteger", {"q", "v", "z", "vz"}, {"j"})
      .node("Cast", {"j"}, {"h"}, {{"to", int64_t{1}}})
      .node("Mul", {"vs", "s"}, {"other"})
      .node("Mul", {"other", "h"}, {"p"})
      .node("Add", {"p", "x"}, {"second"});
  g.output("first", DType::float32).output("second", DType::float32);
  return g;
}

std::vector<graph::RuntimeValue> run(const graph::Graph& graph, const Tensor& x) {
  return graph::interpret(graph, {graph::RuntimeValue(x)}, {}, {});
}

graph::Graph lowered(const ModelGraph& model, const cpu::Isa& isa) {
  graph::Graph graph = test::import_graph(model);
  passes::Settings settings;
  settings.isa = &isa;
  passes::run_pipeline(graph, settings);
  return graph;
}

}  // namespace

TEST_CASE("products of quantize_dynamic become linear layers of the same bits", "[int_products]") {
  const ModelGraph model = dynamic_model();
  const graph::Graph plain = test::import_graph(model);
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    const graph::Graph tuned = lowered(model, isa);
    CHECK(tuned.nodes.size() == 3);
    CHECK(test::count_op(tuned, "QuantLinear") == 2);
    CHECK(test::count_op(tuned, "DynamicQuantizeLinear") == 1);
    for (const int64_t n : {1, 5}) {
      const Tensor x = ops::testing::noise({n, 9, 40}, 5, -2, 5, DType::float32);
      const auto expected = run(plain, x);
      const auto actual = run(tuned, x);
      CHECK(ops::testing::same_bits(actual[0].tensor(), expected[0].tensor()));
      CHECK(ops::testing::same_bits(actual[1].tensor(), expected[1].tensor()));
    }
  });
}

TEST_CASE("DynamicQuantizeMatMul of one operand quantises it once", "[int_products]") {
  ModelGraph g("fused");
  g.input("x", DType::float32, {std::string("n"), 33});
  g.constant("w", bytes(DType::int8, {33, 20}, 1)).constant("ws", Tensor::scalar(0.02F));
  g.constant("v", bytes(DType::uint8, {33, 20}, 2))
      .constant("vz", Tensor::scalar(uint8_t{3}))
      .constant("b", ops::testing::noise({20}, 3, -9, 9, DType::float32));
  g.node("DynamicQuantizeMatMul", {"x", "w", "ws"}, {"a"}, {}, "", "com.microsoft");
  g.node("DynamicQuantizeMatMul", {"x", "v", "ws", "vz", "b"}, {"c"}, {}, "", "com.microsoft");
  g.output("a", DType::float32).output("c", DType::float32);
  const graph::Graph plain = test::import_graph(g);
  const graph::Graph tuned = lowered(g, cpu::best_isa());
  CHECK(test::count_op(tuned, "QuantLinear") == 2);
  CHECK(test::count_op(tuned, "DynamicQuantizeLinear") == 1);
  const Tensor x = ops::testing::noise({6, 33}, 5, -2, 5, DType::float32);
  const auto expected = run(plain, x);
  const auto actual = run(tuned, x);
  CHECK(ops::testing::same_bits(actual[0].tensor(), expected[0].tensor()));
  CHECK(ops::testing::same_bits(actual[1].tensor(), expected[1].tensor()));
}

TEST_CASE("sums of integer products that others read stay", "[int_products]") {
  ModelGraph g("read");
  g.input("q", DType::uint8, {2, 4}).input("s", DType::float32, {});
  g.constant("w", bytes(DType::int8, {4, 3}, 1));
  g.node("MatMulInteger", {"q", "w"}, {"i"})
      .node("Cast", {"i"}, {"f"}, {{"to", int64_t{1}}})
      .node("Mul", {"f", "s"}, {"y"});
  g.output("y", DType::float32).output("i", DType::int32);
  graph::Graph graph = test::import_graph(g);
  const PassReport report = test::run_pass(graph, passes::recognize_int_products);
  CHECK(report.changes == 0);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].refused);
}

TEST_CASE("a product of two computed operands keeps its scales", "[int_products]") {
  ModelGraph g("computed");
  g.input("x", DType::float32, {2, 5, 8}).input("k", DType::float32, {2, 8, 6});
  g.node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"})
      .node("DynamicQuantizeLinear", {"k"}, {"r", "t", "u"});
  g.node("MatMulInteger", {"q", "r", "z", "u"}, {"i"})
      .node("Cast", {"i"}, {"f"}, {{"to", int64_t{1}}})
      .node("Mul", {"t", "s"}, {"scale"})
      .node("Mul", {"f", "scale"}, {"y"});
  g.output("y", DType::float32);
  const graph::Graph plain = test::import_graph(g);
  const graph::Graph tuned = lowered(g, cpu::best_isa());
  CHECK(test::count_op(tuned, "MatMulIntegerToFloat") == 1);
  CHECK(tuned.nodes.size() == 3);
  const std::vector<Tensor> inputs{ops::testing::noise({2, 5, 8}, 1, -1, 1, DType::float32),
                                   ops::testing::noise({2, 8, 6}, 2, -1, 1, DType::float32)};
  CHECK(ops::testing::same_bits(test::interpret_one(tuned, inputs), test::interpret_one(plain, inputs)));
}
