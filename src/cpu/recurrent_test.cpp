// RNN, GRU and LSTM with packed weights against the reference in float64.
#include "ops/recurrent.hpp"
#include "cpu/kernel_harness.hpp"

namespace spinel::cpu {
namespace {

using namespace ops::testing;
using testing::KernelCase;

/// Every output of the case, tuned and by the reference. Weights are scaled so that gates are not saturated.
void compare(KernelCase c, const Isa& isa, DType dtype, const std::vector<int64_t>& lengths) {
  std::vector<Tensor> inputs = testing::make_inputs(c, DType::float32, -1, 1);
  for (size_t i : {size_t{1}, size_t{2}})
    for (float& v : inputs[i].data<float>())
      v *= 2 / std::sqrt(static_cast<float>(std::max<int64_t>(1, c.inputs[i].dims.back())));
  for (Tensor& input : inputs)
    if (input.defined()) input = convert(input, dtype);
  const size_t outputs = c.op == "LSTM" ? 3 : 2;
  if (!lengths.empty()) {
    inputs.resize(std::max<size_t>(inputs.size(), 5));
    c.inputs.resize(inputs.size(), testing::parse_input("none"));
    std::vector<int32_t> narrow(lengths.begin(), lengths.end());
    inputs[4] = Tensor::from<int32_t>({std::ssize(narrow)}, narrow);
    c.inputs[4].kind = testing::CaseInput::Kind::data;
  }
  const graph::OpPtr op = testing::tuned_op(c, isa, inputs, outputs);
  REQUIRE(op != nullptr);
  CHECK(op->kernel() == "packed");
  std::vector<Tensor> wide;
  for (const Tensor& input : inputs)
    wide.push_back(input.defined() && input.dtype() == dtype ? convert(input, DType::float64) : input);
  const std::vector<Tensor> expected = run_op(c.op, c.version, c.attributes, wide, outputs);
  const std::vector<Tensor> actual = run(*op, inputs, outputs);
  for (size_t i = 0; i < outputs; ++i) testing::expect_near(actual[i], expected[i], 3e-6, 1);
}

/// The batch of a case.
int64_t batch_of(const KernelCase& c) { return c.inputs[0].dims[c.attributes.contains("layout") ? 0 : 1]; }
int64_t steps_of(const KernelCase& c) { return c.inputs[0].dims[c.attributes.contains("layout") ? 1 : 0]; }

}  // namespace

TEST_CASE("recurrent cells agree with the reference", "[recurrent]") {
  const std::vector<KernelCase> cases = testing::read_cases("recurrent.txt");
  testing::for_each_isa([&](const Isa& isa) {
    for (const KernelCase& c : cases)
      for (const DType dtype : {DType::float32, DType::float16}) {
        INFO(c.line << ", " << dtype_name(dtype) << " on " << isa.name);
        compare(c, isa, dtype, {});
        std::vector<int64_t> lengths;
        for (int64_t n = 0; n < batch_of(c); ++n) lengths.push_back((n * 3 + 1) % (steps_of(c) + 1));
        if (!lengths.empty()) compare(c, isa, dtype, lengths);
      }
  });
}

TEST_CASE("a recurrent cell's sample does not depend on the others nor on the steps to come", "[recurrent]") {
  testing::for_each_isa([](const Isa& isa) {
    KernelCase c = testing::read_cases("recurrent.txt")[1];
    const std::vector<Tensor> inputs = testing::make_inputs(c, DType::float32, -1, 1);
    const graph::OpPtr op = testing::tuned_op(c, isa, inputs, 3);
    const Tensor whole = run(*op, inputs, 3)[0];
    std::vector<Tensor> one = inputs;
    one[0] = slice_axis(inputs[0], 1, 1, 2);
    for (size_t i : {size_t{5}, size_t{6}}) one[i] = slice_axis(inputs[i], 1, 1, 2);
    CHECK(same_bits(run(*op, one, 3)[0], slice_axis(whole, 2, 1, 2)));
    one = inputs;
    one[0] = slice_axis(inputs[0], 0, 0, 2);
    CHECK(same_bits(run(*op, one, 3)[0], slice_axis(whole, 0, 0, 2)));
  });
}

TEST_CASE("cells with other functions or computed weights keep the reference kernel", "[recurrent]") {
  const Isa& isa = isas().front();
  KernelCase c = testing::read_cases("recurrent.txt")[0];
  const std::vector<Tensor> inputs = testing::make_inputs(c, DType::float32);
  REQUIRE(testing::tuned_op(c, isa, inputs) != nullptr);
  KernelCase computed = c;
  computed.inputs[2].constant = false;
  CHECK(testing::tuned_op(computed, isa, inputs) == nullptr);
  KernelCase coupled = c;
  coupled.attributes["input_forget"] = int64_t{1};
  CHECK(testing::tuned_op(coupled, isa, inputs) == nullptr);
  KernelCase soft = c;
  soft.attributes["activations"] = std::vector<std::string>{"Sigmoid", "Softsign", "Tanh"};
  CHECK(testing::tuned_op(soft, isa, inputs) == nullptr);
}

}  // namespace spinel::cpu
