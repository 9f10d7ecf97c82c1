#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;

namespace {
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();
const Dim batch = Dim::symbol("batch");
}  // namespace

TEST_CASE("arithmetic broadcasts as numpy does", "[binary]") {
  const Tensor a = arange({2, 3}, 1);
  expect_close(run_op("Add", 14, {}, {a, floats({3}, {10, 20, 30})})[0],
               floats({2, 3}, {11, 22, 33, 14, 25, 36}));
  expect_close(run_op("Sub", 14, {}, {floats({2, 1}, {10, 20}), a})[0],
               floats({2, 3}, {9, 8, 7, 16, 15, 14}));
  expect_close(run_op("Mul", 14, {}, {floats({2, 1, 1}, {1, 2}), floats({1, 2, 2}, {1, 2, 3, 4})})[0],
               floats({2, 2, 2}, {1, 2, 3, 4, 2, 4, 6, 8}));
  expect_close(run_op("Div", 14, {}, {Tensor::scalar(6.0f), a})[0], floats({2, 3}, {6, 3, 2, 1.5f, 1.2f, 1}));
  CHECK(run_op("Add", 14, {}, {Tensor(DType::float32, {0, 3}), floats({1, 3}, {1, 2, 3})})[0].dims() ==
        Dims{0, 3});
  CHECK(run_op("Add", 14, {}, {Tensor::scalar(1.0f), Tensor::scalar(2.0f)})[0].dims().empty());
  expect_error(ErrorCode::bad_model, "cannot be broadcast", [&] {
    run_op("Add", 14, {}, {a, floats({2}, {1, 2})});
  });
  expect_error(ErrorCode::bad_model, "the types float32 and int64", [&] {
    run_op("Add", 14, {}, {a, ints({1}, {1})});
  });
}

TEST_CASE("a large broadcast equals a plain loop, in every type", "[binary]") {
  for (DType dtype : {DType::float32, DType::float16, DType::float64, DType::int32, DType::uint8}) {
    const Tensor a = noise({7, 1, 5, 301}, 1, 1, 9, dtype);
    const Tensor b = noise({6, 1, 301}, 2, 1, 9, dtype);
    const Tensor y = run_op("Mul", 14, {}, {a, b})[0];
    CHECK(y.dims() == Dims{7, 6, 5, 301});
    Tensor expected(DType::float64, y.dims());
    const Tensor wide_a = convert(a, DType::float64);
    const Tensor wide_b = convert(b, DType::float64);
    size_t at = 0;
    for (size_t n = 0; n < 7; ++n)
      for (size_t c = 0; c < 6; ++c)
        for (size_t h = 0; h < 5; ++h)
          for (size_t w = 0; w < 301; ++w)
            expected.data<double>()[at++] =
                wide_a.data<double>()[(n * 5 + h) * 301 + w] * wide_b.data<double>()[c * 301 + w];
    expect_close(y, convert(expected, dtype), 1e-6, 0);
  }
}

TEST_CASE("integer division, modulo and powers", "[binary]") {
  expect_close(run_op("Div", 14, {}, {ints({4}, {7, -7, 7, -7}), ints({4}, {2, 2, -2, -2})})[0],
               ints({4}, {3, -3, -3, 3}));
  expect_close(run_op("Div", 14, {}, {ints({2}, {5, -8}), ints({1}, {-1})})[0], ints({2}, {-5, 8}));
  const int64_t lowest = std::numeric_limits<int64_t>::min();
  expect_close(run_op("Div", 14, {}, {ints({1}, {lowest}), ints({1}, {-1})})[0], ints({1}, {lowest}));
  expect_error(ErrorCode::invalid_argument, "divided by zero", [] {
    run_op("Div", 14, {}, {ints({2}, {1, 2}), ints({2}, {1, 0})});
  });
  const Tensor a = ints({6}, {-4, 7, 5, 4, -7, 8});
  const Tensor b = ints({6}, {2, -3, 8, -2, 3, 5});
  expect_close(run_op("Mod", 13, {}, {a, b})[0], ints({6}, {0, -2, 5, 0, 2, 3}));
  expect_close(run_op("Mod", 13, {{"fmod", int64_t{1}}}, {a, b})[0], ints({6}, {0, 1, 5, 0, -1, 3}));
  expect_close(
      run_op("Mod", 13, {{"fmod", int64_t{1}}}, {floats({2}, {-4.3f, 7.2f}), floats({2}, {2.1f, -3.4f})})[0],
      floats({2}, {-0.1f, 0.4f}), 1e-5, 1e-6);
  // The table of opset 28: the divisor's sign, even for zeros and infinities.
  const Tensor rest = run_op("Mod", 28, {},
                             {floats({7}, {-4.3f, 7.2f, 0, -0.0f, -3, 1, infinite}),
                              floats({7}, {2.1f, -3.4f, -2, 2, infinite, -infinite, 2})})[0];
  expect_close(rest, floats({7}, {2, -3, -0.0f, 0, infinite, -infinite, not_a_number}), 1e-5, 1e-6);
  CHECK(std::signbit(rest.data<float>()[2]));
  CHECK_FALSE(std::signbit(rest.data<float>()[3]));
  expect_close(run_op("Pow", 15, {}, {floats({4}, {2, 3, -2, 9}), floats({4}, {3, 2, 3, 0.5f})})[0],
               floats({4}, {8, 9, -8, 3}));
  expect_close(run_op("Pow", 15, {}, {ints({4}, {3, -2, 2, -1}), ints({4}, {4, 3, -1, -3})})[0],
               ints({4}, {81, -8, 0, -1}));
  expect_close(run_op("Pow", 15, {}, {Tensor::from<int32_t>({2}, {2, 9}), floats({2}, {3, 0.5f})})[0],
               Tensor::from<int32_t>({2}, {8, 3}));
  expect_close(run_op("Pow", 15, {}, {floats({2}, {2, 4}), Tensor::scalar(int64_t{-1})})[0],
               floats({2}, {0.5f, 0.25f}));
  expect_close(run_op("BitShift", 11, {{"direction", std::string("RIGHT")}},
                      {Tensor::from<uint8_t>({3}, {16, 4, 255}), Tensor::from<uint8_t>({3}, {1, 2, 9})})[0],
               Tensor::from<uint8_t>({3}, {8, 1, 0}));
  expect_close(run_op("BitShift", 11, {{"direction", std::string("LEFT")}},
                      {Tensor::from<uint8_t>({2}, {16, 200}), Tensor::from<uint8_t>({2}, {1, 1})})[0],
               Tensor::from<uint8_t>({2}, {32, 144}));
  const Tensor signed_bits = Tensor::from<int8_t>({4}, {-8, 4, -1, -100});
  const Tensor shifts = Tensor::from<int8_t>({4}, {-1, 33, 8, 1});
  expect_close(run_op("BitShift", 28, {{"direction", std::string("RIGHT")}}, {signed_bits, shifts})[0],
               Tensor::from<int8_t>({4}, {-1, 0, -1, -50}));
  expect_close(run_op("BitShift", 28, {{"direction", std::string("LEFT")}}, {signed_bits, shifts})[0],
               Tensor::from<int8_t>({4}, {0, 0, 0, 56}));
  expect_close(run_op("BitwiseXor", 18, {}, {ints({2}, {6, -1}), ints({2}, {3, 5})})[0], ints({2}, {5, -6}));
}

TEST_CASE("comparisons and logic", "[binary]") {
  const Tensor a = floats({4}, {1, 2, not_a_number, infinite});
  const Tensor b = floats({4}, {2, 2, not_a_number, 0});
  expect_close(run_op("Less", 13, {}, {a, b})[0], bools({4}, {true, false, false, false}));
  expect_close(run_op("LessOrEqual", 16, {}, {a, b})[0], bools({4}, {true, true, false, false}));
  expect_close(run_op("Greater", 13, {}, {a, b})[0], bools({4}, {false, false, false, true}));
  expect_close(run_op("GreaterOrEqual", 16, {}, {a, b})[0], bools({4}, {false, true, false, true}));
  expect_close(run_op("Equal", 13, {}, {a, b})[0], bools({4}, {false, true, false, false}));
  expect_close(run_op("Equal", 19, {},
                      {Tensor::from<std::string>({2}, {"a", "b"}), Tensor::scalar<std::string>("b")})[0],
               bools({2}, {false, true}));
  expect_close(run_op("Equal", 13, {}, {bools({2}, {true, false}), bools({2}, {true, true})})[0],
               bools({2}, {true, false}));
  const Tensor p = bools({4}, {false, false, true, true});
  const Tensor q = bools({4}, {false, true, false, true});
  expect_close(run_op("And", 7, {}, {p, q})[0], bools({4}, {false, false, false, true}));
  expect_close(run_op("Or", 7, {}, {p, q})[0], bools({4}, {false, true, true, true}));
  expect_close(run_op("Xor", 7, {}, {p, q})[0], bools({4}, {false, true, true, false}));
  expect_error(ErrorCode::unsupported, "And of float32", [&] { run_op("And", 7, {}, {a, b}); });
}

TEST_CASE("broadcasting before opset 7", "[binary]") {
  const Tensor a = arange({2, 3, 2}, 0);
  const Tensor b = floats({3}, {100, 200, 300});
  expect_close(run_op("Add", 6, {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}}, {a, b})[0],
               floats({2, 3, 2}, {100, 101, 202, 203, 304, 305, 106, 107, 208, 209, 310, 311}));
  expect_close(run_op("Add", 6, {{"broadcast", int64_t{1}}}, {a, floats({2}, {10, 20})})[0],
               floats({2, 3, 2}, {10, 21, 12, 23, 14, 25, 16, 27, 18, 29, 20, 31}));
  expect_error(ErrorCode::invalid_argument, "broadcast is not set", [&] {
    ops::testing::run_values(*make("Add", 6, {}, 2), {a, floats({2}, {1, 2})});
  });
  CHECK(batch_op("Add", 6, {{"broadcast", int64_t{1}}, {"axis", int64_t{1}}},
                 {{DType::float32, {batch, 3, 2}}, InferInput(b)}, {BatchState::batched(0)})
            .text() == "batched(0)");
}

TEST_CASE("Min, Max, Sum and Mean fold any number of inputs", "[variadic]") {
  const Tensor a = floats({3}, {1, not_a_number, 3});
  const Tensor b = floats({3}, {4, 2, 2});
  const Tensor c = floats({1}, {2});
  expect_close(run_op("Max", 13, {}, {a, b, c})[0], floats({3}, {4, not_a_number, 3}));
  expect_close(run_op("Min", 13, {}, {b, a})[0], floats({3}, {1, not_a_number, 2}));
  expect_close(run_op("Min", 13, {}, {a, b})[0], floats({3}, {1, not_a_number, 2}));
  expect_close(run_op("Sum", 13, {}, {a, b, c})[0], floats({3}, {7, not_a_number, 7}));
  expect_close(run_op("Mean", 13, {}, {a, b, c})[0], floats({3}, {7.0f / 3, not_a_number, 7.0f / 3}));
  expect_close(run_op("Mean", 13, {}, {b})[0], b);
  // 2048 + 1 is not a float16, 2048 + 1 + 1 is: only the last result may be rounded.
  expect_close(run_op("Sum", 13, {}, {halves({1}, {2048}), halves({1}, {1}), halves({1}, {1})})[0],
               halves({1}, {2050}), 0, 0);
  expect_close(run_op("Max", 13, {},
                      {Tensor::from<uint64_t>({1}, {~uint64_t{0}}), Tensor::from<uint64_t>({1}, {1})})[0],
               Tensor::from<uint64_t>({1}, {~uint64_t{0}}));
  expect_error(ErrorCode::invalid_argument, "must be equal", [&] {
    ops::testing::run_values(*make("Sum", 6, {}, 2), {a, c});
  });
}

TEST_CASE("PRelu and Where", "[binary]") {
  const Tensor x = floats({1, 2, 2}, {-1, 2, -3, 4});
  expect_close(run_op("PRelu", 16, {}, {x, floats({2, 1}, {0.5f, 2})})[0],
               floats({1, 2, 2}, {-0.5f, 2, -6, 4}));
  expect_close(run_op("PRelu", 6, {}, {x, floats({2}, {0.5f, 2})})[0], floats({1, 2, 2}, {-0.5f, 2, -6, 4}));
  expect_error(ErrorCode::bad_model, "more dims", [&] {
    run_op("PRelu", 16, {}, {floats({2}, {1, 2}), floats({1, 2}, {1, 1})});
  });
  const Tensor test = bools({2, 1}, {true, false});
  expect_close(run_op("Where", 9, {}, {test, floats({2}, {1, 2}), Tensor::scalar(9.0f)})[0],
               floats({2, 2}, {1, 2, 9, 9}));
  expect_close(
      run_op("Where", 9, {}, {test, Tensor::scalar<std::string>("x"), Tensor::scalar<std::string>("y")})[0],
      Tensor::from<std::string>({2, 1}, {"x", "y"}));
}

TEST_CASE("shape arithmetic is known while inferring", "[binary]") {
  const InferInput shape(DType::int64, {2}, {batch, Dim(6)});
  CHECK(infer_op("Mul", 14, {}, {shape, ints({1}, {2})}).ints_text() == "[2*batch, 12]");
  CHECK(infer_op("Sub", 14, {}, {shape, ints({2}, {0, 7})}).ints_text() == "[batch, -1]");
  CHECK(infer_op("Div", 14, {}, {shape, ints({1}, {4})}).ints_text() == "[((batch) / (4)), 1]");
  CHECK(infer_op("Div", 14, {}, {ints({1}, {-7}), ints({1}, {2})}).ints_text() == "[-3]");
  CHECK(infer_op("Max", 13, {}, {shape, ints({1}, {0})}).ints_text() == "[batch, 6]");
  CHECK(infer_op("Max", 13, {}, {shape, ints({1}, {7})}).ints_text() == "[?, 7]");
  CHECK(infer_op("Equal", 13, {}, {shape, ints({1}, {-1})}).ints_text() == "[0, 0]");
  CHECK(infer_op("Equal", 13, {}, {shape, ints({1}, {6})}).ints_text() == "[?, 1]");
  CHECK(
      infer_op("Where", 16, {}, {InferInput(DType::boolean, {2}, {Dim(0), Dim(1)}), ints({2}, {1, 2}), shape})
          .ints_text() == "[batch, 2]");
}

TEST_CASE("the batch of elementwise operators", "[binary]") {
  expect_batch_split("Add", 14, {}, {noise({3, 4, 2}), noise({4, 2}, 2)}, {0, -1});
  expect_batch_split("Mul", 14, {}, {noise({3, 4}), noise({3, 1}, 2)}, {0, 0});
  expect_batch_split("Sub", 14, {}, {noise({2, 3, 4}), noise({3, 1}, 2)}, {1, 0});
  CHECK(batch_op("Add", 14, {}, {{DType::float32, {batch, 4}}, noise({3, 4})}, {BatchState::batched(0)})
            .blocked());
  CHECK(batch_op("Add", 14, {}, {{DType::float32, {batch, 4}}, {DType::float32, {batch}}},
                 {BatchState::batched(0), BatchState::batched(0)})
            .blocked());
  CHECK(batch_op("Where", 16, {},
                 {{DType::boolean, {batch, 1}}, {DType::float32, {4}}, {DType::float32, {1}}},
                 {BatchState::batched(0)})
            .text() == "batched(0)");
}
