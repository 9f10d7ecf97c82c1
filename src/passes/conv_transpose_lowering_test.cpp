// Transposed convolutions as the passes lower them, against the reference operator in float64.
#include "passes/test_lowering.hpp"

namespace spinel::passes {
namespace {

using namespace testing;

TEST_CASE("transposed convolutions") {
  const auto cases = cpu::testing::read_cases("conv_transpose.txt");
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16})
        for (const char* activation : {"", "Relu", "Sigmoid"}) check(c, isa, dtype, false, activation);
  });
}

TEST_CASE("a BatchNormalization behind a transposed convolution becomes part of it") {
  for (const int64_t group : {1, 3}) {
    KernelCase c;
    c.op = "ConvTranspose";
    c.attributes = {{"strides", std::vector<int64_t>{2, 2}}, {"group", group}};
    c.inputs.resize(3);
    c.inputs[0].dims = {2, 6, 5, 4};
    c.inputs[1].dims = {6, 4, 3, 2};
    c.inputs[2].dims = {4 * group};
    const auto build = [&](const std::vector<Tensor>& inputs) {
      Model model(c, inputs);
      std::vector<ValueId> ids{model.y};
      for (uint32_t i = 0; i < 4; ++i)
        ids.push_back(model.graph.add_constant(
            fmt::format("bn{}", i),
            convert(ops::testing::noise({4 * group}, i, 0.5, 2, DType::float32), inputs[0].dtype())));
      model.y = model.add("BatchNormalization", 15, {}, ids);
      model.finish();
      return model;
    };
    const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32, -1, 1);
    Model tuned = build(inputs);
    lower(tuned.graph, cpu::best_isa());
    CHECK(tuned.count("NhwcConvTranspose") == 1);
    CHECK(tuned.count("BatchNormalization") + tuned.count("ElementwiseChain") + tuned.count("Mul") == 0);
    const Tensor expected = build(widened(inputs)).run({widened(inputs)[0]});
    cpu::testing::expect_near(tuned.run({inputs[0]}), expected, 1e-5, greatest(expected));
  }
}

TEST_CASE("a transposed convolution hands on NaN and Inf") {
  KernelCase c;
  c.op = "ConvTranspose";
  c.attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}};
  c.inputs.resize(2);
  c.inputs[0].dims = {1, 16, 9, 9};
  c.inputs[1].dims = {16, 12, 4, 4};
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32);
    inputs[0].data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
    inputs[0].data<float>()[200] = std::numeric_limits<float>::infinity();
    Model model(c, inputs);
    model.finish();
    const Tensor expected = model.run({inputs[0]});
    lower(model.graph, isa);
    CHECK(model.count("NhwcConvTranspose") == 1);
    cpu::testing::expect_near(model.run({inputs[0]}), expected, 1e-5, 20);
  });
}

/// docs/accuracy.md states it.
constexpr double winograd_bound = 16;

TEST_CASE("Winograd's rounding error is bounded by the sum of the absolute products") {
  KernelCase c;
  c.op = "Conv";
  c.attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}};
  c.inputs.resize(2);
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const int64_t channels : {16, 64, 256})
      for (const double low : {-1.0, 0.0}) {  // Of both signs, and as after a ReLU.
        c.inputs[0].dims = {1, channels, 14, 14};
        c.inputs[1].dims = {32, channels, 3, 3};
        const std::vector<Tensor> inputs = {ops::testing::noise(c.inputs[0].dims, 5, low, 1),
                                            ops::testing::noise(c.inputs[1].dims, 6, -1, 1)};
        Model tuned(c, inputs);
        tuned.finish();
        lower(tuned.graph, isa);
        REQUIRE(tuned.graph.nodes.size() == 3);  // With a transpose on either side.
        CHECK(tuned.graph.nodes[1].op->kernel() == "winograd");
        Model reference(c, widened(inputs));
        reference.finish();
        std::vector<Tensor> magnitudes = widened(inputs);
        for (Tensor& each : magnitudes)
          for (double& v : each.data<double>()) v = std::abs(v);
        Model absolute(c, magnitudes);
        absolute.finish();
        const Tensor got = convert(tuned.run({inputs[0]}), DType::float64);
        const Tensor expected = reference.run({widened(inputs)[0]});
        const Tensor sums = absolute.run({magnitudes[0]});
        double worst = 0;
        for (size_t i = 0; i < sums.data<double>().size(); ++i)
          worst = std::max(worst, std::abs(got.data<double>()[i] - expected.data<double>()[i]) /
                                      (sums.data<double>()[i] * 0x1p-24));
        INFO(channels << " channels on " << isa.name);
        CHECK(worst < winograd_bound);
        CHECK(worst > 0);
      }
  });
}

}  // namespace
}  // namespace spinel::passes
