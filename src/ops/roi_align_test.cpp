#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;
using spinel::ops::BatchState;

namespace {

const Tensor x = noise({2, 1, 5, 6}, 4);
const Tensor rois = floats({3, 4}, {0.5f, 0.25f, 4, 3, -1.5f, 1, 3, 7.5f, 2, 2, 2.2f, 2.3f});
const Tensor pictures = ints({3}, {0, 1, 1});

Attributes bins(int64_t sampling_ratio) {
  return {{"output_height", int64_t{2}}, {"output_width", int64_t{2}}, {"sampling_ratio", sampling_ratio}};
}

}  // namespace

// Expectations are those of torchvision.ops.roi_align and roi_pool.
TEST_CASE("RoiAlign averages bilinear samples", "[roi]") {
  const Tensor from_corner =
      floats({3, 1, 2, 2}, {0.2518428f, 0.09194219f, -0.8206034f, 0.02771427f, -0.06289994f, -0.2342762f,
                            -0.05402788f, -0.09907945f, -0.2884464f, -0.6273327f, -0.1170025f, -0.3457279f});
  const Tensor half_pixel =
      floats({3, 1, 2, 2}, {0.1611785f, -0.06892788f, -0.3864532f, -0.0306996f, -0.05146011f, -0.1164012f,
                            -0.09925334f, -0.1756166f, 0.06319183f, 0.09630463f, 0.01583893f, 0.02893463f});
  Attributes attributes = bins(0);
  expect_close(run_op("RoiAlign", 10, attributes, {x, rois, pictures})[0], from_corner);
  expect_close(run_op("RoiAlign", 16, attributes, {x, rois, pictures})[0], half_pixel);
  attributes["coordinate_transformation_mode"] = "output_half_pixel";
  expect_close(run_op("RoiAlign", 22, attributes, {x, rois, pictures})[0], from_corner);
  expect_close(
      run_op("RoiAlign", 16, bins(2), {x, rois, pictures})[0],
      floats({3, 1, 2, 2}, {0.1611785f, -0.06892788f, -0.3864532f, -0.0306996f, 0.007704258f, -0.09968904f,
                            -0.07444f, -0.1684875f, 0.06319183f, 0.09630463f, 0.01583893f, 0.02893463f}));
  const auto wide = run_op("RoiAlign", 16, bins(0),
                           {convert(x, DType::float64), convert(rois, DType::float64), pictures})[0];
  expect_close(wide, convert(half_pixel, DType::float64), 1e-5, 1e-6);
  expect_close(run_op("RoiAlign", 16, bins(0), {convert(x, DType::float16), rois, pictures})[0],
               convert(half_pixel, DType::float16), 1e-2, 1e-3);
}

// As ONNX Runtime: of all weighted neighbours, not of the interpolated values: 10 * 0.9 * 0.9.
TEST_CASE("RoiAlign takes maxima", "[roi]") {
  const Attributes attributes{{"mode", "max"}, {"sampling_ratio", int64_t{2}}};
  expect_close(run_op("RoiAlign", 16, attributes,
                      {arange({1, 1, 4, 4}), floats({1, 4}, {0.3f, 0.3f, 3.1f, 3.1f}), ints({1}, {0})})[0],
               floats({1, 1, 1, 1}, {8.1f}));
}

TEST_CASE("RoiAlign of no regions, of wrong ones, inferred and split", "[roi]") {
  CHECK(run_op("RoiAlign", 16, bins(0), {x, floats({0, 4}, {}), ints({0}, {})})[0].dims() ==
        Dims{0, 1, 2, 2});
  expect_error(ErrorCode::invalid_argument, "index 2 at position 0", [] {
    run_op("RoiAlign", 16, bins(0), {x, floats({1, 4}, {0, 0, 1, 1}), ints({1}, {2})});
  });
  expect_error(ErrorCode::invalid_argument, "samples a bin", [] {
    run_op("RoiAlign", 16, bins(0), {x, floats({1, 4}, {0, 0, 1e30f, 1}), ints({1}, {0})});
  });
  expect_error(ErrorCode::bad_model, "none of avg, max", [] { make("RoiAlign", 16, {{"mode", "sum"}}, 3); });
  const Shape maps{Dim(1), Dim(8), Dim::symbol("h"), Dim::symbol("w")};
  CHECK(infer_op("RoiAlign", 16, bins(0),
                 {{DType::float32, maps},
                  {DType::float32, Shape{Dim::symbol("r"), Dim(4)}},
                  {DType::int64, Shape{Dim::symbol("r")}}})
            .text() == "float32[r, 8, 2, 2]");
  expect_batch_split("RoiAlign", 16, bins(0), {x, rois, pictures}, {-1, 0, 0});
  CHECK(batch_op("RoiAlign", 16, bins(0), {x, rois, pictures}, {BatchState::batched(0)}).blocked());
}

TEST_CASE("MaxRoiPool", "[roi]") {
  const Attributes attributes{{"pooled_shape", std::vector<int64_t>{2, 2}}};
  const Tensor regions = floats({3, 5}, {0, 0.5f, 0.25f, 4, 3, 1, -1.5f, 1, 3, 7.5f, 1, 2, 2, 2.2f, 2.3f});
  expect_close(run_op("MaxRoiPool", 1, attributes, {x, regions})[0],
               floats({3, 1, 2, 2}, {0.5928345f, 0.2877502f, -0.6522217f, 0.5157471f, 0.3825073f, 0.7390137f,
                                     0, 0, -0.1771851f, -0.1771851f, -0.1771851f, -0.1771851f}));
  expect_error(ErrorCode::invalid_argument, "picture 2", [&] {
    run_op("MaxRoiPool", 22, attributes, {x, floats({1, 5}, {2, 0, 0, 1, 1})});
  });
  expect_batch_split("MaxRoiPool", 22, attributes, {x, regions}, {-1, 0});
}
