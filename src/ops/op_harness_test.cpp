#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using spinel::ops::BatchState;

TEST_CASE("the harness runs, infers and splits an operator", "[harness]") {
  const Tensor x = floats({2, 2}, {-1, 2, std::numeric_limits<float>::quiet_NaN(), -0.5f});
  const Tensor expected = floats({2, 2}, {0, 2, std::numeric_limits<float>::quiet_NaN(), 0});
  expect_close(run_op("Relu", 14, {}, {x})[0], expected);
  expect_close(run_op("Relu", 14, {}, {convert(x, DType::float16)})[0], convert(expected, DType::float16));
  const graph::Shape shape{graph::Dim::symbol("batch"), 3};
  CHECK(infer_op("Relu", 14, {}, {{DType::float32, shape}}).text() == "float32[batch, 3]");
  CHECK(batch_op("Relu", 14, {}, {{DType::float32, shape}}, {BatchState::batched(0)}).text() == "batched(0)");
  expect_batch_split("Relu", 14, {}, {noise({3, 4})}, {0});
  expect_error(ErrorCode::bad_model, "no attribute 'slope'", [] { make("Relu", 14, {{"slope", 1.0f}}); });
  CHECK(same_bits(slice_axis(arange({2, 3, 2}), 1, 1, 3), floats({2, 2, 2}, {2, 3, 4, 5, 8, 9, 10, 11})));
}
