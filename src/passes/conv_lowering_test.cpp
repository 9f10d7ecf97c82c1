// Convolutions, pools and linear layers as the passes lower them, against the reference operators in float64.
#include "passes/test_lowering.hpp"

namespace spinel::passes {
namespace {

using namespace testing;

TEST_CASE("convolutions") {
  const auto cases = cpu::testing::read_cases("conv.txt");
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) check(c, isa, dtype, false, "");
  });
}

TEST_CASE("convolutions with what follows them") {
  const auto cases = cpu::testing::read_cases("conv.txt");
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    int i = 0;
    for (const KernelCase& c : cases) {
      static constexpr const char* activations[] = {"Relu", "Sigmoid", "HardSwish", "Gelu", "Tanh"};
      const bool planes = c.inputs[1].dims[1] <= 4 && c.attributes.find("group") == c.attributes.end();
      check(c, isa, i % 3 == 0 ? DType::float16 : DType::float32, !planes, activations[i % 5]);
      ++i;
    }
  });
}

TEST_CASE("a convolution hands on NaN and Inf") {
  KernelCase c;
  c.op = "Conv";
  c.attributes = {{"pads", std::vector<int64_t>{1, 1, 1, 1}}, {"strides", std::vector<int64_t>{2, 2}}};
  c.inputs.resize(2);
  c.inputs[0].dims = {1, 16, 9, 9};
  c.inputs[1].dims = {16, 16, 3, 3};
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32);
    inputs[0].data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
    inputs[0].data<float>()[200] = std::numeric_limits<float>::infinity();
    Model model(c, inputs);
    model.y = model.add("Relu", 14, {}, {model.y});
    model.finish();
    const Tensor expected = model.run({inputs[0]});
    lower(model.graph, isa);
    cpu::testing::expect_near(model.run({inputs[0]}), expected, 1e-5, 20);
  });
}

TEST_CASE("pools of channels-last tensors") {
  const auto cases = cpu::testing::read_cases("pool.txt");
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, dtype);
        Model tuned(c, inputs);
        tuned.finish();
        Model reference(c, widened(inputs));
        reference.finish();
        lower(tuned.graph, isa);
        CHECK(tuned.count(c.op) == 0);
        cpu::testing::expect_near(tuned.run(inputs), reference.run(widened(inputs)), 1e-6, 1);
      }
  });
}

TEST_CASE("linear layers") {
  const auto cases = cpu::testing::read_cases("linear.txt");
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, dtype, -1, 1);
        Model tuned(c, inputs);
        tuned.y = tuned.add("Gelu", 20, {}, {tuned.y});
        tuned.finish();
        Model reference(c, widened(inputs));
        reference.y = reference.add("Gelu", 20, {}, {reference.y});
        reference.finish();
        lower(tuned.graph, isa);
        CHECK(tuned.count("Linear") == 1);
        CHECK(tuned.count("Gelu") == 0);
        const Tensor expected = reference.run({widened(inputs)[0]});
        cpu::testing::expect_near(tuned.run({inputs[0]}), expected, 1e-6, greatest(expected));
      }
  });
}

}  // namespace
}  // namespace spinel::passes
