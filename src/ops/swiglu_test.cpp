#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;

// a / (1 + exp(-alpha a)) * b, computed with numpy.
TEST_CASE("SwiGLU", "[swiglu]") {
  const Tensor a = floats({3}, {-1, 0.5f, 2});
  const Tensor b = floats({3}, {2, -4, 0.5f});
  expect_close(run_op("SwiGLU", 28, {}, {a, b})[0], floats({3}, {-0.5378828f, -1.2449187f, 0.8807971f}));
  expect_close(run_op("SwiGLU", 28, {{"alpha", 2.0f}}, {a, b})[0],
               floats({3}, {-0.2384058f, -1.4621172f, 0.9820138f}));
  CHECK(run_op("SwiGLU", 28, {}, {convert(a, DType::float16), convert(b, DType::float16)})[0].dtype() ==
        DType::float16);
  CHECK(run_op("SwiGLU", 28, {}, {noise({0, 3}), noise({0, 3})})[0].dims() == Dims{0, 3});
  expect_error(ErrorCode::invalid_argument, "the same dims", [&] {
    run_op("SwiGLU", 28, {}, {a, noise({1})});
  });
  expect_batch_split("SwiGLU", 28, {}, {noise({4, 5}), noise({4, 5}, 2)}, {0, 0});
}
