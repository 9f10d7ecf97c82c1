#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;

// Expectations are those of torchvision.ops.deform_conv2d.
TEST_CASE("DeformConv with two groups of channels and of offsets", "[deform_conv]") {
  const Attributes attributes{{"group", int64_t{2}}, {"offset_group", int64_t{2}}};
  const Tensor x = noise({1, 4, 4, 3}, 1);
  const Tensor w = noise({2, 2, 2, 2}, 2);
  const Tensor offset = noise({1, 16, 3, 2}, 3, -1.5, 1.5);
  expect_close(
      run_op("DeformConv", 19, attributes,
             {x, w, offset, floats({2}, {0.5f, -1}), noise({1, 8, 3, 2}, 4, 0, 1)})[0],
      floats({1, 2, 3, 2}, {0.3228925f, 0.7115222f, 1.244303f, 0.418728f, 0.4899583f, 0.7383674f, -0.8723774f,
                            -1.148495f, -1.382009f, -0.6090097f, -0.3409046f, -1.308584f}));
  expect_close(
      run_op("DeformConv", 22, attributes, {x, w, offset})[0],
      floats({1, 2, 3, 2}, {-0.383274f, 0.4095145f, 1.548498f, -0.4714675f, 0.03119771f, 0.01677619f,
                            0.2919721f, -0.1615976f, -0.9323913f, 0.8485045f, 0.3396572f, -0.3299686f}));
}

TEST_CASE("DeformConv without offsets is a convolution", "[deform_conv]") {
  const Attributes attributes{{"strides", std::vector<int64_t>{2, 1}},
                              {"pads", std::vector<int64_t>{1, 2, 0, 1}},
                              {"dilations", std::vector<int64_t>{1, 2}}};
  const Tensor x = noise({2, 70, 9, 20}, 5);
  const Tensor w = noise({5, 70, 3, 2}, 6);
  const Tensor expected = run_op("Conv", 11, attributes, {x, w})[0];
  const Tensor offset(DType::float32, {2, 12, expected.dim(2), expected.dim(3)});
  expect_close(run_op("DeformConv", 19, attributes, {x, w, offset})[0], expected, 1e-5, 1e-5);
  expect_batch_split("DeformConv", 19, attributes, {x, w, offset}, {0, -1, 0});
}

TEST_CASE("DeformConv infers and refuses", "[deform_conv]") {
  const Tensor x = noise({1, 2, 4, 4});
  const Tensor w = noise({3, 2, 3, 3});
  const InferInput symbolic(DType::float32, Shape{Dim::symbol("batch"), Dim(2), Dim::symbol("h"), Dim(8)});
  CHECK(infer_op("DeformConv", 19, {},
                 {symbolic, w,
                  InferInput(DType::float32, Shape{Dim::symbol("batch"), Dim(18), Dim::symbol("a"), Dim(6)})})
            .text() == "float32[batch, 3, h + -2, 6]");
  expect_error(ErrorCode::invalid_argument, "offset float32[1, 18, 2, 3] must be [1, 18, 2, 2]", [&] {
    run_op("DeformConv", 19, {}, {x, w, noise({1, 18, 2, 3})});
  });
  expect_error(ErrorCode::unsupported, "rank 4", [&] {
    infer_op("DeformConv", 19, {}, {noise({1, 2, 4, 4, 4}), w, x});
  });
}
