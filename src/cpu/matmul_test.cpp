#include "cpu/matmul.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>

#include "cpu/isa.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"
#include "ops/op_table.hpp"

using namespace spinel;

namespace {

Tensor numbers(const Dims& dims, uint32_t seed, DType dtype) {
  Tensor tensor(DType::float32, dims);
  for (float& v : tensor.data<float>()) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int32_t>(seed)) / 2147483648.0f;
  }
  return convert(tensor, dtype);
}

/// A graph of one MatMul; its operator is the tuned one for `isa`, the reference without.
Tensor multiply(const Tensor& a, const Tensor& b, const cpu::Isa* isa, int concurrency = 1) {
  graph::Graph graph;
  const Tensor* tensors[] = {&a, &b};
  for (const Tensor* tensor : tensors) {
    graph::Value value;
    value.name = "in" + std::to_string(graph.inputs.size());
    value.type = graph::ValueType::tensor(tensor->dtype(), graph::to_shape(tensor->dims()));
    graph.inputs.push_back(graph.add_value(value));
  }
  graph::Value out;
  out.name = "y";
  graph.outputs = {graph.add_value(out)};
  graph.output_names = {"y"};
  graph::Node node;
  node.name = "product";
  node.op = ops::make_op(*ops::find_op("", "MatMul"), ops::OpArgs("MatMul", 13, {}, 2, 1));
  node.inputs = graph.inputs;
  node.outputs = graph.outputs;
  graph.add_node(std::move(node));
  graph::infer(graph);
  if (isa != nullptr) {
    std::string refusal;
    auto op = cpu::make_matmul({graph, graph.nodes[0], *isa->kernels, *isa->byte_kernels}, refusal);
    REQUIRE(op != nullptr);
    graph.nodes[0].op = std::move(op);
  }
  graph::RunServices services;
  services.concurrency = concurrency;
  return graph::interpret(graph, {a, b}, {}, services)[0].tensor();
}

double error(const Tensor& actual, const Tensor& expected) {
  REQUIRE(actual.dims() == expected.dims());
  const Tensor x = convert(actual, DType::float32);
  const Tensor y = convert(expected, DType::float32);
  double most = 0;
  for (size_t i = 0; i < x.data<float>().size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(x.data<float>()[i] - y.data<float>()[i])));
  return most;
}

}  // namespace

TEST_CASE("matmul: stacks, vectors and odd sizes on every instruction set", "[cpu]") {
  const std::pair<Dims, Dims> cases[] = {
      {{3, 5}, {5, 7}},
      {{1, 1}, {1, 1}},
      {{2, 3, 17, 33}, {2, 3, 33, 19}},
      {{2, 1, 4, 6}, {3, 6, 5}},
      {{4, 20, 70}, {70, 50}},
      {{7, 300}, {2, 300, 33}},
      {{9}, {9, 4}},
      {{2, 5, 9}, {9}},
      {{31, 600}, {600, 65}},
      {{2, 3, 0}, {2, 0, 4}},
      {{5, 16}, {4, 16, 16}},
      {{1, 64}, {64, 1000}},
  };
  for (const cpu::Isa& isa : cpu::isas()) {
    if (!isa.available()) continue;
    for (const auto& each : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        CAPTURE(isa.name, dims_text(each.first), dims_text(each.second), dtype_name(dtype));
        const Tensor a = numbers(each.first, 1, dtype);
        const Tensor b = numbers(each.second, 2, dtype);
        const Tensor expected = multiply(a, b, nullptr);
        const double depth = static_cast<double>(each.first.back());
        const double precision = dtype == DType::float32 ? 1e-6 : 1e-3;
        CHECK(error(multiply(a, b, &isa), expected) <= precision * (1 + std::sqrt(depth)));
      }
  }
}

TEST_CASE("matmul: no number of threads and no place in the batch changes a bit", "[cpu]") {
  for (const cpu::Isa& isa : cpu::isas()) {
    if (!isa.available()) continue;
    const Tensor a = numbers({6, 45, 130}, 3, DType::float32);
    const Tensor b = numbers({6, 130, 70}, 4, DType::float32);
    const Tensor one = multiply(a, b, &isa);
    const Tensor many = multiply(a, b, &isa, 3);
    CHECK(std::memcmp(one.raw(), many.raw(), one.size_bytes()) == 0);
    const Tensor alone = multiply(a.rows(4, 1), b.rows(4, 1), &isa);
    CHECK(std::memcmp(alone.raw(), static_cast<const std::byte*>(one.raw()) + 4 * alone.size_bytes(),
                      alone.size_bytes()) == 0);
  }
}
