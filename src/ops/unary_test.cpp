#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;

namespace {
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();
}  // namespace

// Expected values by the definitions in float64.
TEST_CASE("activations equal their definitions", "[unary]") {
  const Tensor x = floats({5}, {-3, -0.5f, 0, 0.25f, 4});
  struct Case {
    const char* op;
    Attributes attributes;
    std::vector<double> expected;
  };
  const Case cases[] = {
      {"Sigmoid", {}, {0.04742587317756678, 0.3775406687981454, 0.5, 0.5621765008857981, 0.9820137900379085}},
      {"Tanh", {}, {-0.9950547536867305, -0.46211715726000973, 0, 0.24491866240370913, 0.999329299739067}},
      {"HardSigmoid", {}, {0, 0.4, 0.5, 0.55, 1}},
      {"HardSigmoid", {{"alpha", 0.5f}, {"beta", 0.25f}}, {0, 0, 0.25, 0.375, 1}},
      {"HardSwish", {}, {0, -0.20833333333333334, 0, 0.13541666666666666, 4}},
      {"LeakyRelu", {{"alpha", 0.1f}}, {-0.3, -0.05, 0, 0.25, 4}},
      {"Elu", {{"alpha", 2.0f}}, {-1.900425863264272, -0.7869386805747332, 0, 0.25, 4}},
      {"Celu", {{"alpha", 2.0f}}, {-1.553739679703140, -0.44239843385719024, 0, 0.25, 4}},
      {"Selu", {}, {-1.6705687287671118, -0.6917581878028713, 0, 0.26267525553703308, 4.202804088592529}},
      {"ThresholdedRelu", {{"alpha", 0.2f}}, {0, 0, 0, 0.25, 4}},
      {"Softplus",
       {},
       {0.04858735157374206, 0.4740769841801067, 0.6931471805599453, 0.8259394198788435, 4.0181499279178094}},
      {"Softsign", {}, {-0.75, -1.0 / 3, 0, 0.2, 0.8}},
      {"Mish", {}, {-0.1456474612756246, -0.22074377465173, 0, 0.1695724096638176, 3.9974128069762385}},
      {"Gelu", {}, {-0.004049694095258, -0.15426876936299344, 0, 0.14967658171334307, 3.999873314672}},
      {"Gelu",
       {{"approximate", std::string("tanh")}},
       {-0.0036373920817730, -0.15428598818, 0, 0.14967566729, 3.9999297540518}},
      {"Shrink", {{"lambd", 0.3f}, {"bias", 0.1f}}, {-2.9, -0.4, 0, 0, 3.9}},
      {"Erf", {}, {-0.9999779095030014, -0.5204998778130465, 0, 0.27632639016823696, 0.9999999845827421}},
      {"Swish", {{"alpha", 2.0f}}, {-0.00741786940946, -0.13447071068499756, 0, 0.15561483285, 3.9986586019}},
  };
  for (const Case& each : cases) {
    INFO(each.op);
    const Tensor expected = Tensor::from<double>({5}, std::span<const double>(each.expected));
    const Tensor wide = convert(x, DType::float64);
    expect_close(run_op(each.op, 24, each.attributes, {x})[0], convert(expected, DType::float32), 2e-5, 1e-6);
    expect_close(run_op(each.op, 24, each.attributes, {wide})[0], expected, 2e-5, 1e-6);
    expect_close(run_op(each.op, 24, each.attributes, {convert(x, DType::float16)})[0],
                 convert(expected, DType::float16), 2e-3, 1e-4);
    expect_close(run_op(each.op, 24, each.attributes, {convert(x, DType::bfloat16)})[0],
                 convert(expected, DType::bfloat16), 2e-2, 1e-3);
  }
}

TEST_CASE("rounding, signs and reciprocals", "[unary]") {
  const Tensor x = floats({7}, {-2.5f, -1.5f, -0.4f, 0.5f, 1.5f, infinite, not_a_number});
  expect_close(run_op("Round", 11, {}, {x})[0], floats({7}, {-2, -2, 0, 0, 2, infinite, not_a_number}));
  expect_close(run_op("Floor", 13, {}, {x})[0], floats({7}, {-3, -2, -1, 0, 1, infinite, not_a_number}));
  expect_close(run_op("Ceil", 13, {}, {x})[0], floats({7}, {-2, -1, 0, 1, 2, infinite, not_a_number}));
  expect_close(run_op("Sign", 13, {}, {x})[0], floats({7}, {-1, -1, -1, 1, 1, 1, not_a_number}));
  expect_close(run_op("Abs", 13, {}, {x})[0],
               floats({7}, {2.5f, 1.5f, 0.4f, 0.5f, 1.5f, infinite, not_a_number}));
  expect_close(run_op("Neg", 13, {}, {x})[0],
               floats({7}, {2.5f, 1.5f, 0.4f, -0.5f, -1.5f, -infinite, not_a_number}));
  expect_close(run_op("Reciprocal", 13, {}, {floats({3}, {4, 0, -0.5f})})[0],
               floats({3}, {0.25f, infinite, -2}));
  expect_close(run_op("Sqrt", 13, {}, {floats({3}, {2.25f, 0, -1})})[0],
               floats({3}, {1.5f, 0, not_a_number}));
  expect_close(run_op("Log", 13, {}, {floats({3}, {1, 0, -1})})[0],
               floats({3}, {0, -infinite, not_a_number}));
  expect_close(run_op("Softplus", 1, {}, {floats({2}, {1000, -1000})})[0], floats({2}, {1000, 0}));
  expect_close(run_op("Sigmoid", 13, {}, {floats({2}, {1000, -1000})})[0], floats({2}, {1, 0}));
  CHECK(run_op("Relu", 14, {}, {Tensor(DType::float32, {2, 0, 3})})[0].dims() == Dims{2, 0, 3});
  expect_close(run_op("Exp", 13, {}, {Tensor::scalar(1.0f)})[0], Tensor::scalar(2.7182817f));
}

TEST_CASE("trigonometric functions and their inverses agree", "[unary]") {
  const Tensor x = noise({40}, 3, -0.9, 0.9);
  for (const auto& [there, back] :
       {std::pair{"Sin", "Asin"}, {"Tan", "Atan"}, {"Sinh", "Asinh"}, {"Tanh", "Atanh"}})
    expect_close(run_op(back, 13, {}, run_op(there, 13, {}, {x}))[0], x, 1e-5, 1e-6);
  const Tensor positive = noise({40}, 4, 0.1, 0.9);
  for (const auto& [there, back] : {std::pair{"Cos", "Acos"}, {"Cosh", "Acosh"}})
    expect_close(run_op(back, 13, {}, run_op(there, 13, {}, {positive}))[0], positive, 1e-4, 1e-5);
  expect_close(run_op("Cos", 13, {}, {floats({1}, {1})})[0], floats({1}, {0.54030231f}));
  expect_close(run_op("Acosh", 13, {}, {floats({1}, {2})})[0], floats({1}, {1.3169579f}));
}

TEST_CASE("integers and bool", "[unary]") {
  const Tensor x = Tensor::from<int8_t>({4}, {-128, -3, 0, 127});
  expect_close(run_op("Abs", 13, {}, {x})[0], Tensor::from<int8_t>({4}, {-128, 3, 0, 127}));
  expect_close(run_op("Neg", 13, {}, {x})[0], Tensor::from<int8_t>({4}, {-128, 3, 0, -127}));
  expect_close(run_op("Relu", 14, {}, {x})[0], Tensor::from<int8_t>({4}, {0, 0, 0, 127}));
  expect_close(run_op("Sign", 13, {}, {x})[0], Tensor::from<int8_t>({4}, {-1, -1, 0, 1}));
  expect_close(run_op("BitwiseNot", 18, {}, {x})[0], Tensor::from<int8_t>({4}, {127, 2, -1, -128}));
  const Tensor bytes = Tensor::from<uint8_t>({3}, {0, 1, 255});
  expect_close(run_op("Abs", 13, {}, {bytes})[0], bytes);
  expect_close(run_op("BitwiseNot", 18, {}, {bytes})[0], Tensor::from<uint8_t>({3}, {255, 254, 0}));
  expect_close(run_op("Not", 1, {}, {bools({3}, {true, false, true})})[0], bools({3}, {false, true, false}));
  expect_close(run_op("IsNaN", 13, {}, {floats({3}, {not_a_number, infinite, 1})})[0],
               bools({3}, {true, false, false}));
  expect_close(run_op("IsInf", 10, {{"detect_negative", int64_t{0}}},
                      {halves({3}, {not_a_number, infinite, -infinite})})[0],
               bools({3}, {false, true, false}));
  expect_error(ErrorCode::unsupported, "Sigmoid of int8", [&] { run_op("Sigmoid", 13, {}, {x}); });
  expect_error(ErrorCode::unsupported, "Not of uint8", [&] { run_op("Not", 1, {}, {bytes}); });
  expect_error(ErrorCode::unsupported, "Neg of uint8", [&] { run_op("Neg", 13, {}, {bytes}); });
}

TEST_CASE("unary operators over many elements and over the batch", "[unary]") {
  const Tensor x = noise({3, 70001}, 5, -8, 8);
  const Tensor y = run_op("HardSwish", 14, {}, {x})[0];
  for (size_t i : {size_t{0}, size_t{16384}, size_t{16383}, size_t{210002}}) {
    const float v = x.data<float>()[i];
    CHECK(y.data<float>()[i] == Approx(v * std::clamp(v / 6 + 0.5f, 0.0f, 1.0f)).margin(1e-6));
  }
  expect_batch_split("Sigmoid", 13, {}, {noise({3, 5, 7})}, {1});
  CHECK(infer_op("Neg", 13, {}, {ints({2}, {4, -5})}).ints_text() == "[-4, 5]");
  CHECK(
      batch_op("Exp", 13, {}, {{DType::float32, {3, graph::Dim::symbol("batch")}}}, {BatchState::batched(1)})
          .text() == "batched(1)");
}

TEST_CASE("Clip bounds by attributes and by inputs", "[clip]") {
  const Tensor x = floats({5}, {-3, -1, 0, not_a_number, 9});
  expect_close(run_op("Clip", 6, {{"min", -1.0f}, {"max", 6.0f}}, {x})[0],
               floats({5}, {-1, -1, 0, not_a_number, 6}));
  expect_close(run_op("Clip", 6, {}, {x})[0], x);
  expect_close(run_op("Clip", 13, {}, {x, Tensor::scalar(-2.0f), Tensor::scalar(6.0f)})[0],
               floats({5}, {-2, -1, 0, not_a_number, 6}));
  expect_close(run_op("Clip", 13, {}, {x, Tensor(), Tensor::scalar(-2.0f)})[0],
               floats({5}, {-3, -2, -2, not_a_number, -2}));
  expect_close(run_op("Clip", 13, {}, {x, Tensor::scalar(5.0f), Tensor::scalar(1.0f)})[0],
               floats({5}, {1, 1, 1, not_a_number, 1}));
  const Tensor halves_in = convert(x, DType::float16);
  expect_close(run_op("Clip", 13, {}, {halves_in, Tensor::scalar(Half(0.0f)), Tensor::scalar(Half(6.0f))})[0],
               halves({5}, {0, 0, 0, not_a_number, 6}));
  expect_close(
      run_op("Clip", 12, {}, {Tensor::from<uint8_t>({3}, {1, 200, 7}), Tensor::scalar(uint8_t{5})})[0],
      Tensor::from<uint8_t>({3}, {5, 200, 7}));
  expect_close(run_op("Clip", 12, {}, {ints({2}, {-7, 7}), Tensor::scalar(int64_t{-3})})[0],
               ints({2}, {-3, 7}));
  expect_batch_split("Clip", 13, {}, {noise({4, 3}), Tensor::scalar(-0.5f), Tensor::scalar(0.5f)},
                     {0, -1, -1});
  expect_error(ErrorCode::bad_model, "bound 1 is int64", [&] {
    run_op("Clip", 13, {}, {x, Tensor::scalar(int64_t{0})});
  });
  expect_error(ErrorCode::invalid_argument, "holds 2 elements", [&] {
    run_op("Clip", 13, {}, {x, floats({2}, {0, 1})});
  });
}
