#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;
using Ints = std::vector<int64_t>;

TEST_CASE("ConvTranspose spreads each element over the kernel", "[conv_transpose]") {
  const Tensor x = floats({1, 1, 3}, {1, 2, 3});
  const Tensor w = floats({1, 1, 2}, {1, 10});
  expect_close(run_op("ConvTranspose", 11, {}, {x, w})[0], floats({1, 1, 4}, {1, 12, 23, 30}));
  expect_close(run_op("ConvTranspose", 11, {{"strides", Ints{2}}}, {x, w, floats({1}, {0.5f})})[0],
               floats({1, 1, 6}, {1.5f, 10.5f, 2.5f, 20.5f, 3.5f, 30.5f}));
  expect_close(run_op("ConvTranspose", 11, {{"dilations", Ints{2}}, {"pads", Ints{1, 0}}}, {x, w})[0],
               floats({1, 1, 4}, {2, 13, 20, 30}));
  expect_close(run_op("ConvTranspose", 11, {{"strides", Ints{3}}, {"output_padding", Ints{1}}}, {x, w})[0],
               floats({1, 1, 9}, {1, 10, 0, 2, 20, 0, 3, 30, 0}));
}

TEST_CASE("ConvTranspose is the transpose of Conv", "[conv_transpose]") {
  // <conv(x), y> == <x, conv_transpose(y)> for every x and y: checked with the same weights.
  const Attributes attributes{
      {"strides", Ints{2, 1}}, {"dilations", Ints{1, 2}}, {"pads", Ints{1, 2, 0, 1}}, {"group", int64_t{2}}};
  const Tensor x = noise({2, 4, 8, 9}, 1);
  const Tensor w = noise({6, 2, 3, 2}, 2);
  const Tensor conv = run_op("Conv", 11, attributes, {x, w})[0];
  const Tensor y = noise(conv.dims(), 3);
  Attributes transposed = attributes;
  transposed["output_padding"] = Ints{0, 0};
  const Tensor back = run_op("ConvTranspose", 11, transposed, {y, w})[0];
  REQUIRE(back.dims() == x.dims());
  double left = 0, right = 0;
  for (size_t i = 0; i < y.data<float>().size(); ++i)
    left += double{y.data<float>()[i]} * double{conv.data<float>()[i]};
  for (size_t i = 0; i < x.data<float>().size(); ++i)
    right += double{x.data<float>()[i]} * double{back.data<float>()[i]};
  CHECK(left == Approx(right).epsilon(1e-5));
}

TEST_CASE("ConvTranspose with output_shape and auto_pad", "[conv_transpose]") {
  const Tensor x = floats({1, 1, 3}, {1, 2, 3});
  const Tensor w = floats({1, 1, 4}, {1, 1, 1, 1});
  // Whole: 1 1 3 3 5 5 3 3 (stride 2); one too many goes at the end for SAME_UPPER, else at the beginning.
  expect_close(run_op("ConvTranspose", 11, {{"strides", Ints{2}}, {"auto_pad", "SAME_UPPER"}}, {x, w})[0],
               floats({1, 1, 6}, {1, 3, 3, 5, 5, 3}));
  expect_close(run_op("ConvTranspose", 11, {{"strides", Ints{2}}, {"output_shape", Ints{7}}}, {x, w})[0],
               floats({1, 1, 7}, {1, 3, 3, 5, 5, 3, 3}));
  expect_close(
      run_op("ConvTranspose", 11,
             {{"strides", Ints{2}}, {"output_shape", Ints{7}}, {"auto_pad", "SAME_UPPER"}}, {x, w})[0],
      floats({1, 1, 7}, {1, 1, 3, 3, 5, 5, 3}));
}

TEST_CASE("ConvTranspose infers, splits and refuses", "[conv_transpose]") {
  CHECK(infer_op("ConvTranspose", 11, {{"strides", Ints{2, 2}}, {"group", int64_t{2}}},
                 {{DType::float32, {Dim::symbol("n"), 4, Dim::symbol("h"), 5}}, noise({4, 3, 2, 2})})
            .text() == "float32[n, 6, 2*h, 10]");
  expect_batch_split("ConvTranspose", 11, {{"strides", Ints{2, 2}}},
                     {noise({3, 2, 3, 3}), noise({2, 4, 3, 3})}, {0, -1});
  const auto op = make("ConvTranspose", 11, {});
  expect_error(ErrorCode::invalid_argument, "do not fit", [&] {
    run_values(*op, {noise({1, 4, 5, 5}), noise({3, 3, 3, 3})});
  });
  const auto cut = make("ConvTranspose", 11, {{"pads", Ints{5, 5}}});
  expect_error(ErrorCode::invalid_argument, "cut off", [&] {
    run_values(*cut, {noise({1, 1, 2}), noise({1, 1, 2})});
  });
}
