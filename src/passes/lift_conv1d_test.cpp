// Convolutions and pools over one axis as the passes lower them, against the reference operators in float64.
#include "passes/test_lowering.hpp"

namespace spinel::passes {
namespace {

using namespace testing;

TEST_CASE("convolutions over one axis") {
  const auto cases = cpu::testing::read_cases("conv1d.txt");
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16})
        for (const char* activation : {"", "HardSwish"}) {
          // Convolutions of planes, and transposed ones, take no summand.
          const bool takes_sum = c.op == "Conv" && c.inputs[0].dims[1] > 4;
          check(c, isa, dtype, takes_sum && dtype == DType::float32, activation);
        }
  });
}

TEST_CASE("pools over one axis") {
  const auto cases = cpu::testing::read_cases("pool1d.txt");
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
        CHECK(tuned.count("NhwcPool") == 1);
        cpu::testing::expect_near(tuned.run(inputs), reference.run(widened(inputs)), 1e-6, 1);
      }
  });
}

/// X [N, L, C] -> Transpose -> pointwise convolution, BatchNormalization, Relu, depthwise convolution of 31
/// taps, product with a value for each channel, pointwise convolution, sum with the first one -> Transpose.
Model signal_chain(DType dtype, Tensor& x) {
  const auto noise = [&](Dims dims, uint32_t seed, double low = -1) {
    return convert(ops::testing::noise(dims, seed, low, 1, DType::float32), dtype);
  };
  x = noise({2, 43, 20}, 1);
  KernelCase c;
  c.op = "Transpose";
  c.attributes = {{"perm", std::vector<int64_t>{0, 2, 1}}};
  Model model(c, {x});
  int constants = 0;
  const auto constant = [&](Tensor tensor) {
    return model.graph.add_constant(fmt::format("k{}", constants++), std::move(tensor));
  };
  const auto conv = [&](ValueId from, int64_t in, int64_t out, int64_t group, int64_t kernel) {
    return model.add("Conv", 22, {{"group", group}, {"pads", std::vector<int64_t>{kernel / 2, kernel / 2}}},
                     {from, constant(noise({out, in / group, kernel}, static_cast<uint32_t>(kernel))),
                      constant(noise({out}, 3))});
  };
  ValueId first = conv(model.y, 20, 24, 1, 1);
  ValueId y = model.add("BatchNormalization", 15, {},
                        {model.add("Sigmoid", 13, {}, {first}), constant(noise({24}, 4)),
                         constant(noise({24}, 5)), constant(noise({24}, 6)), constant(noise({24}, 7, 0.5))});
  y = conv(model.add("Relu", 14, {}, {y}), 24, 24, 24, 31);
  y = model.add("Mul", 14, {}, {y, constant(noise({24, 1}, 8))});
  y = model.add("Add", 14, {}, {conv(y, 24, 24, 1, 3), first});
  model.y = model.add("Transpose", 13, {{"perm", std::vector<int64_t>{0, 2, 1}}}, {y});
  model.finish();
  return model;
}

TEST_CASE("nothing is transposed between convolutions over one axis") {
  cpu::testing::for_each_kernels([&](const cpu::Isa& isa) {
    for (const DType dtype : {DType::float32, DType::float16}) {
      INFO(dtype_name(dtype) << " on " << isa.name);
      Tensor x, wide_x;
      Model tuned = signal_chain(dtype, x);
      Model reference = signal_chain(DType::float64, wide_x);
      lower(tuned.graph, isa);
      CHECK(tuned.count("NhwcConv") == 3);
      CHECK(tuned.count("Transpose") == 0);
      const Tensor expected = reference.run({wide_x});
      const double slack = dtype == DType::float16 ? 3e-3 : 1e-5;
      cpu::testing::expect_near(tuned.run({x}), expected, slack, greatest(expected));
    }
  });
}

TEST_CASE("a value that plain nodes read too is there in both forms") {
  KernelCase c;
  c.op = "Conv";
  c.inputs.resize(2);
  c.inputs[0].dims = {2, 5, 19};
  c.inputs[1].dims = {7, 5, 4};
  const std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float32, -1, 1);
  const auto build = [&](const std::vector<Tensor>& tensors) {
    Model model(c, tensors);
    const ValueId turned = model.add("Transpose", 13, {{"perm", std::vector<int64_t>{2, 0, 1}}},
                                     {model.add("Relu", 14, {}, {model.y})});
    const ValueId back = model.add("Transpose", 13, {{"perm", std::vector<int64_t>{1, 2, 0}}}, {turned});
    const ValueId softmax = model.add("Softmax", 13, {{"axis", int64_t{1}}}, {model.y});
    model.y = model.add("Sub", 14, {}, {softmax, back});
    model.finish();
    return model;
  };
  Model tuned = build(inputs);
  Model reference = build(widened(inputs));
  lower(tuned.graph, cpu::best_isa());
  CHECK(tuned.count("NhwcConv") == 1);
  cpu::testing::expect_near(tuned.run({inputs[0]}), reference.run({widened(inputs)[0]}), 1e-5, 1);
}

}  // namespace
}  // namespace spinel::passes
