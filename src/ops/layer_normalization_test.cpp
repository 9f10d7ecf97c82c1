// LayerNormalization, InstanceNormalization, GroupNormalization, LRN, LpNormalization,
// MeanVarianceNormalization.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;

namespace {
const Attributes no_epsilon{{"epsilon", 0.0f}};
}  // namespace

TEST_CASE("LayerNormalization over the last axis, with its statistics", "[layer_normalization]") {
  // Means 2 and 5, deviations 1 and 3.
  const Tensor x = floats({2, 2}, {1, 3, 2, 8});
  const auto out =
      run_op("LayerNormalization", 17, no_epsilon, {x, floats({2}, {2, 10}), floats({2}, {0, 1})}, 3);
  expect_close(out[0], floats({2, 2}, {-2, 11, -2, 11}));
  expect_close(out[1], floats({2, 1}, {2, 5}));
  expect_close(out[2], floats({2, 1}, {1, 1.0f / 3}));
  expect_close(
      run_op("LayerNormalization", 17, {{"epsilon", 3.0f}}, {floats({1, 2}, {1, 3}), floats({2}, {1, 1})})[0],
      floats({1, 2}, {-0.5f, 0.5f}));
}

TEST_CASE("LayerNormalization over several axes broadcasts its parameters", "[layer_normalization]") {
  const Tensor x = floats({1, 2, 2}, {0, 0, 2, 2});
  const Attributes axis{{"epsilon", 0.0f}, {"axis", int64_t{1}}};
  expect_close(run_op("LayerNormalization", 17, axis, {x, floats({2, 2}, {1, 2, 3, 4})})[0],
               floats({1, 2, 2}, {-1, -2, 3, 4}));
  expect_close(run_op("LayerNormalization", 17, axis, {x, floats({2}, {1, 2})})[0],
               floats({1, 2, 2}, {-1, -2, 1, 2}));
  expect_close(run_op("LayerNormalization", 17, axis, {convert(x, DType::float16), halves({1}, {1})})[0],
               halves({1, 2, 2}, {-1, -1, 1, 1}));
  // A large mean must not eat the variance.
  expect_close(run_op("LayerNormalization", 17, no_epsilon,
                      {floats({1, 2}, {16777216, 16777218}), floats({2}, {1, 1})})[0],
               floats({1, 2}, {-1, 1}));
}

TEST_CASE("LayerNormalization splits and refuses", "[layer_normalization]") {
  expect_batch_split("LayerNormalization", 17, {}, {noise({3, 4, 5}), noise({5}), noise({5})}, {0, -1, -1},
                     3);
  CHECK(batch_op("LayerNormalization", 17, {{"axis", int64_t{0}}}, {noise({3, 4}), noise({4})},
                 {BatchState::batched(0)})
            .blocked());
  const auto op = make("LayerNormalization", 17, {}, 2);
  expect_error(ErrorCode::invalid_argument, "Scale", [&] { run_values(*op, {noise({2, 4}), noise({3})}); });
  expect_error(ErrorCode::unsupported, "stash_type", [] {
    make("LayerNormalization", 17, {{"stash_type", int64_t{10}}});
  });
}

TEST_CASE("InstanceNormalization normalises each plane", "[group_normalization]") {
  const Tensor x = floats({1, 2, 2}, {1, 3, 2, 8});
  expect_close(
      run_op("InstanceNormalization", 6, no_epsilon, {x, floats({2}, {1, 2}), floats({2}, {0, 5})})[0],
      floats({1, 2, 2}, {-1, 1, 3, 7}));
  expect_batch_split("InstanceNormalization", 6, {}, {noise({3, 2, 5}), noise({2}), noise({2})}, {0, -1, -1});
  const auto op = make("InstanceNormalization", 6, {}, 3);
  expect_error(ErrorCode::invalid_argument, "scale", [&] { run_values(*op, {x, noise({3}), noise({2})}); });
}

TEST_CASE("GroupNormalization has parameters a group before opset 21, a channel since",
          "[group_normalization]") {
  const Tensor x = floats({1, 4, 1}, {1, 3, 2, 8});
  const Attributes two{{"epsilon", 0.0f}, {"num_groups", int64_t{2}}};
  expect_close(run_op("GroupNormalization", 18, two, {x, floats({2}, {1, 2}), floats({2}, {0, 5})})[0],
               floats({1, 4, 1}, {-1, 1, 3, 7}));
  expect_close(
      run_op("GroupNormalization", 21, two, {x, floats({4}, {1, 2, 3, 4}), floats({4}, {0, 0, 0, 1})})[0],
      floats({1, 4, 1}, {-1, 2, -3, 5}));
  expect_error(ErrorCode::bad_model, "num_groups 3", [&] {
    infer_op("GroupNormalization", 21, {{"num_groups", int64_t{3}}}, {x, noise({4}), noise({4})});
  });
}

TEST_CASE("LRN looks at neighbouring channels", "[lrn]") {
  // size 3, alpha 3: the divisor is 1 + sum of squares of up to three channels.
  const Tensor x = floats({1, 4, 1}, {1, 2, 3, 4});
  expect_close(run_op("LRN", 13, {{"size", int64_t{3}}, {"alpha", 3.0f}, {"beta", 1.0f}}, {x})[0],
               floats({1, 4, 1}, {1.0f / 6, 2.0f / 15, 3.0f / 30, 4.0f / 26}));
  // An even size looks one channel further ahead than back.
  expect_close(run_op("LRN", 13, {{"size", int64_t{2}}, {"alpha", 2.0f}, {"beta", 1.0f}}, {x})[0],
               floats({1, 4, 1}, {1.0f / 6, 2.0f / 14, 3.0f / 26, 4.0f / 17}));
  expect_batch_split("LRN", 13, {{"size", int64_t{3}}}, {noise({2, 5, 3})}, {0});
}

TEST_CASE("LpNormalization and MeanVarianceNormalization", "[lp_normalization]") {
  expect_close(run_op("LpNormalization", 1, {}, {floats({2, 2}, {3, 4, 0, 0})})[0],
               floats({2, 2}, {0.6f, 0.8f, 0, 0}));
  expect_close(
      run_op("LpNormalization", 1, {{"axis", int64_t{0}}, {"p", int64_t{1}}}, {floats({2, 1}, {-1, 3})})[0],
      floats({2, 1}, {-0.25f, 0.75f}));
  expect_close(run_op("MeanVarianceNormalization", 13, {{"axes", std::vector<int64_t>{0, 2}}},
                      {floats({2, 2, 1}, {1, 2, 3, 8})})[0],
               floats({2, 2, 1}, {-1, -1, 1, 1}));
  expect_batch_split("MeanVarianceNormalization", 13, {{"axes", std::vector<int64_t>{2}}}, {noise({3, 2, 5})},
                     {0});
  CHECK(batch_op("MeanVarianceNormalization", 13, {}, {noise({3, 2, 2, 2})}, {BatchState::batched(0)})
            .blocked());
}
