// Convolutions, pools and linear layers as the passes lower them, against the reference operators in float64.
#include "passes/test_lowering.hpp"

#if defined(SPINEL_HAS_FP16_EMULATION)
namespace spinel::cpu::avx512_fp16_emulated {
extern const HalfKernels half_kernels;
}
#endif

namespace spinel::passes {
namespace {

using namespace testing;

TEST_CASE("convolutions") {
  const auto cases = cpu::testing::read_cases("conv.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) check(c, isa, dtype, false, "");
  });
}

TEST_CASE("convolutions with what follows them") {
  const auto cases = cpu::testing::read_cases("conv.txt");
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
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
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
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
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
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
  cpu::testing::for_each_isa([&](const cpu::Isa& isa) {
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

#if defined(SPINEL_HAS_FP16_EMULATION)

/// The float16 kernels of machines that have the arithmetic, compiled for those that have not.
const cpu::Isa& emulated_isa() {
  static const cpu::Isa isa{"avx512_fp16 emulated", nullptr, cpu::find_isa("avx512").kernels,
                            &cpu::avx512_fp16_emulated::half_kernels};
  return isa;
}

/// L2 error of float16 results against float64, relative.
void check_half(const KernelCase& c, int64_t chunk, double most, bool residual) {
  INFO(c.line << ", chunk " << chunk);
  std::vector<Tensor> inputs = cpu::testing::make_inputs(c, DType::float16, -1, 1);
  Model tuned(c, inputs);
  tuned.finish();
  Model reference(c, widened(inputs));
  reference.finish();
  std::vector<Tensor> feeds{inputs[0]};
  if (residual) {
    feeds.push_back(ops::testing::noise(*graph::constant_dims(*tuned.graph.value(tuned.y).type.shape), 9, -1,
                                        1, DType::float16));
    for (Model* model : {&tuned, &reference}) {
      const ValueId r = model->add_value("r", model == &tuned ? feeds[1] : convert(feeds[1], DType::float64));
      model->graph.inputs.push_back(r);
      model->y = model->add("Add", 14, {}, {model->y, r});
      model->finish();
    }
  }
  Settings settings;
  settings.isa = &emulated_isa();
  settings.half_chunk = chunk;
  run_pipeline(tuned.graph, settings);
  const Tensor got = convert(tuned.run(feeds), DType::float64);
  const Tensor expected = reference.run(widened(feeds));
  double error = 0, sum = 0;
  for (size_t i = 0; i < got.data<double>().size(); ++i) {
    error += std::pow(got.data<double>()[i] - expected.data<double>()[i], 2);
    sum += std::pow(expected.data<double>()[i], 2);
  }
  CHECK(std::sqrt(error / sum) < most);
}

TEST_CASE("products in float16 arithmetic") {
  if (!cpu::has_isa("avx512")) return;
  // Random signs cancel, which makes the relative errors larger than those of a network's layers.
  for (const char* file : {"conv.txt", "conv_transpose.txt", "linear.txt"})
    for (const KernelCase& c : cpu::testing::read_cases(file)) {
      check_half(c, 64, 3e-3, false);
      check_half(c, 128, 4e-3, false);
      check_half(c, 256, 6e-3, c.op == "Conv" && c.inputs[1].dims[1] > 4);
    }
}

TEST_CASE("products in float16 arithmetic overflow to infinity") {
  if (!cpu::has_isa("avx512")) return;
  KernelCase c;
  c.op = "MatMul";
  c.inputs.resize(2);
  Tensor a = convert(Tensor::from<float>({1, 2}, {300.0F, 1.0F}), DType::float16);
  Tensor b = convert(Tensor::from<float>({2, 2}, {300.0F, 1.0F, 0.0F, 2.0F}), DType::float16);
  Model model(c, {a, b});
  model.finish();
  Settings settings;
  settings.isa = &emulated_isa();
  run_pipeline(model.graph, settings);
  const Tensor y = convert(model.run({a}), DType::float32);
  CHECK(std::isinf(y.data<float>()[0]));
  CHECK(y.data<float>()[1] == 302.0F);
}

#endif

}  // namespace
}  // namespace spinel::passes
