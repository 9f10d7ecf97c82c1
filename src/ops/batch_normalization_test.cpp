#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;

TEST_CASE("BatchNormalization scales and shifts each channel", "[batch_normalization]") {
  const Tensor x = floats({1, 2, 1, 2}, {1, 2, 3, 4});
  const Tensor scale = floats({2}, {1, 2});
  const Tensor bias = floats({2}, {0, 1});
  const Tensor mean = floats({2}, {1, 3});
  const Tensor variance = floats({2}, {4, 0.25f});
  const Tensor expected = floats({1, 2, 1, 2}, {0, 0.5f, 1, 5});
  for (int version : {7, 9, 14, 15})
    expect_close(
        run_op("BatchNormalization", version, {{"epsilon", 0.0f}}, {x, scale, bias, mean, variance})[0],
        expected);
  expect_close(
      run_op("BatchNormalization", 1,
             {{"epsilon", 0.0f}, {"is_test", int64_t{1}}, {"consumed_inputs", std::vector<int64_t>{0}}},
             {x, scale, bias, mean, variance})[0],
      expected);
  expect_close(run_op("BatchNormalization", 15, {{"epsilon", 0.0f}},
                      {convert(x, DType::float16), scale, bias, mean, variance})[0],
               convert(expected, DType::float16));
  expect_close(run_op("BatchNormalization", 9, {{"epsilon", 0.75f}},
                      {floats({1, 1}, {3}), floats({1}, {1}), floats({1}, {0}), floats({1}, {1}),
                       floats({1}, {0.25f})})[0],
               floats({1, 1}, {2}));
}

TEST_CASE("BatchNormalization with spatial = 0 has a parameter for each element", "[batch_normalization]") {
  const Tensor ones = floats({2, 2}, {1, 1, 1, 1});
  expect_close(run_op("BatchNormalization", 7, {{"epsilon", 0.0f}, {"spatial", int64_t{0}}},
                      {arange({2, 2, 2}), ones, floats({2, 2}, {0, 10, 20, 30}), floats({2, 2}, {0, 0, 0, 1}),
                       ones})[0],
               floats({2, 2, 2}, {0, 11, 22, 32, 4, 15, 26, 36}));
}

TEST_CASE("BatchNormalization splits and refuses", "[batch_normalization]") {
  const Tensor c = noise({2}, 1, 0.5, 1);
  expect_batch_split("BatchNormalization", 9, {}, {noise({3, 2, 4}), c, c, c, c}, {0, -1, -1, -1, -1});
  CHECK(batch_op("BatchNormalization", 9, {}, {noise({3, 2, 4}), c, c, c, c}, {BatchState::batched(1)})
            .blocked());
  CHECK(batch_op("BatchNormalization", 9, {}, {noise({3, 2, 4}), c, c, c, c},
                 {BatchState::batched(0), BatchState::batched(0)})
            .blocked());
  expect_error(ErrorCode::unsupported, "training_mode", [] {
    make("BatchNormalization", 15, {{"training_mode", int64_t{1}}});
  });
  expect_error(ErrorCode::bad_model, "input_var has 3", [&] {
    infer_op("BatchNormalization", 15, {}, {noise({3, 2, 4}), c, c, c, noise({3})});
  });
  const auto op = make("BatchNormalization", 15);
  expect_error(ErrorCode::invalid_argument, "scale", [&] {
    run_values(*op, {noise({3, 2, 4}), noise({5}), c, c, c});
  });
}
