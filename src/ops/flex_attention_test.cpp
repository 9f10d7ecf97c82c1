#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

namespace {

graph::OpPtr flex_attention(const Attributes& attributes = {}) {
  return make("FlexAttention", 1, attributes, 3, 1, "ai.onnx.preview");
}

}  // namespace

// The ONNX project's test data has the subgraphs (tests/conformance); here is what it has not.
TEST_CASE("FlexAttention equals Attention where no subgraph changes anything", "[flex_attention]") {
  const Tensor q = noise({2, 4, 3, 8}, 1), k = noise({2, 2, 5, 8}, 2), v = noise({2, 2, 5, 6}, 3);
  expect_close(run(*flex_attention(), {q, k, v}, 1)[0], run_op("Attention", 23, {}, {q, k, v})[0]);
  const Attributes scaled{{"scale", 0.25f}};
  expect_close(run(*flex_attention(scaled), {q, k, v}, 1)[0], run_op("Attention", 23, scaled, {q, k, v})[0]);
}

TEST_CASE("FlexAttention of nothing, and what it refuses", "[flex_attention]") {
  CHECK(
      run(*flex_attention(), {noise({0, 4, 3, 8}), noise({0, 2, 5, 8}), noise({0, 2, 5, 6})}, 1)[0].dims() ==
      Dims{0, 4, 3, 6});
  expect_error(ErrorCode::invalid_argument, "do not fit together", [] {
    run(*flex_attention(), {noise({1, 4, 3, 8}), noise({1, 3, 5, 8}), noise({1, 3, 5, 6})}, 1);
  });
  expect_error(ErrorCode::bad_model, "softmax_precision 7 is no float type", [] {
    flex_attention({{"softmax_precision", int64_t{7}}});
  });
}
