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
  expect_error(ErrorCode::bad_model, "input_var has 3", [&] {
    infer_op("BatchNormalization", 15, {}, {noise({3, 2, 4}), c, c, c, noise({3})});
  });
  const auto op = make("BatchNormalization", 15);
  expect_error(ErrorCode::invalid_argument, "scale", [&] {
    run_values(*op, {noise({3, 2, 4}), noise({5}), c, c, c});
  });
}

// Y, running mean and variance are torch's; outputs 3 and 4 of old opsets, mean and inverse deviation, are
// those that ONNX Runtime gives.
TEST_CASE("BatchNormalization in training mode", "[batch_normalization]") {
  const std::vector<Tensor> inputs{noise({3, 2, 2}, 6), floats({2}, {1.5f, -0.5f}), floats({2}, {0.25f, 1}),
                                   floats({2}, {0.5f, 1}), floats({2}, {2, 3})};
  const Tensor y = floats({3, 2, 2}, {-1.116423f, 0.3781774f, 1.311445f, 1.559842f, 1.191445f, -1.822329f,
                                      1.286158f, 1.039715f, 0.08755868f, 2.78157f, 0.02098084f, 0.7818597f});
  const Tensor mean = floats({2}, {0.435935f, 0.8836685f});
  const Tensor variance = floats({2}, {1.83733f, 2.729036f});
  const auto expect_training = [&](int version, const Attributes& attributes, size_t outputs) {
    const auto out = run_op("BatchNormalization", version, attributes, inputs, outputs);
    expect_close(out[0], y);
    if (outputs > 1) expect_close(out[1], mean);
    if (outputs > 2) expect_close(out[2], variance);
    if (outputs == 5) expect_close(out[3], floats({2}, {-0.1406504f, -0.1633148f}));
    if (outputs == 5) expect_close(out[4], floats({2}, {1.636675f, 1.855785f}));
  };
  expect_training(14, {{"training_mode", int64_t{1}}}, 3);
  expect_training(15, {{"training_mode", int64_t{1}}}, 1);
  expect_training(9, {}, 5);
  expect_training(7, {}, 5);
  expect_training(6, {{"is_test", int64_t{0}}}, 5);
  CHECK(batch_op("BatchNormalization", 15, {{"training_mode", int64_t{1}}},
                 {inputs[0], inputs[1], inputs[2], inputs[3], inputs[4]}, {BatchState::batched(0)})
            .blocked());
  const Tensor inferred = run_op("BatchNormalization", 6, {}, inputs)[0];
  CHECK_FALSE(
      same_bits(inferred, run_op("BatchNormalization", 15, {{"training_mode", int64_t{1}}}, inputs)[0]));
}
