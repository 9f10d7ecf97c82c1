#include "cpu/attention.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/half.hpp"
#include "graph/infer.hpp"
#include "graph/interpret.hpp"

using namespace spinel;
using cpu::AttentionLayer;

namespace {

Tensor numbers(const Dims& dims, uint32_t seed) {
  Tensor tensor(DType::float32, dims);
  for (float& v : tensor.data<float>()) {
    seed = seed * 1664525u + 1013904223u;
    v = static_cast<float>(static_cast<int32_t>(seed)) / 2147483648.0f;
  }
  return tensor;
}

Tensor attend(const cpu::Isa& isa, const AttentionLayer& layer, const std::vector<Tensor>& inputs,
              int concurrency = 1) {
  graph::Graph graph;
  for (const Tensor& tensor : inputs) {
    graph::Value value;
    value.name = "in" + std::to_string(graph.inputs.size());
    value.type = graph::ValueType::tensor(tensor.dtype(), graph::to_shape(tensor.dims()));
    graph.inputs.push_back(graph.add_value(value));
  }
  graph::Value out;
  out.name = "y";
  graph.outputs = {graph.add_value(out)};
  graph.output_names = {"y"};
  graph::Node node;
  node.name = "attention";
  node.op = std::make_shared<const cpu::Attention>(isa, layer);
  node.inputs = graph.inputs;
  node.outputs = graph.outputs;
  graph.add_node(std::move(node));
  graph::infer(graph);
  graph::RunServices services;
  services.concurrency = concurrency;
  return graph::interpret(graph, std::vector<graph::RuntimeValue>(inputs.begin(), inputs.end()), {},
                          services)[0]
      .tensor();
}

struct Sizes {
  int64_t batches, heads, rows, keys, columns;
};

/// Q [batch, rows, heads * columns] and K, V alike, and how attention reads them.
AttentionLayer side_by_side(const Sizes& s) {
  AttentionLayer layer;
  layer.q = {
      .batch = {0}, .head = {2, s.columns, s.heads}, .row = {1}, .column = {2, 1, s.columns}, .begin = {}};
  layer.k = layer.v = layer.q;
  layer.scale = 1 / std::sqrt(static_cast<double>(s.columns));
  return layer;
}

double element(const Tensor& tensor, int64_t at) {
  return tensor.dtype() == DType::float16
             ? static_cast<double>(static_cast<float>(tensor.data<Half>()[static_cast<size_t>(at)]))
             : static_cast<double>(tensor.data<float>()[static_cast<size_t>(at)]);
}

/// In double, straight from the formula; `mask(b, h, i, j)` is added.
template <class Mask>
Tensor expected(const Sizes& s, const Tensor& q, const Tensor& k, const Tensor& v, double scale, Mask mask) {
  Tensor y(DType::float32, {s.batches, s.rows, s.heads * s.columns});
  const int64_t width = s.heads * s.columns;
  std::vector<double> p(static_cast<size_t>(s.keys));
  for (int64_t b = 0; b < s.batches; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t i = 0; i < s.rows; ++i) {
        double most = -std::numeric_limits<double>::infinity();
        for (int64_t j = 0; j < s.keys; ++j) {
          double dot = 0;
          for (int64_t d = 0; d < s.columns; ++d)
            dot += element(q, (b * s.rows + i) * width + h * s.columns + d) *
                   element(k, (b * s.keys + j) * width + h * s.columns + d);
          p[static_cast<size_t>(j)] = dot * scale + mask(b, h, i, j);
          most = std::max(most, p[static_cast<size_t>(j)]);
        }
        double sum = 0;
        for (double& each : p) sum += each = std::exp(each - most);
        for (int64_t d = 0; d < s.columns; ++d) {
          double total = 0;
          for (int64_t j = 0; j < s.keys; ++j)
            total += p[static_cast<size_t>(j)] * element(v, (b * s.keys + j) * width + h * s.columns + d);
          y.data<float>()[static_cast<size_t>((b * s.rows + i) * width + h * s.columns + d)] =
              static_cast<float>(total / sum);
        }
      }
  return y;
}

double error(const Tensor& actual, const Tensor& wanted) {
  REQUIRE(actual.dims() == wanted.dims());
  double most = 0;
  for (int64_t i = 0; i < actual.element_count(); ++i) {
    const double a = element(actual, i);
    const double b = element(wanted, i);
    if (std::isnan(a) != std::isnan(b)) return std::numeric_limits<double>::infinity();
    if (!std::isnan(a)) most = std::max(most, std::fabs(a - b));
  }
  return most;
}

const auto no_mask = [](int64_t, int64_t, int64_t, int64_t) { return 0.0; };

std::vector<const cpu::Isa*> available_isas() {
  std::vector<const cpu::Isa*> out;
  for (const cpu::Isa& isa : cpu::isas())
    if (isa.available()) out.push_back(&isa);
  return out;
}

/// Elements of `from` in the given order of axes.
Tensor turned(const Tensor& from, const std::vector<size_t>& order) {
  Dims dims;
  for (size_t axis : order) dims.push_back(from.dims()[axis]);
  Tensor out(from.dtype(), dims);
  std::vector<int64_t> strides(dims.size(), 1);
  for (size_t i = dims.size() - 1; i-- > 0;) strides[i] = strides[i + 1] * from.dims()[i + 1];
  for (int64_t at = 0; at < out.element_count(); ++at) {
    int64_t rest = at;
    int64_t source = 0;
    for (size_t i = dims.size(); i-- > 0; rest /= dims[i]) source += rest % dims[i] * strides[order[i]];
    out.data<float>()[static_cast<size_t>(at)] = from.data<float>()[static_cast<size_t>(source)];
  }
  return out;
}

}  // namespace

TEST_CASE("attention: sizes and masks on every instruction set", "[cpu]") {
  const Sizes cases[] = {{1, 1, 1, 1, 32},    {2, 3, 5, 7, 33},    {1, 2, 128, 128, 64}, {2, 12, 17, 197, 64},
                         {1, 1, 300, 70, 96}, {1, 2, 9, 600, 256}, {3, 1, 15, 16, 8}};
  for (const cpu::Isa* isa : available_isas())
    for (const Sizes& s : cases)
      for (const bool half : {false, true}) {
        CAPTURE(isa->name, s.batches, s.heads, s.rows, s.keys, s.columns, half);
        const DType dtype = half ? DType::float16 : DType::float32;
        const int64_t width = s.heads * s.columns;
        Tensor q = convert(numbers({s.batches, s.rows, width}, 1), dtype);
        Tensor k = convert(numbers({s.batches, s.keys, width}, 2), dtype);
        Tensor v = convert(numbers({s.batches, s.keys, width}, 3), dtype);
        AttentionLayer layer = side_by_side(s);
        const double precision = half ? 1e-3 : 3e-6;
        CHECK(error(attend(*isa, layer, {q, k, v}), expected(s, q, k, v, layer.scale, no_mask)) < precision);

        // [batch, 1, 1, keys]: padding, as BERT has it.
        layer.mask = {.batch = 4, .head = 3};
        Tensor padding(DType::float32, {s.batches, 1, 1, s.keys});
        for (int64_t b = 0; b < s.batches; ++b)
          for (int64_t j = 0; j < s.keys; ++j)
            padding.data<float>()[static_cast<size_t>(b * s.keys + j)] = j > s.keys / 2 + b ? -10000.0F : 0;
        CHECK(error(attend(*isa, layer, {q, k, v, convert(padding, dtype)}),
                    expected(s, q, k, v, layer.scale, [&](int64_t b, int64_t, int64_t, int64_t j) {
                      return element(padding, b * s.keys + j);
                    })) < precision);

        // [rows, keys]: causal.
        Tensor causal(DType::float32, {s.rows, s.keys});
        for (int64_t i = 0; i < s.rows; ++i)
          for (int64_t j = 0; j < s.keys; ++j)
            causal.data<float>()[static_cast<size_t>(i * s.keys + j)] =
                j > i ? -std::numeric_limits<float>::infinity() : 0;
        CHECK(error(attend(*isa, layer, {q, k, v, convert(causal, dtype)}),
                    expected(s, q, k, v, layer.scale, [&](int64_t, int64_t, int64_t i, int64_t j) {
                      return element(causal, i * s.keys + j);
                    })) < precision);
      }
}

TEST_CASE("attention: every layout gives the same bits", "[cpu]") {
  const Sizes s{2, 3, 20, 20, 40};
  const int64_t width = s.heads * s.columns;
  const Tensor q = numbers({s.batches, s.rows, width}, 1);
  const Tensor k = numbers({s.batches, s.keys, width}, 2);
  const Tensor v = numbers({s.batches, s.keys, width}, 3);
  const AttentionLayer plain = side_by_side(s);
  for (const cpu::Isa* isa : available_isas()) {
    CAPTURE(isa->name);
    const Tensor y = attend(*isa, plain, {q, k, v});
    const auto same = [&](const AttentionLayer& layer, const std::vector<Tensor>& inputs) {
      const Tensor other = attend(*isa, layer, inputs);
      return other.dims() == y.dims() && std::memcmp(other.raw(), y.raw(), y.size_bytes()) == 0;
    };
    // [rows, batch, heads * columns], as nn.MultiheadAttention has it.
    AttentionLayer layer = plain;
    for (auto* operand : {&layer.q, &layer.k, &layer.v}) {
      operand->batch.axis = 1;
      operand->row.axis = 0;
    }
    CHECK(same(layer, {turned(q, {1, 0, 2}), turned(k, {1, 0, 2}), turned(v, {1, 0, 2})}));
    // [batch, heads, rows, columns], with K turned over.
    const auto split = [&](const Tensor& x) { return x.reshaped({s.batches, s.rows, s.heads, s.columns}); };
    layer.q = layer.v = {.batch = {0}, .head = {1}, .row = {2}, .column = {3}, .begin = {}};
    layer.k = {.batch = {0}, .head = {1}, .row = {3}, .column = {2}, .begin = {}};
    CHECK(same(layer, {turned(split(q), {0, 2, 1, 3}), turned(split(k), {0, 2, 3, 1}),
                       turned(split(v), {0, 2, 1, 3})}));
    // One packed tensor [batch, rows, 3 * heads * columns].
    Tensor packed(DType::float32, {s.batches, s.rows, 3 * width});
    const Tensor* parts[] = {&q, &k, &v};
    for (int64_t row = 0; row < s.batches * s.rows; ++row)
      for (size_t part = 0; part < 3; ++part)
        std::copy_n(parts[part]->data<float>().data() + row * width, width,
                    packed.data<float>().data() + row * 3 * width + static_cast<int64_t>(part) * width);
    layer = plain;
    layer.k.begin = {{2, width}};
    layer.v.begin = {{2, 2 * width}};
    CHECK(same(layer, {packed, packed, packed}));
  }
}

TEST_CASE("attention: no number of threads and no place in the batch changes a bit", "[cpu]") {
  const Sizes s{3, 2, 150, 150, 64};
  const Tensor q = numbers({s.batches, s.rows, s.heads * s.columns}, 1);
  const AttentionLayer layer = side_by_side(s);
  for (const cpu::Isa* isa : available_isas()) {
    const Tensor one = attend(*isa, layer, {q, q, q});
    const Tensor many = attend(*isa, layer, {q, q, q}, 5);
    CHECK(std::memcmp(one.raw(), many.raw(), one.size_bytes()) == 0);
    const Tensor last = q.rows(2, 1);
    const Tensor alone = attend(*isa, layer, {last, last, last}, 2);
    CHECK(std::memcmp(alone.raw(), static_cast<const std::byte*>(one.raw()) + 2 * alone.size_bytes(),
                      alone.size_bytes()) == 0);
  }
}

TEST_CASE("attention: rows that are masked altogether", "[cpu]") {
  const Sizes s{1, 1, 3, 19, 32};
  const Tensor q = numbers({1, s.rows, s.columns}, 1);
  const Tensor k = numbers({1, s.keys, s.columns}, 2);
  Tensor mask(DType::float32, {s.rows, s.keys});
  for (int64_t j = 0; j < s.keys; ++j) {
    mask.data<float>()[static_cast<size_t>(j)] = -std::numeric_limits<float>::infinity();
    mask.data<float>()[static_cast<size_t>(s.keys + j)] = std::numeric_limits<float>::lowest();
  }
  AttentionLayer layer = side_by_side(s);
  for (const cpu::Isa* isa : available_isas()) {
    CAPTURE(isa->name);
    layer.undefined_is_zero = false;
    const Tensor y = attend(*isa, layer, {q, k, k, mask});
    CHECK(std::isnan(y.data<float>()[0]));
    // The lowest number drowns every score: all keys count alike.
    double mean = 0;
    for (int64_t j = 0; j < s.keys; ++j) mean += element(k, j * s.columns);
    CHECK(element(y, s.columns) == Approx(mean / static_cast<double>(s.keys)).margin(1e-6));
    CHECK(std::isfinite(y.data<float>()[static_cast<size_t>(2 * s.columns)]));
    layer.undefined_is_zero = true;
    CHECK(attend(*isa, layer, {q, k, k, mask}).data<float>()[0] == 0);
  }
}

TEST_CASE("attention: what does not fit is refused", "[cpu]") {
  const Sizes s{1, 2, 4, 6, 32};
  const Tensor q = numbers({1, s.rows, 64}, 1);
  const Tensor k = numbers({1, s.keys, 64}, 2);
  AttentionLayer layer = side_by_side(s);
  layer.mask = {.batch = 4, .head = 3};
  CHECK_THROWS_AS(attend(cpu::best_isa(), layer, {q, k, q}), Error);
  CHECK_THROWS_AS(attend(cpu::best_isa(), layer, {q, k, k, numbers({s.rows, s.keys + 1}, 3)}), Error);
  CHECK_THROWS_AS(attend(cpu::best_isa(), layer, {q, numbers({1, s.keys, 60}, 2), k}), Error);
}
