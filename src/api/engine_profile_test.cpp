// InferEngine::profile().
#include <catch2/catch.hpp>

#include <spinel/engine.hpp>

#include "onnx/test_model.hpp"

using namespace spinel;
using test::ModelGraph;
using test::random_floats;

namespace {

InferEngine load(const EngineOptions& options = {}) {
  ModelGraph graph;
  graph.input("a", DType::float32, {std::string("n"), int64_t{4}});
  graph.input("b", DType::float32, {int64_t{4}, int64_t{6}});
  graph.node("MatMul", {"a", "b"}, {"c"}).node("Sin", {"c"}, {"y"}).output("y", DType::float32);
  return InferEngine::from_memory(graph.model(), options);
}

std::string error_of(ErrorCode code, const InferEngine& engine, const std::vector<Tensor>& inputs) {
  try {
    engine.profile(inputs);
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("a profile names every layer in the order in which it ran") {
  for (int spas : {1, 3}) {
    EngineOptions options;
    options.spas = spas;
    options.input_name = {"b", "a"};
    const InferEngine engine = load(options);
    const RunProfile profile =
        engine.profile(std::vector<Tensor>{random_floats({4, 6}, 1), random_floats({5, 4}, 2)});
    REQUIRE(!profile.layers.empty());
    int64_t end_ns = 0;
    double flops = 0;
    std::vector<std::string> sources;
    for (const LayerTime& layer : profile.layers) {
      CHECK(!layer.op.empty());
      CHECK(!layer.kernel.empty());
      CHECK(layer.start_ns >= end_ns);
      CHECK(layer.duration_ns >= 0);
      end_ns = layer.start_ns + layer.duration_ns;
      flops += layer.flops;
      sources.insert(sources.end(), layer.sources.begin(), layer.sources.end());
    }
    CHECK(end_ns <= profile.duration_ns);
    CHECK(flops == 2.0 * 5 * 4 * 6);
    CHECK(profile.layers.back().outputs == std::vector<Dims>{{5, 6}});
    CHECK(sources.size() == 2);
  }
}

TEST_CASE("a profile refuses inputs that do not fit, and cancelled runs") {
  const InferEngine engine = load();
  const Tensor b = random_floats({4, 6}, 1);
  CHECK(error_of(ErrorCode::invalid_argument, engine, {b}).find("2 inputs") != std::string::npos);
  CHECK(error_of(ErrorCode::invalid_argument, engine, {Tensor(DType::int32, {5, 4}), b}).find("int32") !=
        std::string::npos);
  CHECK(error_of(ErrorCode::invalid_argument, engine, {random_floats({5, 3}, 1), b}).find("'a'") !=
        std::string::npos);
  CancelToken token;
  token.cancel();
  const std::vector<Tensor> inputs = {random_floats({5, 4}, 2), b};
  CHECK_THROWS_AS(engine.profile(inputs, &token), Error);
}
