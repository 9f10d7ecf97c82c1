#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;

namespace {

/// A row resized to `size`, or by `scale`.
Tensor resize_row(Attributes attributes, const Tensor& row, int64_t size) {
  return run_op("Resize", 19, attributes, {row, Tensor(), Tensor(), ints({1}, {size})})[0];
}
Tensor scale_row(Attributes attributes, const Tensor& row, float scale) {
  return run_op("Resize", 19, attributes, {row, Tensor(), floats({1}, {scale})})[0];
}
Attributes with(const char* mode, const char* transform = "half_pixel") {
  return {{"mode", mode}, {"coordinate_transformation_mode", transform}};
}

}  // namespace

TEST_CASE("Resize nearest rounds as told", "[resize]") {
  // asymmetric, 4 to 8: coordinates 0, 0.5, 1, 1.5 ...
  const Tensor x = arange({4});
  Attributes attributes = with("nearest", "asymmetric");
  expect_close(resize_row(attributes, x, 8), floats({8}, {0, 0, 1, 1, 2, 2, 3, 3}));
  attributes["nearest_mode"] = "round_prefer_ceil";
  expect_close(resize_row(attributes, x, 8), floats({8}, {0, 1, 1, 2, 2, 3, 3, 3}));
  attributes["nearest_mode"] = "ceil";
  expect_close(resize_row(attributes, x, 3), floats({3}, {0, 2, 3}));
  attributes["nearest_mode"] = "floor";
  expect_close(resize_row(attributes, x, 3), floats({3}, {0, 1, 2}));
  // half_pixel, 4 to 2: 0.5 and 2.5.
  expect_close(resize_row(with("nearest"), x, 2), floats({2}, {0, 2}));
  expect_close(run_op("Resize", 19, {}, {ints({2}, {7, 9}), Tensor(), Tensor(), ints({1}, {4})})[0],
               ints({4}, {7, 7, 9, 9}));
}

TEST_CASE("Resize linear under every coordinate transformation", "[resize]") {
  const Tensor x = floats({2}, {0, 4});
  expect_close(resize_row(with("linear"), x, 4), floats({4}, {0, 1, 3, 4}));
  expect_close(resize_row(with("linear", "align_corners"), x, 5), floats({5}, {0, 1, 2, 3, 4}));
  expect_close(resize_row(with("linear", "asymmetric"), x, 4), floats({4}, {0, 2, 4, 4}));
  expect_close(resize_row(with("linear", "pytorch_half_pixel"), arange({4}), 1), floats({1}, {0}));
  expect_close(resize_row(with("linear"), arange({4}), 1), floats({1}, {1.5f}));
  // 1.25 * 2 = 2.5 becomes 2 elements: half_pixel_symmetric centres them, -0.1 + ... = 0.1, 0.9.
  expect_close(scale_row(with("linear", "half_pixel_symmetric"), arange({3}), 0.8f),
               floats({2}, {0.375f, 1.625f}));
  Attributes crop = with("linear", "tf_crop_and_resize");
  crop["extrapolation_value"] = 9.0f;
  expect_close(
      run_op("Resize", 19, crop, {arange({5}), floats({2}, {0.25f, 1.25f}), Tensor(), ints({1}, {5})})[0],
      floats({5}, {1, 2, 3, 4, 9}));
  expect_close(run_op("Resize", 19, with("linear"),
                      {convert(x, DType::float16), Tensor(), Tensor(), ints({1}, {4})})[0],
               halves({4}, {0, 1, 3, 4}));
}

TEST_CASE("Resize cubic and antialias", "[resize]") {
  // With A = -0.5 a line stays a line away from the border.
  Attributes half = with("cubic");
  half["cubic_coeff_a"] = -0.5f;
  const Tensor y = resize_row(half, arange({8}), 16);
  for (size_t i = 4; i < 12; ++i) CHECK(y.data<float>()[i] == Approx(0.5 * static_cast<double>(i) - 0.25));
  // Weights of A = -0.75 at a quarter: -0.10546875, 0.87890625, 0.26171875, -0.03515625.
  expect_close(slice_axis(resize_row(with("cubic"), floats({4}, {0, 0, 1, 0}), 8), 0, 3, 4),
               floats({1}, {0.26171875f}));
  Attributes exclude = with("cubic");
  exclude["exclude_outside"] = int64_t{1};
  expect_close(resize_row(exclude, floats({2}, {3, 3}), 6), floats({6}, {3, 3, 3, 3, 3, 3}));
  // Halving with antialias: a triangle two elements wide, here [1, 3, 3, 1] / 8 cut at the border.
  Attributes smooth = with("linear");
  smooth["antialias"] = int64_t{1};
  expect_close(slice_axis(resize_row(smooth, floats({8}, {0, 0, 0, 8, 0, 0, 0, 0}), 4), 0, 1, 2),
               floats({1}, {3}));
}

TEST_CASE("Resize of images, by axes and keeping the aspect ratio", "[resize]") {
  const Tensor x = floats({1, 1, 2, 2}, {0, 2, 4, 6});
  const Tensor expected = floats({1, 1, 3, 3}, {0, 1, 2, 2, 3, 4, 4, 5, 6});
  const Attributes corners = with("linear", "align_corners");
  expect_close(
      run_op("Resize", 11, corners, {x, floats({0}, {}), floats({0}, {}), ints({4}, {1, 1, 3, 3})})[0],
      expected);
  expect_close(run_op("Resize", 13, corners, {x, Tensor(), floats({4}, {1, 1, 1.5f, 1.5f})})[0], expected);
  Attributes axes = corners;
  axes["axes"] = std::vector<int64_t>{3, 2};
  expect_close(run_op("Resize", 18, axes, {x, Tensor(), Tensor(), ints({2}, {3, 3})})[0], expected);
  axes["keep_aspect_ratio_policy"] = "not_larger";
  expect_close(run_op("Resize", 18, axes, {x, Tensor(), Tensor(), ints({2}, {9, 3})})[0], expected);
  CHECK(run_op("Resize", 18,
               {{"axes", std::vector<int64_t>{2, 3}}, {"keep_aspect_ratio_policy", "not_smaller"}},
               {noise({1, 1, 2, 4}), Tensor(), Tensor(), ints({2}, {4, 4})})[0]
            .dims() == Dims{1, 1, 4, 8});
}

TEST_CASE("Upsample and Resize of opset 10", "[resize]") {
  const Tensor x = floats({1, 1, 1, 2}, {1, 3});
  const Tensor nearest = floats({1, 1, 2, 4}, {1, 1, 3, 3, 1, 1, 3, 3});
  expect_close(run_op("Upsample", 1, {{"height_scale", 2.0f}, {"width_scale", 2.0f}}, {x})[0], nearest);
  expect_close(run_op("Upsample", 7, {{"scales", std::vector<float>{1, 1, 2, 2}}}, {x})[0], nearest);
  expect_close(run_op("Upsample", 9, {}, {x, floats({4}, {1, 1, 2, 2})})[0], nearest);
  expect_close(run_op("Resize", 10, {{"mode", "linear"}}, {x, floats({4}, {1, 1, 1, 2})})[0],
               floats({1, 1, 1, 4}, {1, 2, 3, 3}));
}

TEST_CASE("Resize infers, splits and refuses", "[resize]") {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h");
  const InferInput x{DType::float32, {n, 3, h, 5}};
  CHECK(infer_op("Resize", 13, {}, {x, InferInput::absent(), floats({4}, {1, 1, 2, 2})}).text() ==
        "float32[n, 3, 2*h, 10]");
  CHECK(infer_op("Resize", 13, {},
                 {x, InferInput::absent(), InferInput::absent(), {DType::int64, {4}, {n, 3, h, 9}}})
            .text() == "float32[n, 3, h, 9]");
  CHECK(infer_op("Resize", 13, {}, {x, InferInput::absent(), {DType::float32, {4}}}).text() ==
        "float32[?, ?, ?, ?]");
  expect_batch_split("Resize", 13, with("linear"), {noise({3, 2, 4}), Tensor(), floats({3}, {1, 1, 1.5f})},
                     {0, -1, -1});
  // sizes computed from the shape: the batch keeps its size.
  const std::vector<InferInput> sized{{DType::float32, {n, 3, 4}},
                                      InferInput::absent(),
                                      InferInput::absent(),
                                      {DType::int64, {3}, {n, 3, 8}}};
  CHECK(batch_op("Resize", 13, {}, sized,
                 {BatchState::batched(0), BatchState(), BatchState(), BatchState::size()}, 1, n)
            .text() == "batched(0)");
  CHECK(batch_op("Resize", 13, {},
                 {{DType::float32, {n, 3, 4}}, InferInput::absent(), floats({3}, {2, 1, 1})},
                 {BatchState::batched(0)}, 1, n)
            .blocked());
  // 1.2 times four rows is four rows again, but not the same ones.
  CHECK(batch_op("Resize", 13, {}, {noise({4, 3}), InferInput::absent(), floats({2}, {1.2f, 2})},
                 {BatchState::batched(0)}, 1, Dim(4))
            .blocked());
  CHECK(
      batch_op(
          "Resize", 13, {},
          {{DType::float32, {n, 3}}, InferInput::absent(), InferInput::absent(), {DType::int64, {2}, {n, n}}},
          {BatchState::batched(0), BatchState(), BatchState(), BatchState::size()}, 1, n)
          .blocked());
  const auto op = make("Resize", 13, {}, 3);
  expect_error(ErrorCode::invalid_argument, "scales holds 1", [&] {
    run_values(*op, {noise({2, 2}), RuntimeValue(), floats({1}, {1})});
  });
  expect_error(ErrorCode::invalid_argument, "neither", [&] { run_values(*op, {noise({2, 2})}); });
  expect_error(ErrorCode::invalid_argument, "above 0", [&] {
    run_values(*op, {noise({2}), RuntimeValue(), floats({1}, {-1})});
  });
  expect_error(ErrorCode::bad_model, "mode 'area'", [] { make("Resize", 13, {{"mode", "area"}}); });
}

// As ONNX Runtime: what falls between is cut off, but rounded by antialias (and by cubic, which it lacks).
TEST_CASE("Resize of integers", "[resize]") {
  const Tensor row = ints({4}, {-20, -17, -14, -11});
  for (const DType dtype : {DType::int8, DType::int32, DType::int64}) {
    const Tensor x = convert(row, dtype);
    expect_close(resize_row(with("linear"), x, 7),
                 convert(ints({7}, {-20, -18, -17, -15, -13, -12, -11}), dtype));
    Attributes smooth = with("linear");
    smooth["antialias"] = int64_t{1};
    expect_close(resize_row(smooth, convert(ints({4}, {0, 10, 20, 31}), dtype), 2),
                 convert(ints({2}, {6, 24}), dtype));
  }
  // 0, 250, 255: cubic overshoots 255 and stops there.
  const Tensor bytes = Tensor::from<uint8_t>({4}, {0, 0, 255, 255});
  expect_close(resize_row(with("cubic"), bytes, 8),
               Tensor::from<uint8_t>({8}, {0, 0, 0, 58, 197, 255, 255, 255}));
  expect_close(resize_row(with("linear"), Tensor::from<uint8_t>({2}, {5, 5}), 7),
               Tensor::from<uint8_t>({7}, {5, 5, 5, 5, 5, 5, 5}));
  CHECK(infer_op("Resize", 19, with("linear"), {bytes, Tensor(), Tensor(), ints({1}, {2})}).text() ==
        "uint8[2]");
  expect_error(ErrorCode::unsupported, "cannot be interpolated", [] {
    infer_op("Resize", 19, with("linear"), {bools({2}, {true, false}), Tensor(), Tensor(), ints({1}, {4})});
  });
}
