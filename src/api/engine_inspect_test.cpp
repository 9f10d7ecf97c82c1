// InferEngine::layer_values() and inspect().
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstring>

#include <spinel/engine.hpp>
#include <spinel/metrics.hpp>

#include "onnx/test_model.hpp"
#include "passes/pipeline.hpp"

using namespace spinel;
using test::ModelGraph;
using test::random_floats;

namespace {

/// Two convolutions, a sum and an activation that fuse, a branch of one dimension, and a product at the end.
std::vector<std::byte> network() {
  ModelGraph graph;
  graph.input("x", DType::float32, {std::string("n"), int64_t{3}, int64_t{10}, int64_t{7}});
  graph.constant("w1", random_floats({8, 3, 3, 3}, 1)).constant("w2", random_floats({8, 8, 1, 1}, 2));
  graph.constant("w3", random_floats({560, 5}, 3));
  graph.node("Conv", {"x", "w1"}, {"c1"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.node("Relu", {"c1"}, {"r1"});
  graph.node("Conv", {"r1", "w2"}, {"c2"});
  graph.node("Add", {"c2", "r1"}, {"s"}).node("Relu", {"s"}, {"r2"});
  graph.node("MaxPool", {"r2"}, {"p"},
             {{"kernel_shape", std::vector<int64_t>{3, 3}}, {"pads", std::vector<int64_t>{1, 1, 1, 1}}});
  graph.node("Flatten", {"p"}, {"f"}).node("MatMul", {"f", "w3"}, {"y"}).output("y", DType::float32);
  return graph.model();
}

EngineOptions unfused() {
  EngineOptions options;
  std::string off;
  for (const std::string& name : passes::pass_names())
    off += (off.empty() ? "\"" : ", \"") + name + "\": false";
  options.pass_json = "{\"passes\": {" + off + "}}";
  return options;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

std::map<std::string, Tensor> values_of(const InferEngine& engine, const Tensor& x) {
  std::map<std::string, Tensor> values;
  Inspection all;
  all.value = [&](const LayerValue& info, const Tensor& tensor) {
    CHECK(info.dims == tensor.dims());
    CHECK(info.dtype == tensor.dtype());
    CHECK(values.emplace(info.name, tensor.clone()).second);
  };
  engine.inspect({&x, 1}, all);
  return values;
}

}  // namespace

TEST_CASE("values that survive fusion have their names, order and layout of the file") {
  const auto model = network();
  const InferEngine fused = InferEngine::from_memory(model, {});
  const InferEngine plain = InferEngine::from_memory(model, unfused());
  const Tensor x = random_floats({2, 3, 10, 7}, 4);
  const auto expected = values_of(plain, x);
  CHECK(expected.size() == 8);
  const auto values = values_of(fused, x);
  CHECK_FALSE(values.contains("c1"));
  CHECK_FALSE(values.contains("s"));
  for (const char* name : {"r1", "r2", "p", "f", "y"}) {
    INFO(name);
    REQUIRE(values.contains(name));
    CHECK(difference(values.at(name), expected.at(name)).diff2 < 1e-6);
  }
  const auto infos = fused.layer_values();
  CHECK(std::ranges::is_sorted(infos, {}, &LayerValue::layer));
  const auto r2 = std::ranges::find(infos, "r2", &LayerValue::name);
  REQUIRE(r2 != infos.end());
  CHECK(r2->dims == Dims{-1, 8, 10, 7});
  CHECK(r2->sources.size() == 3);
  CHECK(r2->inputs == std::vector<std::string>{"r1"});
  const Dims dims = x.dims();
  const auto sized = fused.layer_values({&dims, 1});
  CHECK(std::ranges::find(sized, "r2", &LayerValue::name)->dims == Dims{2, 8, 10, 7});
}

TEST_CASE("results are bit-identical with and without inspection, float16 values are float16") {
  const auto model = network();
  for (const DType dtype : {DType::float32, DType::float16}) {
    EngineOptions options;
    options.dtype = dtype;
    options.spas = 2;
    const InferEngine engine = InferEngine::from_memory(model, options);
    const Tensor x = convert(random_floats({5, 3, 10, 7}, 4), dtype);
    const auto expected = engine.run({x});
    size_t count = 0;
    Inspection all;
    all.value = [&](const LayerValue& info, const Tensor& tensor) {
      ++count;
      CHECK(tensor.dtype() == dtype);
      if (info.name == "y") CHECK(same_bits(tensor, expected[0]));
    };
    const auto results = engine.inspect({&x, 1}, all);
    REQUIRE(results.size() == 1);
    CHECK(same_bits(results[0], expected[0]));
    CHECK(count == engine.layer_values().size());
  }
}

TEST_CASE("only the values asked for are given out, and unknown ones are refused") {
  const auto model = network();
  const InferEngine engine = InferEngine::from_memory(model, {});
  const Tensor x = random_floats({1, 3, 10, 7}, 4);
  std::vector<std::string> seen;
  Inspection some;
  some.names = {"p", "r1"};
  some.value = [&](const LayerValue& info, const Tensor&) { seen.push_back(info.name); };
  engine.inspect({&x, 1}, some);
  CHECK(seen == std::vector<std::string>{"r1", "p"});
  some.names = {"c1"};
  CHECK_THROWS_WITH(engine.inspect({&x, 1}, some), Catch::Contains("'c1'"));
  const Tensor wrong = convert(x, DType::float16);
  CHECK_THROWS_AS(engine.inspect({&wrong, 1}, {}), Error);
}

TEST_CASE("a value that is replaced feeds what follows") {
  const auto model = network();
  EngineOptions options;
  options.dtype = DType::float16;
  const InferEngine engine = InferEngine::from_memory(model, options);
  const InferEngine wide = InferEngine::from_memory(model, {});
  const Tensor x = random_floats({1, 3, 10, 7}, 4);
  const Tensor other = random_floats({1, 3, 10, 7}, 5);
  const auto reference = values_of(wide, other);
  const Tensor narrow = convert(x, DType::float16);
  Inspection feed;
  feed.names = {"r2"};
  feed.replace = [&](const LayerValue& info) { return reference.at(info.name); };
  const auto results = engine.inspect({&narrow, 1}, feed);
  CHECK(difference(results[0], reference.at("y")).diff2 < 3e-3);
  feed.replace = [&](const LayerValue&) { return reference.at("y"); };
  CHECK_THROWS_AS(engine.inspect({&narrow, 1}, feed), Error);
}

TEST_CASE("signals of one axis and products before their transposes are turned back") {
  ModelGraph graph;
  graph.input("x", DType::float32, {int64_t{2}, int64_t{3}, int64_t{20}});
  graph.input("t", DType::float32, {int64_t{2}, int64_t{3}, int64_t{4}, int64_t{5}});
  graph.constant("w1", random_floats({8, 3, 3}, 1)).constant("w2", random_floats({4, 8, 1}, 2));
  graph.constant("w3", random_floats({5, 6}, 3));
  graph.node("Conv", {"x", "w1"}, {"c1"}).node("Relu", {"c1"}, {"r1"}).node("Conv", {"r1", "w2"}, {"y"});
  const std::vector<int64_t> swap{0, 2, 1, 3};
  graph.node("Transpose", {"t"}, {"turned"}, {{"perm", swap}}).node("MatMul", {"turned", "w3"}, {"product"});
  graph.node("Transpose", {"product"}, {"z"}, {{"perm", swap}}).node("Identity", {"y"}, {"same"});
  for (const char* output : {"y", "z", "same"}) graph.output(output, DType::float32);
  const InferEngine fused = InferEngine::from_memory(graph.model(), {});
  const InferEngine plain = InferEngine::from_memory(graph.model(), unfused());
  const std::vector<Tensor> inputs{random_floats({2, 3, 20}, 4), random_floats({2, 3, 4, 5}, 5)};
  std::map<std::string, Tensor> expected;
  Inspection all;
  all.value = [&](const LayerValue& info, const Tensor& tensor) {
    expected.emplace(info.name, tensor.clone());
  };
  plain.inspect(inputs, all);
  std::vector<std::string> seen;
  all.value = [&](const LayerValue& info, const Tensor& tensor) {
    INFO(info.name);
    seen.push_back(info.name);
    CHECK(difference(tensor, expected.at(info.name)).diff2 < 1e-6);
  };
  fused.inspect(inputs, all);
  std::ranges::sort(seen);
  // The product is computed without its transposes, and is the result, too.
  CHECK(seen == std::vector<std::string>{"product", "r1", "same", "y", "z"});
}
