// Softmax, normalisations and reductions.
#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {
namespace {

using namespace ops::testing;
using testing::KernelCase;

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

KernelCase parse(const char* op, std::vector<const char*> inputs, Attributes attributes = {}) {
  KernelCase c{.line = op, .op = op, .attributes = std::move(attributes), .inputs = {}};
  for (const char* input : inputs) c.inputs.push_back(testing::parse_input(input));
  return c;
}

Tensor run_tuned(const KernelCase& c, const Isa& isa, const std::vector<Tensor>& inputs) {
  const graph::OpPtr op = testing::tuned_op(c, isa, inputs);
  REQUIRE(op != nullptr);
  return run(*op, inputs)[0];
}

}  // namespace

TEST_CASE("softmax agrees with the reference", "[normalize]") { testing::check_cases("softmax.txt", 2e-6); }

TEST_CASE("layer normalisation agrees with the reference", "[normalize]") {
  testing::check_cases("layer_norm.txt", 1e-6, -3, 3, 1);
}

TEST_CASE("instance and group normalisation agree with the reference", "[normalize]") {
  const auto cases = testing::read_cases("group_norm.txt");
  testing::for_each_isa([&](const Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        std::vector<Tensor> inputs = testing::make_inputs(c, DType::float32, -1, 3);
        inputs[0] = convert(inputs[0], dtype);
        std::vector<Tensor> wide;
        for (const Tensor& input : inputs) wide.push_back(convert(input, DType::float64));
        testing::expect_near(run_tuned(c, isa, inputs), run_op(c.op, c.version, c.attributes, wide)[0], 1e-6,
                             1);
      }
  });
}

TEST_CASE("reductions agree with the reference", "[reduce]") {
  testing::check_cases("reduce.txt", 1e-6, 0, 2);
}

TEST_CASE("softmax of infinities and NaN is the reference's", "[normalize]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const DType dtype : {DType::float32, DType::float16}) {
      const Tensor x = convert(floats({5, 4}, {0,         -infinity, 1,         -infinity,  // Masked.
                                               -infinity, -infinity, -infinity, -infinity,  // All masked.
                                               1,         infinity,  2,         3,          //
                                               1,         nan,       2,         3,          //
                                               30000,     30000,     -60000,    1e-40F}),
                               dtype);
      for (const char* op : {"Softmax", "LogSoftmax"})
        for (const int64_t axis : {1, 0}) {
          const KernelCase c = parse(op, {"5x4"}, {{"axis", axis}});
          expect_close(run_tuned(c, isa, {x}), run_op(op, 13, c.attributes, {x})[0],
                       dtype == DType::float16 ? 1e-3 : 1e-6, 1e-7);
        }
    }
  });
}

TEST_CASE("layer normalisation keeps its precision far from zero", "[normalize]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const double offset : {100.0, -3000.0}) {
      const Tensor x = noise({4, 768}, 5, offset - 1, offset + 1);
      const Tensor ones = arange({768}, 1, 0);
      const KernelCase c = parse("LayerNormalization", {"4x768", "768"});
      const Tensor expected =
          run_op(c.op, 17, {}, {convert(x, DType::float64), convert(ones, DType::float64)})[0];
      // The inputs are exact, so what is lost is rounding the mean and the differences once.
      expect_close(run_tuned(c, isa, {x, ones}), convert(expected, DType::float32), 0,
                   std::abs(offset) * 2.5e-7);
    }
  });
}

TEST_CASE("layer normalisation gives mean and deviation", "[normalize]") {
  testing::for_each_isa([](const Isa& isa) {
    KernelCase c = parse("LayerNormalization", {"3x40", "40", "40"});
    const std::vector<Tensor> inputs = testing::make_inputs(c, DType::float32);
    const graph::OpPtr op = testing::tuned_op(c, isa, inputs, 3);
    REQUIRE(op != nullptr);
    const auto got = run(*op, inputs, 3);
    const auto expected = run_op(c.op, 17, {}, inputs, 3);
    for (size_t i = 0; i < 3; ++i) expect_close(got[i], expected[i], 1e-6, 1e-6);
  });
}

TEST_CASE("extremes keep NaN and infinities, sums of float16 overflow", "[reduce]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const int position : {0, 3, 20, 34, 35}) {
      Tensor x = noise({36, 36}, 2);
      x.data<float>()[static_cast<size_t>(5 * 36 + position)] = nan;
      x.data<float>()[static_cast<size_t>(7 * 36 + position)] = infinity;
      x.data<float>()[static_cast<size_t>(9 * 36 + position)] = -infinity;
      for (const char* op : {"ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean", "ReduceL2"})
        for (const char* axes : {"@[0]", "@[1]"}) {
          const KernelCase c = parse(op, {"36x36", axes});
          const std::vector<Tensor> inputs{x, Tensor::from<int64_t>({1}, c.inputs[1].integers)};
          expect_close(run_tuned(c, isa, inputs), run_op(op, 22, {}, inputs)[0], 1e-6, 2e-6);
        }
    }
    const KernelCase c = parse("ReduceSum", {"2x40", "@[1]"});
    const Tensor y = run_tuned(c, isa, {arange({2, 40}, 2000, 0, DType::float16), ints({1}, {1})});
    CHECK(convert(y, DType::float32).data<float>()[0] == infinity);
  });
}

TEST_CASE("a row's result does not depend on the rows beside it", "[normalize][reduce]") {
  testing::for_each_isa([](const Isa& isa) {
    for (const char* op : {"Softmax", "ReduceMean", "ReduceL2", "LayerNormalization"}) {
      for (const char* rows : {"1x777", "300x777"}) {
        KernelCase c = parse(op, {rows});
        std::vector<Tensor> inputs{noise(c.inputs[0].dims, 7)};
        if (c.op == "LayerNormalization") {
          c.inputs.push_back(testing::parse_input("777"));
          inputs.push_back(noise({777}, 3));
        } else if (c.op != "Softmax") {
          c.inputs.push_back(testing::parse_input("@[1]"));
          inputs.push_back(ints({1}, {1}));
        }
        static Tensor first;
        const Tensor got = run_tuned(c, isa, inputs);
        if (got.dim(0) == 1)
          first = got;
        else
          CHECK(same_bits(slice_axis(got, 0, 0, 1), first));
      }
    }
  });
}

TEST_CASE("reductions of scattered axes are refused", "[reduce]") {
  const KernelCase c = parse("ReduceSum", {"2x3x4", "@[0,2]"});
  CHECK(testing::tuned_op(c, best_isa(), {noise({2, 3, 4}), ints({2}, {0, 2})}) == nullptr);
}

}  // namespace spinel::cpu
