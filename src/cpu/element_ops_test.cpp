#include "cpu/element_ops.hpp"

#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {
namespace {

using namespace ops::testing;
using testing::KernelCase;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

const std::vector<float> odd_values{0,     -0.0F,  infinity, -infinity, nan,   1e-40F, -1e-40F,
                                    1e-7F, 3e38F,  -3e38F,   1,         -1,    0.5F,   65504,
                                    70000, -70000, 1e-5F,    88.8F,     -88.8F};

Tensor odd_tensor(DType dtype) {
  return convert(Tensor::from<float>({static_cast<int64_t>(odd_values.size())}, odd_values), dtype);
}

}  // namespace

TEST_CASE("elementwise kernels agree with the reference", "[elementwise]") {
  testing::check_cases("elementwise.txt", 2e-6);
}

TEST_CASE("elementwise kernels of positive numbers", "[elementwise]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const char* name : {"Log", "Sqrt"}) {
      for (const DType dtype : {DType::float32, DType::float16}) {
        const KernelCase c{
            .line = name, .op = name, .attributes = {}, .inputs = {testing::parse_input("7x33")}};
        const auto inputs = testing::make_inputs(c, dtype, 0.25, 9);
        const auto expected = run_op(name, 22, {}, {convert(inputs[0], DType::float64)});
        testing::expect_near(run(*testing::tuned_op(c, isa, inputs), inputs)[0], expected[0], 1e-6);
      }
    }
  });
}

TEST_CASE("Sums and products of odd values are exactly the reference's", "[elementwise]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const char* name : {"Add", "Sub", "Mul", "Div", "Max", "Min"}) {
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(name << " on " << isa.name);
        const int64_t n = static_cast<int64_t>(odd_values.size());
        KernelCase c{.line = name, .op = name, .attributes = {}, .inputs = {}};
        c.inputs.resize(2);
        const std::vector<Tensor> inputs{odd_tensor(dtype).reshaped({n, 1}),
                                         odd_tensor(dtype).reshaped({1, n})};
        const Tensor got = run(*testing::tuned_op(c, isa, inputs), inputs)[0];
        const Tensor expected = run_op(name, 22, {}, inputs)[0];
        expect_close(got, expected, 0, 1.2e-38);
      }
    }
  });
}

TEST_CASE("activations of odd values", "[elementwise]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const char* name : {"Relu", "Abs", "Neg", "LeakyRelu", "HardSigmoid", "HardSwish", "Sigmoid", "Exp",
                             "Tanh", "Erf", "Softplus", "Elu", "Selu", "Reciprocal"}) {
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(name << " of " << dtype_name(dtype) << " on " << isa.name);
        KernelCase c{.line = name, .op = name, .attributes = {}, .inputs = {}};
        c.inputs.resize(1);
        const std::vector<Tensor> inputs{odd_tensor(dtype)};
        const Tensor got = run(*testing::tuned_op(c, isa, inputs), inputs)[0];
        expect_close(got, run_op(name, 22, {}, inputs)[0], dtype == DType::float16 ? 1e-3 : 2e-6, 1.2e-7);
      }
    }
  });
}

TEST_CASE("float16 results overflow to infinity", "[elementwise]") {
  testing::for_each_isa([](const Isa& isa) {
    KernelCase c{.line = "", .op = "Mul", .attributes = {}, .inputs = {}};
    c.inputs.resize(2);
    const std::vector<Tensor> inputs{halves({3}, {300, -300, 65504}), halves({3}, {300, 300, 1})};
    const Tensor y = convert(run(*testing::tuned_op(c, isa, inputs), inputs)[0], DType::float32);
    CHECK(y.data<float>()[0] == infinity);
    CHECK(y.data<float>()[1] == -infinity);
    CHECK(y.data<float>()[2] == 65504);
  });
}

TEST_CASE("casts between float32 and float16 are the reference's", "[elementwise]") {
  testing::for_each_isa([](const Isa& isa) {
    const KernelCase to_half{.line = "",
                             .op = "Cast",
                             .attributes = {{"to", int64_t{10}}},
                             .inputs = {testing::parse_input("100001")}};
    const Tensor x = noise({100001}, 1, -70000, 70000);
    const Tensor half = run(*testing::tuned_op(to_half, isa, {x}), {x})[0];
    CHECK(same_bits(half, run_op("Cast", 22, to_half.attributes, {x})[0]));
    KernelCase back = to_half;
    back.attributes = {{"to", int64_t{1}}};
    CHECK(same_bits(run(*testing::tuned_op(back, isa, {half}), {half})[0], convert(half, DType::float32)));
    // Odd values: subnormals of float16 are exact, infinities and NaN stay.
    const Tensor odd =
        convert(Tensor::from<float>({6}, {6e-8F, -3e-6F, infinity, nan, 65519, 65520}), DType::float32);
    expect_close(run(*testing::tuned_op(to_half, isa, {odd}), {odd})[0], convert(odd, DType::float16), 0, 0);
  });
}

TEST_CASE("BatchNormalization becomes one multiply-add", "[elementwise]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const char* dims : {"2x5x3x7", "3x5", "1x5x33", "2x5x2x3x4"}) {
      KernelCase c{.line = dims, .op = "BatchNormalization", .version = 15, .attributes = {}, .inputs = {}};
      c.inputs.push_back(testing::parse_input(dims));
      c.inputs.resize(5);
      for (size_t i = 1; i < 5; ++i) c.inputs[i].kind = testing::CaseInput::Kind::number;
      std::vector<Tensor> inputs{noise(c.inputs[0].dims, 1, -2, 2)};
      for (uint32_t i = 1; i < 5; ++i) inputs.push_back(noise({5}, i + 1, i == 4 ? 0.5 : -1, 2));
      std::vector<Tensor> wide;
      for (const Tensor& input : inputs) wide.push_back(convert(input, DType::float64));
      const auto op = testing::tuned_op(c, isa, inputs);
      REQUIRE(op != nullptr);
      // Relative to the summands, which cancel.
      expect_close(run(*op, inputs)[0], convert(run_op(c.op, 15, {}, wide)[0], DType::float32), 1e-6, 2e-6);
    }
  });
}

TEST_CASE("multiply-add of operands that repeat in any way", "[elementwise]") {
  const std::vector<Dims> all{{4, 37}, {37}, {4, 1}, {}};
  testing::for_each_isa([&](const Isa& isa) {
    for (const DType dtype : {DType::float32, DType::float16})
      for (const Dims& a : all)
        for (const Dims& b : all)
          for (const Dims& c : all) {
            ElementProgram program;
            program.step(
                {.function = ElementFunction::mul_add,
                 .p = -0.5F,
                 .q = infinity,
                 .operands = {ElementProgram::input(0), ElementProgram::input(1), ElementProgram::input(2)}});
            program.finish(3);
            const std::vector<Tensor> inputs{noise(a, 1, -2, 2, dtype), noise(b, 2, -2, 2, dtype),
                                             noise(c, 3, -2, 2, dtype)};
            const Tensor product = run_op(
                "Mul", 22, {}, {convert(inputs[0], DType::float64), convert(inputs[1], DType::float64)})[0];
            const Tensor sum = run_op("Add", 22, {}, {product, convert(inputs[2], DType::float64)})[0];
            const Tensor expected =
                run_op("Clip", 22, {}, {sum, Tensor::scalar(-0.5), Tensor::scalar(1e9)})[0];
            const std::vector<graph::RuntimeValue> values(inputs.begin(), inputs.end());
            HarnessRun context(values, 1, {}, false);
            program.run(*isa.kernels, context);
            INFO(describe(inputs[0]) << describe(inputs[1]) << describe(inputs[2]));
            expect_close(convert(context.outputs[0].tensor(), DType::float64), expected,
                         dtype == DType::float16 ? 1e-3 : 1e-6, 1e-6);
          }
  });
}

TEST_CASE("numbers become integers and floats as the reference has it", "[elementwise]") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const DType types[] = {DType::boolean, DType::int8,  DType::uint8,
                         DType::int32,   DType::int64, DType::float32};
  testing::for_each_kernels([&](const Isa& isa) {
    for (const DType from : types)
      for (const DType to : {DType::int32, DType::int64, DType::float32}) {
        if (from == to) continue;
        for (const int64_t count : {1, 15, 70001}) {
          INFO(dtype_name(from) << " to " << dtype_name(to) << " on " << isa.name);
          Tensor x = from == DType::boolean || from == DType::int8 || from == DType::uint8
                         ? convert(noise({count}, 1, 0, 100), from)
                         : noise({count}, 1, -3e9, 3e9, from);
          if (from == DType::int64 && count > 2) {
            x.data<int64_t>()[1] = INT64_MAX;
            x.data<int64_t>()[2] = INT64_MIN + 12345;
          }
          if (from == DType::float32 && count > 8) {
            const float hard[] = {infinity,      -infinity,      std::nanf(""), -0.5F,
                                  2147483648.0F, -2147483648.0F, 9.3e18F};
            std::copy_n(hard, 7, x.data<float>().data() + 1);
          }
          KernelCase c{.line = "Cast", .op = "Cast", .version = 22, .attributes = {}, .inputs = {}};
          c.attributes = {{"to", int64_t{to == DType::float32 ? 1 : to == DType::int32 ? 6 : 7}}};
          c.inputs.resize(1);
          const graph::OpPtr op = testing::tuned_op(c, isa, {x});
          REQUIRE(op != nullptr);
          CHECK(same_bits(ops::testing::run(*op, {x})[0], run_op("Cast", 22, c.attributes, {x})[0]));
        }
      }
  });
}

TEST_CASE("elementwise kernels refuse what they cannot compute", "[elementwise]") {
  const auto refused = [](std::string op, int version, std::vector<Tensor> inputs) {
    KernelCase c{.line = op, .op = op, .version = version, .attributes = {}, .inputs = {}};
    c.inputs.resize(inputs.size());
    return testing::tuned_op(c, best_isa(), inputs) == nullptr;
  };
  CHECK(refused("Add", 22, {ints({2}, {1, 2}), ints({2}, {3, 4})}));
  CHECK(refused("Pow", 22, {floats({2}, {1, 2}), floats({}, {2})}));  // Not a constant.
  CHECK(refused("Clip", 22, {floats({2}, {1, 2}), floats({}, {0})}));
  CHECK(refused("Add", 6, {floats({2}, {1, 2}), floats({2}, {3, 4})}));
  CHECK(refused("PRelu", 22, {noise({3, 1}), noise({1, 3})}));
  CHECK(refused("PRelu", 6, {noise({2, 3, 4}), noise({3})}));
}

}  // namespace spinel::cpu
