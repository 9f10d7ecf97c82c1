#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;
using spinel::ops::BatchState;

namespace {

const Tensor x = noise({1, 1, 3, 4}, 2);
const Tensor grid = noise({1, 2, 3, 2}, 3, -1.4, 1.4);

Attributes how(const char* mode, const char* padding, bool align_corners) {
  return {{"mode", mode}, {"padding_mode", padding}, {"align_corners", int64_t{align_corners}}};
}

}  // namespace

// Expectations are those of torch.nn.functional.grid_sample and affine_grid.
TEST_CASE("GridSample of pictures in every mode", "[grid]") {
  struct Case {
    const char *mode, *padding;
    bool align;
    Tensor expected;
  };
  const Dims dims{1, 1, 2, 3};
  const Case cases[] = {
      {"nearest", "zeros", false, floats(dims, {0, 0, -0.7056885f, 0, 0, 0})},
      {"nearest", "border", false,
       floats(dims, {-0.6074829f, -0.6585693f, -0.7056885f, -0.670929f, -0.6585693f, 0.348999f})},
      {"nearest", "reflection", true,
       floats(dims, {-0.6074829f, -0.6585693f, -0.8450012f, -0.670929f, -0.6585693f, -0.8294067f})},
      {"bilinear", "zeros", false,
       floats(dims, {-0.110095f, -0.276065f, -0.7029396f, -0.2240734f, -0.2322576f, 0})},
      {"bilinear", "zeros", true,
       floats(dims, {-0.4874476f, -0.602564f, -0.753417f, -0.5652455f, -0.4827498f, -0.1167491f})},
      {"bilinear", "border", false,
       floats(dims, {-0.608281f, -0.6545988f, -0.7029396f, -0.6025306f, -0.4944463f, -0.07186756f})},
      {"bilinear", "border", true,
       floats(dims, {-0.6407502f, -0.635736f, -0.753417f, -0.6253301f, -0.4926914f, -0.2715547f})},
      {"bilinear", "reflection", false,
       floats(dims, {-0.608281f, -0.6545988f, -0.7029396f, -0.6025306f, -0.4944463f, -0.1905108f})},
      {"bilinear", "reflection", true,
       floats(dims, {-0.6601234f, -0.646601f, -0.753417f, -0.6396346f, -0.4996479f, -0.4750292f})},
      {"bicubic", "zeros", false,
       floats(dims, {-0.09520741f, -0.2654409f, -0.8040651f, -0.2366963f, -0.2341494f, 0.007310796f})},
      {"bicubic", "zeros", true,
       floats(dims, {-0.528076f, -0.6109076f, -0.9047862f, -0.623329f, -0.5455971f, -0.1044996f})},
      {"bicubic", "border", true,
       floats(dims, {-0.6114024f, -0.6374061f, -0.830688f, -0.6767941f, -0.5542202f, -0.3206735f})},
      {"bicubic", "reflection", false,
       floats(dims, {-0.6023292f, -0.6422167f, -0.717945f, -0.6633697f, -0.5029679f, -0.2072074f})},
      {"bicubic", "reflection", true,
       floats(dims, {-0.6473948f, -0.6488495f, -0.8041664f, -0.6845803f, -0.5593417f, -0.4517479f})}};
  for (const Case& each : cases) {
    INFO(each.mode << ' ' << each.padding << ' ' << each.align);
    expect_close(run_op("GridSample", 16, how(each.mode, each.padding, each.align), {x, grid})[0],
                 each.expected, 1e-5, 2e-6);
  }
}

TEST_CASE("GridSample of volumes", "[grid]") {
  const Tensor volume = noise({1, 1, 2, 3, 4}, 2);
  const Tensor places = noise({1, 1, 2, 2, 3}, 3, -1.4, 1.4);
  const Dims dims{1, 1, 1, 2, 2};
  const auto sample = [&](const char* mode, const char* padding) {
    return run_op("GridSample", 22, how(mode, padding, false), {volume, places})[0];
  };
  expect_close(sample("nearest", "reflection"),
               floats(dims, {-0.6074829f, -0.8968811f, -0.670929f, -0.03942871f}));
  expect_close(sample("linear", "zeros"), floats(dims, {-0.1184271f, -0.2445157f, -0.1352739f, 0}), 1e-5,
               2e-6);
  expect_close(sample("linear", "reflection"),
               floats(dims, {-0.6543165f, -0.6180224f, -0.3637499f, -0.003438607f}), 1e-5, 2e-6);
}

TEST_CASE("GridSample of other types, of nothing, of coordinates that are no numbers", "[grid]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor picture = arange({1, 1, 4, 4});
  expect_close(
      run_op("GridSample", 20, how("nearest", "zeros", false),
             {convert(picture, DType::uint8), floats({1, 1, 3, 2}, {nan, 0.2f, 0.6f, 0.6f, inf, 9e9f})})[0],
      Tensor::from<uint8_t>({1, 1, 1, 3}, {8, 15, 0}));
  // ONNX Runtime's value.
  expect_close(run_op("GridSample", 20, how("linear", "reflection", false),
                      {picture, floats({1, 1, 1, 2}, {nan, 0.2f})})[0],
               floats({1, 1, 1, 1}, {7.6f}));
  expect_close(run_op("GridSample", 20, {}, {convert(x, DType::float16), grid})[0],
               halves({1, 1, 2, 3}, {-0.110095f, -0.276065f, -0.7029396f, -0.2240734f, -0.2322576f, 0}), 2e-3,
               1e-3);
  CHECK(run_op("GridSample", 20, {}, {Tensor(DType::float32, {1, 0, 2, 2}), grid})[0].dims() ==
        Dims{1, 0, 2, 3});
  expect_error(ErrorCode::invalid_argument, "has no elements", [] {
    run_op("GridSample", 20, {}, {Tensor(DType::float32, {1, 1, 0, 2}), grid});
  });
  expect_error(ErrorCode::bad_model, "do not fit", [] {
    infer_op("GridSample", 20, {}, {x, noise({1, 2, 3, 3})});
  });
  expect_error(ErrorCode::bad_model, "none of zeros", [] {
    make("GridSample", 20, {{"padding_mode", "wrap"}}, 2);
  });
}

TEST_CASE("GridSample infers and splits", "[grid]") {
  const Shape maps{Dim::symbol("batch"), Dim(3), Dim::symbol("h"), Dim::symbol("w")};
  const Shape places{Dim::symbol("batch"), Dim::symbol("a"), Dim::symbol("b"), Dim(2)};
  CHECK(infer_op("GridSample", 20, {}, {{DType::float32, maps}, {DType::float32, places}}).text() ==
        "float32[batch, 3, a, b]");
  expect_batch_split("GridSample", 16, {}, {noise({3, 2, 4, 4}), noise({3, 30, 20, 2}, 2)}, {0, 0});
  CHECK(
      batch_op("GridSample", 16, {}, {{DType::float32, maps}, noise({2, 3, 3, 2})}, {BatchState::batched(0)})
          .blocked());
}

TEST_CASE("AffineGrid", "[grid]") {
  const Tensor theta = floats({1, 2, 3}, {1, 0.5f, 0.25f, -0.5f, 2, 0.125f});
  const Tensor size = ints({4}, {1, 1, 2, 3});
  expect_close(run_op("AffineGrid", 20, {}, {theta, size})[0],
               floats({1, 2, 3, 2}, {-0.6666667f, -0.5416667f, 0, -0.875f, 0.6666667f, -1.208333f,
                                     -0.1666667f, 1.458333f, 0.5f, 1.125f, 1.166667f, 0.7916667f}));
  expect_close(run_op("AffineGrid", 20, {{"align_corners", int64_t{1}}}, {theta, size})[0],
               floats({1, 2, 3, 2}, {-1.25f, -1.375f, -0.25f, -1.875f, 0.75f, -2.375f, -0.25f, 2.625f, 0.75f,
                                     2.125f, 1.75f, 1.625f}));
  expect_close(
      run_op("AffineGrid", 20, {}, {noise({1, 3, 4}, 5), ints({5}, {1, 1, 2, 1, 2})})[0],
      floats({1, 2, 1, 2, 3}, {0.9772644f, -0.7945709f, 0.7496796f, 0.2363586f, -0.7888947f, -0.05729675f,
                               0.5758362f, -0.8556976f, 0.3394623f, -0.1650696f, -0.8500214f, -0.467514f}));
  const InferInput sizes(DType::int64, Shape{Dim(4)},
                         {Dim::symbol("batch"), Dim(3), Dim::symbol("h"), Dim(7)});
  const InferInput matrices(DType::float32, Shape{Dim::symbol("batch"), Dim(2), Dim(3)});
  CHECK(infer_op("AffineGrid", 20, {}, {matrices, sizes}).text() == "float32[batch, h, 7, 2]");
  CHECK(batch_op("AffineGrid", 20, {}, {matrices, sizes}, {BatchState::batched(0), BatchState::size()})
            .text() == "batched(0)");
  CHECK(batch_op("AffineGrid", 20, {}, {matrices, size}, {BatchState::batched(0)}).blocked());
  expect_error(ErrorCode::invalid_argument, "do not fit", [&] {
    run_op("AffineGrid", 20, {}, {theta, ints({4}, {2, 1, 2, 3})});
  });
}
