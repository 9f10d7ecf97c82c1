#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;

namespace {
const float inf = std::numeric_limits<float>::infinity();
const float not_a_number = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST_CASE("Softmax along one axis", "[softmax]") {
  // e^0 : e^ln3 = 1 : 3
  const Tensor x = floats({2, 2}, {0, std::log(3.0f), 5, 5});
  expect_close(run_op("Softmax", 13, {}, {x})[0], floats({2, 2}, {0.25f, 0.75f, 0.5f, 0.5f}));
  expect_close(run_op("LogSoftmax", 13, {}, {x})[0],
               floats({2, 2}, {std::log(0.25f), std::log(0.75f), std::log(0.5f), std::log(0.5f)}));
  expect_close(run_op("Hardmax", 13, {}, {x})[0], floats({2, 2}, {0, 1, 1, 0}));
  expect_close(run_op("Softmax", 13, {{"axis", int64_t{0}}}, {floats({2, 2}, {0, 1, std::log(3.0f), 1})})[0],
               floats({2, 2}, {0.25f, 0.5f, 0.75f, 0.5f}));
  expect_close(run_op("Softmax", 13, {}, {convert(x, DType::float16)})[0],
               halves({2, 2}, {0.25f, 0.75f, 0.5f, 0.5f}), 1e-3);
}

TEST_CASE("Softmax of extreme values", "[softmax]") {
  expect_close(run_op("Softmax", 13, {}, {floats({4}, {1e30f, -1e30f, 1e30f, -inf})})[0],
               floats({4}, {0.5f, 0, 0.5f, 0}));
  expect_close(run_op("Softmax", 13, {}, {floats({2}, {-inf, -inf})})[0],
               floats({2}, {not_a_number, not_a_number}));
  expect_close(run_op("Softmax", 13, {}, {floats({2}, {not_a_number, 1})})[0],
               floats({2}, {not_a_number, not_a_number}));
  expect_close(run_op("LogSoftmax", 13, {}, {floats({2}, {0, -1000})})[0], floats({2}, {0, -1000}));
  CHECK(run_op("Softmax", 13, {}, {noise({2, 0})})[0].dims() == Dims{2, 0});
}

TEST_CASE("Softmax before opset 13 takes the axes from `axis` on as one", "[softmax]") {
  const Tensor x = floats({1, 2, 2}, {0, 0, 0, 0});
  expect_close(run_op("Softmax", 11, {}, {x})[0], floats({1, 2, 2}, {0.25f, 0.25f, 0.25f, 0.25f}));
  expect_close(run_op("Softmax", 11, {{"axis", int64_t{2}}}, {x})[0],
               floats({1, 2, 2}, {0.5f, 0.5f, 0.5f, 0.5f}));
  expect_close(run_op("Hardmax", 11, {{"axis", int64_t{0}}}, {floats({2, 2}, {1, 3, 3, 2})})[0],
               floats({2, 2}, {0, 1, 0, 0}));
}

TEST_CASE("Softmax splits unless it normalises along the batch", "[softmax]") {
  expect_batch_split("Softmax", 13, {}, {noise({3, 4, 5})}, {0});
  expect_batch_split("Softmax", 13, {{"axis", int64_t{1}}}, {noise({3, 4, 5})}, {2});
  expect_batch_split("Softmax", 11, {}, {noise({3, 4, 5})}, {0});
  CHECK(batch_op("Softmax", 13, {{"axis", int64_t{0}}}, {noise({3, 4})}, {BatchState::batched(0)}).blocked());
  CHECK(
      batch_op("Softmax", 13, {{"axis", int64_t{-2}}}, {noise({3, 4})}, {BatchState::batched(0)}).blocked());
  CHECK(batch_op("Softmax", 11, {}, {noise({3, 4, 5})}, {BatchState::batched(2)}).blocked());
  expect_error(ErrorCode::bad_model, "axis 2", [] {
    infer_op("Softmax", 13, {{"axis", int64_t{2}}}, {noise({3, 4})});
  });
}
