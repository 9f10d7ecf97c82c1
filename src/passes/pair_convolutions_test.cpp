// A pair of convolutions as one operator, against the same two as operators of their own: bit for bit.
#include "passes/test_lowering.hpp"

namespace spinel::passes {
namespace {

using namespace testing;

struct PairCase {
  Dims x;
  int64_t middle;  ///< Channels between the two.
  int64_t kernel;
  ops::testing::Attributes window;
};

Tensor noise(Dims dims, uint32_t seed, DType dtype) {
  return convert(ops::testing::noise(dims, seed, -1, 1, DType::float32), dtype);
}

/// X -> Conv 1x1 -> HardSwish -> depthwise Conv -> Clip at 0 -> Y, lowered.
Model make_pair(const PairCase& c, DType dtype, const cpu::Isa& isa, bool pairs,
                PassReport* report = nullptr) {
  KernelCase first;
  first.op = "Conv";
  first.version = 22;
  Model model(first,
              {noise(c.x, 1, dtype), noise({c.middle, c.x[1], 1, 1}, 2, dtype), noise({c.middle}, 3, dtype)});
  model.y = model.add("HardSwish", 22, {}, {model.y});
  ops::testing::Attributes attributes = c.window;
  attributes["group"] = c.middle;
  model.y = model.add(
      "Conv", 22, attributes,
      {model.y, model.graph.add_constant("taps", noise({c.middle, 1, c.kernel, c.kernel}, 4, dtype)),
       model.graph.add_constant("bias", noise({c.middle}, 5, dtype))});
  model.y = model.add("Relu", 22, {}, {model.y});
  model.finish();
  Settings settings;
  settings.isa = &isa;
  settings.config.passes["pair_convolutions"] = pairs;
  for (PassReport& each : run_pipeline(model.graph, settings))
    if (report != nullptr && each.pass == "pair_convolutions") *report = std::move(each);
  return model;
}

/// As an engine of three threads runs it, one task after the other.
Tensor run_in_parts(Model& model, const Tensor& x) {
  graph::RunServices services;
  services.concurrency = 3;
  services.parallel_for = [](int64_t count, FunctionRef<void(int64_t)> fn) {
    for (int64_t i = count; i-- > 0;) fn(i);
  };
  return graph::interpret(model.graph, {graph::RuntimeValue(x)}, {}, services)[0].tensor();
}

void expect_same_bytes(const Tensor& actual, const Tensor& expected) {
  REQUIRE(actual.dims() == expected.dims());
  REQUIRE(actual.dtype() == expected.dtype());
  CHECK(std::memcmp(actual.raw(), expected.raw(), expected.size_bytes()) == 0);
}

TEST_CASE("a pair of convolutions computes what the two do") {
  using List = std::vector<int64_t>;
  const PairCase cases[] = {
      {{2, 12, 66, 60}, 72, 3, {{"pads", List{1, 1, 1, 1}}}},
      {{1, 9, 121, 64}, 65, 3, {{"pads", List{1, 0, 0, 1}}, {"strides", List{2, 2}}}},
      {{1, 16, 90, 33}, 150, 5, {{"pads", List{2, 2, 2, 2}}}},
      {{2, 8, 75, 62}, 96, 5, {{"auto_pad", "SAME_UPPER"}, {"strides", List{2, 2}}}},
      {{1, 10, 97, 50}, 88, 3, {{"pads", List{2, 3, 2, 3}}, {"dilations", List{2, 3}}}},
      {{1, 8, 80, 80}, 64, 7, {}},
      {{3, 8, 99, 70}, 48, 2, {{"strides", List{3, 1}}}},
  };
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const PairCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(dims_text(c.x) << " to " << c.middle << " channels, kernel " << c.kernel << ", "
                            << dtype_name(dtype));
        PairCase sized = c;
        if (dtype == DType::float16) sized.x[2] *= 2;  // The same bytes.
        const Tensor x = noise(sized.x, 6, dtype);
        Model pair = make_pair(sized, dtype, isa, true);
        Model two = make_pair(sized, dtype, isa, false);
        REQUIRE(pair.count("NhwcConvPair") == 1);
        REQUIRE(pair.count("NhwcConv") == 0);
        REQUIRE(two.count("NhwcConv") == 2);
        const Tensor expected = two.run({x});
        expect_same_bytes(pair.run({x}), expected);
        expect_same_bytes(run_in_parts(pair, x), expected);
      }
  });
}

TEST_CASE("a pair whose image stays in the caches is left alone") {
  PassReport report;
  Model model = make_pair({{1, 8, 14, 14}, 64, 3, {}}, DType::float32, cpu::best_isa(), true, &report);
  CHECK(model.count("NhwcConv") == 2);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes[0].refused);
}

}  // namespace
}  // namespace spinel::passes
