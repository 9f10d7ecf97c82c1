// Planned execution against plain interpretation, on graphs made at random.
#include <catch2/catch.hpp>
#include <cstring>

#include "base/text.hpp"
#include "graph/infer.hpp"
#include "onnx/import.hpp"
#include "onnx/test_model.hpp"
#include "runtime/executor.hpp"

using namespace spinel;
using graph::RuntimeValue;
using test::ModelGraph;

namespace {

class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed * 2654435761u + 1) {}
  size_t below(size_t bound) {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ / 65536u % bound;
  }

 private:
  uint32_t state_;
};

/// Nodes over values of dims [n, 4]: elementwise, rows that mix, views, pieces joined and cut again along
/// either axis. Several values are outputs, some of them also read on.
ModelGraph random_model(Random& random, bool batched) {
  ModelGraph model;
  const test::ModelDim rows = batched ? test::ModelDim(std::string("n")) : test::ModelDim(int64_t{1});
  std::vector<std::string> values{"x", "y"};
  for (const std::string& name : values) model.input(name, DType::float32, {rows, int64_t{4}});
  model.constant("row", test::random_floats({4}, 1)).constant("flat", test::int64s({-1}));
  model.constant("square", test::int64s({-1, 4}));
  auto pick = [&] {
    return values[random.below(std::min<size_t>(values.size(), 6)) +
                  (values.size() > 6 ? random.below(values.size() - 5) : 0)];
  };
  const size_t nodes = 4 + random.below(24);
  for (size_t i = 0; i < nodes; ++i) {
    const std::string out = fmt::format("v{}", i);
    const std::string a = fmt::format("{}a", out), b = fmt::format("{}b", out), c = fmt::format("{}c", out);
    const int64_t axis = static_cast<int64_t>(random.below(2));
    switch (random.below(9)) {
      case 0:
        model.node("Relu", {pick()}, {out});
        break;
      case 1:
        model.node("Add", {pick(), pick()}, {out});
        break;
      case 2:
        model.node("Mul", {"row", pick()}, {out});
        break;
      case 3:
        model.node("Softmax", {pick()}, {out});
        break;
      case 4:
        model.node("Reshape", {pick(), "flat"}, {a}).node("Neg", {a}, {b});
        model.node("Reshape", {b, "square"}, {out});
        break;
      case 5:
        model.node("Identity", {pick()}, {out});
        break;
      case 6:
        model.node("Concat", {pick(), pick()}, {a}, {{"axis", axis}}).node("Neg", {a}, {b});
        model.node("Split", {b}, {out, c}, {{"axis", axis}});
        break;
      case 7:
        model.node("Softmax", {pick()}, {a}).node("Softmax", {pick()}, {b});
        model.node("Concat", {a, b}, {c}, {{"axis", axis}}).node("Softmax", {c}, {c + "s"});
        model.node("Split", {c + "s"}, {c + "l", c + "r"}, {{"axis", axis}});
        model.node("Neg", {c + "l"}, {c + "m"});
        // Reads the whole again after a piece of it might have been overwritten.
        if (random.below(2) == 0)
          model.node("Split", {c + "s"}, {c + "u", c + "v"}, {{"axis", axis}});
        else
          model.node("Identity", {c + "r"}, {c + "u"});
        model.node("Sub", {c + "m", c + "u"}, {out});
        break;
      default:
        model.node("Sub", {pick(), "row"}, {out});
    }
    values.push_back(out);
    if (random.below(5) == 0 || i + 1 == nodes) model.output(out, DType::float32);
  }
  return model;
}

graph::Graph import(const ModelGraph& model) {
  const auto bytes = std::make_shared<std::vector<std::byte>>(model.model());
  onnx::ModelSource source{{*bytes, bytes}, std::nullopt};
  graph::Graph graph = onnx::import_model(source, {}, nullptr);
  graph::infer(graph);
  return graph;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.dims() == b.dims() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

}  // namespace

TEST_CASE("executor: a planned run equals an interpreted one", "[runtime]") {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    const bool batched = random.below(2) == 0;
    const graph::Graph graph = import(random_model(random, batched));
    INFO("seed " << seed << "\n" << graph::to_text(graph));
    plan::ProgramOptions options;
    const bool alias = random.below(2) == 0;
    const plan::Alias pair{random.below(2), random.below(graph.outputs.size())};
    if (alias) options.aliases = {pair};
    const auto program = std::make_shared<const plan::Program>(graph, options);
    runtime::Replica replica(program);
    for (int64_t n : {1, 3, 1}) {
      if (!batched && n != 1) continue;
      std::vector<RuntimeValue> inputs{test::random_floats({n, 4}, seed),
                                       test::random_floats({n, 4}, seed + 1)};
      const std::vector<RuntimeValue> kept{inputs[0].tensor().clone(), inputs[1].tensor().clone()};
      const auto expected = graph::interpret(graph, kept, {}, {});
      std::vector<RuntimeValue> outputs(graph.outputs.size());
      for (size_t k = 0; k < outputs.size(); ++k)
        if (random.below(2) == 0) outputs[k] = Tensor(DType::float32, expected[k].tensor().dims());
      const bool placed =
          alias && inputs[pair.input].tensor().dims() == expected[pair.output].tensor().dims();
      if (placed) outputs[pair.output] = inputs[pair.input].tensor();
      replica.run(program->bind(inputs), inputs, outputs, {});
      for (size_t k = 0; k < outputs.size(); ++k) {
        INFO("output " << graph.output_names[k] << ", n " << n);
        REQUIRE(same_bits(outputs[k].tensor(), expected[k].tensor()));
      }
      for (size_t i = 0; i < inputs.size(); ++i)
        if (!placed || i != pair.input) REQUIRE(same_bits(inputs[i].tensor(), kept[i].tensor()));
    }
  }
}
