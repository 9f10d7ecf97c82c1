#include "cpu/quant_matmul.hpp"

#include "cpu/kernel_harness.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

namespace {

/// Bytes of which many are the extremes of their type.
Tensor bytes(const Dims& dims, DType dtype, uint32_t seed) {
  const int lowest = dtype == DType::int8 ? -128 : 0;
  Tensor out = noise(dims, seed, lowest, lowest + 256, dtype);
  auto* each = static_cast<uint8_t*>(out.raw());
  for (int64_t i = 0; i < out.element_count(); i += 3) each[i] = static_cast<uint8_t>(lowest + (i % 2) * 255);
  return out;
}
Tensor zeros(DType dtype, const Dims& dims, int32_t first) {
  Tensor out(dtype, dims);
  for (int64_t i = 0; i < out.element_count(); ++i)
    static_cast<uint8_t*>(out.raw())[i] = static_cast<uint8_t>(first + 3 * i);
  return out;
}

struct Product {
  const char* op;
  const char* domain;
  ops::testing::Attributes attributes;
};

const Product products[] = {
    {"MatMulInteger", "", {}},
    {"QLinearMatMul", "", {}},
    {"MatMulIntegerToFloat", "com.microsoft", {}},
    {"QGemm", "com.microsoft", {{"alpha", 0.5F}, {"transB", int64_t{1}}}},
};

struct Format {
  DType a, b;
  int32_t a_zero, b_zero;
  bool per_column;
};
const Format formats[] = {
    {DType::uint8, DType::int8, 128, 0, true},     {DType::uint8, DType::int8, 0, 127, false},
    {DType::uint8, DType::uint8, 255, 128, false}, {DType::int8, DType::int8, -128, -128, true},
    {DType::int8, DType::uint8, 127, 3, true},
};

/// Inputs of a product; `whole`: with what may be left out, and to bytes where that is a choice.
std::vector<Tensor> inputs_of(const std::string& op, Tensor a, Tensor b, const Format& f, int64_t columns,
                              bool whole) {
  const Dims lines = f.per_column ? Dims{columns} : Dims{};
  const Tensor a_zero = zeros(f.a, {}, f.a_zero);
  const Tensor b_zero = zeros(f.b, lines, f.b_zero);
  const Tensor a_scale = Tensor::scalar(0.02F);
  const Tensor b_scale = noise(lines, 4, 0.5, 2, DType::float32);
  const Tensor y_scale =
      Tensor::scalar(2.5F * static_cast<float>(std::sqrt(static_cast<double>(a.dim(-1)) + 1)));
  const Tensor y_zero = zeros(f.a, {}, f.a == DType::int8 ? -3 : 100);
  if (op == "MatMulInteger") return whole ? std::vector{a, b, a_zero, b_zero} : std::vector{a, b};
  if (op == "QLinearMatMul") return {a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero};
  if (op == "MatMulIntegerToFloat") {
    std::vector<Tensor> out{a, b, a_scale, b_scale};
    if (whole) out.insert(out.end(), {a_zero, b_zero, noise({columns}, 6, -3, 3, DType::float32)});
    return out;
  }
  std::vector<Tensor> out{a, a_scale, a_zero, b, b_scale, b_zero};
  if (whole) out.insert(out.end(), {noise({columns}, 5, -30000, 30000, DType::int32), y_scale, y_zero});
  return out;
}

/// By the tuned kernel of `isa`, or the reference without. B and its zero point are constants if wanted.
Tensor multiply(const Product& product, const std::vector<Tensor>& inputs, const cpu::Isa* isa,
                bool constant_b, int concurrency = 1) {
  graph::Graph graph;
  graph::Node node;
  node.name = "product";
  node.op = make(product.op, 13, product.attributes, inputs.size(), 1, product.domain);
  std::vector<graph::RuntimeValue> feeds;
  const size_t b = product.op[0] == 'Q' ? 3 : 1;
  const std::string op = product.op;
  const size_t b_zero = op == "MatMulInteger" ? 3 : 5;
  for (size_t i = 0; i < inputs.size(); ++i) {
    graph::Value value;
    value.name = fmt::format("in{}", i);
    value.type = graph::ValueType::tensor(inputs[i].dtype(), graph::to_shape(inputs[i].dims()));
    const bool constant = constant_b && (i == b || i == b_zero);
    if (constant) value.constant = inputs[i];
    node.inputs.push_back(graph.add_value(value));
    if (constant) continue;
    graph.inputs.push_back(node.inputs.back());
    feeds.emplace_back(inputs[i]);
  }
  graph::Value out;
  out.name = "y";
  graph.outputs = {graph.add_value(out)};
  graph.output_names = {"y"};
  node.outputs = graph.outputs;
  graph.add_node(std::move(node));
  graph::infer(graph);
  if (isa != nullptr) {
    std::string refusal;
    auto tuned = cpu::make_quant_matmul({graph, graph.nodes[0], *isa->kernels, *isa->byte_kernels}, refusal);
    INFO(refusal);
    REQUIRE(tuned != nullptr);
    graph.nodes[0].op = std::move(tuned);
  }
  graph::RunServices services;
  services.concurrency = concurrency;
  return graph::interpret(graph, std::move(feeds), {}, services)[0].tensor();
}

Dims transposed(const Dims& dims) { return {dims[1], dims[0]}; }

}  // namespace

TEST_CASE("quantised matrix products equal the reference on every instruction set", "[quant_matmul]") {
  const std::pair<Dims, Dims> cases[] = {
      {{3, 5}, {5, 7}},
      {{1, 1}, {1, 1}},
      {{2, 3, 17, 33}, {2, 3, 33, 19}},
      {{2, 1, 4, 6}, {3, 6, 5}},
      {{4, 20, 70}, {70, 50}},
      {{7, 300}, {2, 300, 33}},
      {{9}, {9, 4}},
      {{31, 600}, {600, 65}},
      {{2, 0}, {0, 4}},
      {{1, 64}, {64, 1000}},
      {{15, 4096}, {4096, 33}},
      {{130, 64}, {64, 96}},
  };
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const Product& product : products)
      for (const auto& [a_dims, b_dims] : cases)
        for (const Format& f : formats)
          for (const bool whole : {true, false}) {
            const bool gemm = product.op == std::string("QGemm");
            if (gemm && (a_dims.size() != 2 || b_dims.size() != 2)) continue;
            INFO(product.op << " " << dims_text(a_dims) << " x " << dims_text(b_dims) << ", "
                            << dtype_name(f.a) << " x " << dtype_name(f.b) << " on " << isa.name);
            const auto inputs =
                inputs_of(product.op, bytes(a_dims, f.a, 1),
                          bytes(gemm ? transposed(b_dims) : b_dims, f.b, 2), f, b_dims.back(), whole);
            const Tensor expected = multiply(product, inputs, nullptr, false);
            CHECK(same_bits(multiply(product, inputs, &isa, true), expected));
            CHECK(same_bits(multiply(product, inputs, &isa, false), expected));
          }
  });
}

TEST_CASE("sums of quantised products wrap around at 32 bits", "[quant_matmul]") {
  Tensor a(DType::uint8, {2, 70000});
  Tensor b(DType::uint8, {70000, 3});
  std::fill_n(static_cast<uint8_t*>(a.raw()), a.element_count(), uint8_t{255});
  std::fill_n(static_cast<uint8_t*>(b.raw()), b.element_count(), uint8_t{255});
  const auto wanted = static_cast<int32_t>(static_cast<uint32_t>(70000LL * 255 * 255));
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const bool constant : {true, false}) {
      const Tensor y = multiply(products[0], {a, b}, &isa, constant);
      for (const int32_t sum : y.data<int32_t>()) CHECK(sum == wanted);
    }
  });
}

TEST_CASE("no number of threads changes a quantised product", "[quant_matmul]") {
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const Dims& dims : {Dims{1, 500}, Dims{130, 500}, Dims{600, 500}})
      for (const Product& product : products) {
        const bool gemm = product.op == std::string("QGemm");
        const Dims b_dims = gemm ? Dims{700, 500} : Dims{500, 700};
        const auto inputs = inputs_of(product.op, bytes(dims, DType::uint8, 1),
                                      bytes(b_dims, DType::uint8, 2), formats[2], 700, true);
        CHECK(same_bits(multiply(product, inputs, &isa, true, 3), multiply(product, inputs, &isa, true)));
        CHECK(same_bits(multiply(product, inputs, &isa, false, 3), multiply(product, inputs, &isa, true)));
      }
  });
}

TEST_CASE("quantised products refuse what their kernels lack", "[quant_matmul]") {
  const Tensor a = bytes({3, 5}, DType::uint8, 1);
  const Tensor b = bytes({5, 7}, DType::int8, 2);
  graph::Graph graph;
  graph::Node node;
  node.op = make("MatMulInteger", 10, {}, 3, 1);
  for (const Tensor& input : {a, b, zeros(DType::uint8, {3}, 1)}) {
    graph::Value value;
    value.name = fmt::format("in{}", graph.values.size());
    value.type = graph::ValueType::tensor(input.dtype(), graph::to_shape(input.dims()));
    node.inputs.push_back(graph.add_value(value));
  }
  const cpu::Isa& isa = cpu::best_isa();
  std::string refusal;
  CHECK(cpu::make_quant_matmul({graph, node, *isa.kernels, *isa.byte_kernels}, refusal) == nullptr);
  CHECK(refusal.find("one for all rows") != std::string::npos);
}
