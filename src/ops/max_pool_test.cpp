#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;
using Ints = std::vector<int64_t>;

TEST_CASE("MaxPool with pads, strides and indices", "[max_pool]") {
  const Tensor x = arange({1, 1, 5, 5}, 1);
  const auto same =
      run_op("MaxPool", 12,
             {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}, {x}, 2);
  expect_close(same[0], floats({1, 1, 3, 3}, {7, 9, 10, 17, 19, 20, 22, 24, 25}));
  expect_close(same[1], ints({1, 1, 3, 3}, {6, 8, 9, 16, 18, 19, 21, 23, 24}));
  // The second plane counts on; column-major counts down a column first.
  const auto columns = run_op("MaxPool", 12, {{"kernel_shape", Ints{2, 2}}, {"storage_order", int64_t{1}}},
                              {arange({1, 2, 2, 3})}, 2);
  expect_close(columns[0], floats({1, 2, 1, 2}, {4, 5, 10, 11}));
  expect_close(columns[1], ints({1, 2, 1, 2}, {3, 5, 9, 11}));
}

TEST_CASE("MaxPool with dilations, ceil_mode and auto_pad", "[max_pool]") {
  const Tensor x = floats({1, 1, 6}, {1, 5, 2, 4, 3, 0});
  expect_close(run_op("MaxPool", 12, {{"kernel_shape", Ints{2}}, {"dilations", Ints{3}}}, {x})[0],
               floats({1, 1, 3}, {4, 5, 2}));
  expect_close(run_op("MaxPool", 12, {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}}, {x})[0],
               floats({1, 1, 2}, {5, 4}));
  expect_close(run_op("MaxPool", 12,
                      {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"ceil_mode", int64_t{1}}}, {x})[0],
               floats({1, 1, 3}, {5, 4, 3}));
  expect_close(run_op("MaxPool", 8,
                      {{"kernel_shape", Ints{3}}, {"strides", Ints{2}}, {"auto_pad", "SAME_UPPER"}}, {x})[0],
               floats({1, 1, 3}, {5, 4, 3}));
  // A window that would begin on the right padding is dropped.
  expect_close(
      run_op(
          "MaxPool", 12,
          {{"kernel_shape", Ints{2}}, {"strides", Ints{3}}, {"pads", Ints{0, 1}}, {"ceil_mode", int64_t{1}}},
          {x})[0],
      floats({1, 1, 2}, {5, 4}));
}

TEST_CASE("MaxPool of special values and other types", "[max_pool]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  const Attributes two{{"kernel_shape", Ints{2}}};
  expect_close(run_op("MaxPool", 12, two, {floats({1, 1, 4}, {-inf, -inf, nan, 1})})[0],
               floats({1, 1, 3}, {-inf, nan, nan}));
  expect_close(run_op("MaxPool", 12, two, {convert(floats({1, 1, 3}, {-5, -9, 7}), DType::int8)})[0],
               convert(floats({1, 1, 2}, {-5, 7}), DType::int8));
  expect_close(run_op("MaxPool", 12, two, {halves({1, 1, 3}, {-5, -9, 7.5f})})[0],
               halves({1, 1, 2}, {-5, 7.5f}));
  expect_close(run_op("MaxPool", 12, {{"kernel_shape", Ints{2, 2, 2}}},
                      {arange({2, 1, 2, 2, 2}, 0, 1, DType::float64)})[0],
               convert(floats({2, 1, 1, 1, 1}, {7, 15}), DType::float64));
  CHECK(run_op("MaxPool", 12, two, {noise({0, 3, 4})})[0].dims() == Dims{0, 3, 3});
}

TEST_CASE("MaxPool infers, splits and refuses", "[max_pool]") {
  const graph::Shape x{Dim::symbol("n"), 3, Dim::symbol("h"), 112};
  const auto text = [&](const Attributes& attributes) {
    return infer_op("MaxPool", 12, attributes, {{DType::float32, x}}).text();
  };
  const Dim h = Dim::symbol("h");
  CHECK(text({{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 1}}}) ==
        "float32[n, 3, " + (floor_div(h - Dim(1), 2) + Dim(1)).text() + ", 56]");
  // Kernel 3, stride 2, no pads: the last window of ceil_mode always begins on the input.
  CHECK(text({{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}}) ==
        "float32[n, 3, " + (ceil_div(h - Dim(3), 2) + Dim(1)).text() + ", 56]");
  CHECK(text({{"kernel_shape", Ints{2, 2}}, {"strides", Ints{3, 3}}, {"ceil_mode", int64_t{1}}}) ==
        "float32[n, 3, ?, 38]");
  expect_batch_split("MaxPool", 12, {{"kernel_shape", Ints{2, 2}}}, {noise({3, 2, 4, 5})}, {0});
  CHECK(batch_op("MaxPool", 12, {{"kernel_shape", Ints{2, 2}}}, {noise({3, 2, 4, 5})},
                 {BatchState::batched(0)}, 2)
            .blocked());
  expect_error(ErrorCode::bad_model, "kernel_shape", [] { make("MaxPool", 12); });
  expect_error(ErrorCode::bad_model, "kernel_shape", [] {
    infer_op("MaxPool", 12, {{"kernel_shape", Ints{2}}}, {noise({1, 1, 4, 4})});
  });
  expect_error(ErrorCode::bad_model, "too small", [] {
    infer_op("MaxPool", 12, {{"kernel_shape", Ints{5, 5}}}, {noise({1, 1, 4, 4})});
  });
  expect_error(ErrorCode::unsupported, "int64", [] {
    infer_op("MaxPool", 12, {{"kernel_shape", Ints{2}}}, {ints({1, 1, 2}, {1, 2})});
  });
}

TEST_CASE("MaxPool of bytes is the same with and without positions", "[max_pool]") {
  for (const DType dtype : {DType::uint8, DType::int8}) {
    const double low = dtype == DType::uint8 ? 0 : -128;
    const Tensor x = noise({2, 3, 9, 10}, 5, low, low + 256, dtype);
    const Attributes attributes{{"kernel_shape", std::vector<int64_t>{3, 2}},
                                {"strides", std::vector<int64_t>{2, 1}},
                                {"pads", std::vector<int64_t>{1, 1, 1, 0}},
                                {"dilations", std::vector<int64_t>{1, 3}}};
    CHECK(same_bits(run_op("MaxPool", 12, attributes, {x})[0], run_op("MaxPool", 12, attributes, {x}, 2)[0]));
  }
}
