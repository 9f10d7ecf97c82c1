// QLinearConv, ConvInteger, QLinearMatMul and MatMulInteger against sums written out.
#include <array>

#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

using List = std::vector<int64_t>;

Tensor random_ints(Dims dims, DType dtype, uint32_t seed) {
  return dtype == DType::uint8 ? noise(std::move(dims), seed, 0, 256, dtype)
                               : noise(std::move(dims), seed, -128, 128, dtype);
}
int64_t at(const Tensor& tensor, int64_t index) {
  return tensor.dtype() == DType::uint8 ? int64_t{tensor.data<uint8_t>()[static_cast<size_t>(index)]}
                                        : int64_t{tensor.data<int8_t>()[static_cast<size_t>(index)]};
}

struct ConvCase {
  Dims x, w;
  List strides, pads, dilations;
  int64_t group;
};

/// The sums of a convolution over two spatial axes.
Tensor conv_sums(const ConvCase& c, const Tensor& x, int64_t x_zero, const Tensor& w, const List& w_zero) {
  const auto out = [&](size_t axis) {
    return (c.x[axis + 2] + c.pads[axis] + c.pads[axis + 2] - (c.w[axis + 2] - 1) * c.dilations[axis] - 1) /
               c.strides[axis] +
           1;
  };
  const int64_t height = out(0);
  const int64_t width = out(1);
  Tensor y(DType::int32, {c.x[0], c.w[0], height, width});
  const int64_t per_group = c.w[0] / c.group;
  for (int64_t i = 0; i < y.element_count(); ++i) {
    const int64_t ow = i % width;
    const int64_t oh = i / width % height;
    const int64_t m = i / width / height % c.w[0];
    const int64_t n = i / width / height / c.w[0];
    int64_t sum = 0;
    for (int64_t k = 0; k < c.w[1] * c.w[2] * c.w[3]; ++k) {
      const int64_t kw = k % c.w[3];
      const int64_t kh = k / c.w[3] % c.w[2];
      const int64_t channel = k / c.w[3] / c.w[2];
      const int64_t ih = oh * c.strides[0] - c.pads[0] + kh * c.dilations[0];
      const int64_t iw = ow * c.strides[1] - c.pads[1] + kw * c.dilations[1];
      if (ih < 0 || ih >= c.x[2] || iw < 0 || iw >= c.x[3]) continue;
      const int64_t from = ((n * c.x[1] + m / per_group * c.w[1] + channel) * c.x[2] + ih) * c.x[3] + iw;
      sum += (at(x, from) - x_zero) * (at(w, m * c.w[1] * c.w[2] * c.w[3] + k) -
                                       w_zero[w_zero.size() == 1 ? 0 : static_cast<size_t>(m)]);
    }
    y.data<int32_t>()[static_cast<size_t>(i)] = static_cast<int32_t>(sum);
  }
  return y;
}

Attributes attributes_of(const ConvCase& c) {
  return {{"strides", c.strides}, {"pads", c.pads}, {"dilations", c.dilations}, {"group", c.group}};
}

Tensor int8_scalar(DType dtype, int64_t value) { return convert(Tensor::scalar(value), dtype); }

const std::array conv_cases{
    ConvCase{{1, 3, 9, 11}, {5, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    ConvCase{{2, 4, 8, 8}, {70, 4, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    ConvCase{{1, 6, 10, 7}, {4, 3, 3, 2}, {2, 1}, {0, 2, 1, 1}, {1, 2}, 2},
    ConvCase{{2, 70, 6, 6}, {70, 1, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 70},
    ConvCase{{1, 2, 12, 12}, {6, 1, 5, 5}, {1, 2}, {2, 2, 2, 2}, {2, 2}, 2},
};

}  // namespace

TEST_CASE("ConvInteger sums exactly", "[int_products]") {
  uint32_t seed = 1;
  for (const ConvCase& c : conv_cases)
    for (const DType x_type : {DType::uint8, DType::int8})
      for (const DType w_type : {DType::uint8, DType::int8}) {
        const Tensor x = random_ints(c.x, x_type, ++seed);
        const Tensor w = random_ints(c.w, w_type, ++seed);
        INFO(describe(x) << " by " << describe(w));
        expect_close(run_op("ConvInteger", 10, attributes_of(c), {x, w})[0], conv_sums(c, x, 0, w, {0}));
        const int64_t x_zero = x_type == DType::uint8 ? 200 : -77;
        const Tensor zeros = random_ints({c.w[0]}, w_type, ++seed);
        List w_zero;
        for (int64_t m = 0; m < c.w[0]; ++m) w_zero.push_back(at(zeros, m));
        expect_close(
            run_op("ConvInteger", 10, attributes_of(c), {x, w, int8_scalar(x_type, x_zero), zeros})[0],
            conv_sums(c, x, x_zero, w, w_zero));
      }
  expect_batch_split("ConvInteger", 10, attributes_of(conv_cases[1]),
                     {random_ints({3, 4, 5, 5}, DType::uint8, 1), random_ints({70, 4, 1, 1}, DType::int8, 2)},
                     {0, -1});
}

TEST_CASE("ConvInteger over one and three axes", "[int_products]") {
  const Tensor line = Tensor::from<uint8_t>({1, 1, 4}, {1, 2, 3, 4});
  expect_close(
      run_op("ConvInteger", 10, {{"pads", List{1, 0}}}, {line, Tensor::from<int8_t>({1, 1, 2}, {1, -1})})[0],
      Tensor::from<int32_t>({1, 1, 4}, {-1, -1, -1, -1}));
  const Tensor cube = arange({1, 2, 3, 3, 3}, 0, 1, DType::uint8);
  const Tensor ones = arange({1, 2, 2, 2, 2}, 1, 0, DType::int8);
  const Tensor y = run_op("ConvInteger", 10, {}, {cube, ones})[0];
  CHECK(y.dims() == Dims{1, 1, 2, 2, 2});
  CHECK(y.data<int32_t>()[0] == 2 * (0 + 1 + 3 + 4 + 9 + 10 + 12 + 13) + 8 * 27);
  expect_error(ErrorCode::unsupported, "must be int8 or uint8", [&] {
    run_op("ConvInteger", 10, {}, {floats({1, 1, 4}, {1, 2, 3, 4}), line});
  });
}

TEST_CASE("QLinearConv requantises by channel", "[int_products]") {
  uint32_t seed = 50;
  for (const ConvCase& c : conv_cases)
    for (const DType y_type : {DType::uint8, DType::int8}) {
      const Tensor x = random_ints(c.x, DType::uint8, ++seed);
      const Tensor w = random_ints(c.w, DType::int8, ++seed);
      const Tensor w_scale = noise({c.w[0]}, ++seed, 0.001, 0.02);
      const Tensor bias = noise({c.w[0]}, ++seed, -5000, 5000, DType::int32);
      const int64_t y_zero = y_type == DType::uint8 ? 120 : 5;
      const Tensor sums = conv_sums(c, x, 127, w, {0});
      Tensor wanted(DType::int64, sums.dims());
      const int64_t plane = sums.dim(2) * sums.dim(3);
      for (int64_t i = 0; i < sums.element_count(); ++i) {
        const auto m = static_cast<size_t>(i / plane % c.w[0]);
        const float multiplier = 0.05f * w_scale.data<float>()[m] / 0.3f;
        const double value = std::nearbyint(
            static_cast<float>(sums.data<int32_t>()[static_cast<size_t>(i)] + bias.data<int32_t>()[m]) *
            multiplier);
        const double low = y_type == DType::uint8 ? 0 : -128;
        wanted.data<int64_t>()[static_cast<size_t>(i)] =
            static_cast<int64_t>(std::clamp(value + static_cast<double>(y_zero), low, low + 255));
      }
      expect_close(
          run_op("QLinearConv", 10, attributes_of(c),
                 {x, Tensor::scalar(0.05f), int8_scalar(DType::uint8, 127), w, w_scale,
                  int8_scalar(DType::int8, 0), Tensor::scalar(0.3f), int8_scalar(y_type, y_zero), bias})[0],
          convert(wanted, y_type));
    }
  CHECK(make("QLinearConv", 10, {}, 8)->keeps_float32(4));
}

TEST_CASE("MatMulInteger sums exactly, with zero points of rows and columns", "[int_products]") {
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{1, 1, 1}, {3, 7, 5}, {70, 130, 67}, {2, 40000, 3}}) {
    const Tensor a = random_ints({m, k}, DType::uint8, 1);
    const Tensor b = random_ints({k, n}, DType::int8, 2);
    const Tensor a_zero = random_ints({m}, DType::uint8, 3);
    const Tensor b_zero = random_ints({n}, DType::int8, 4);
    Tensor wanted(DType::int32, {m, n});
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        int64_t sum = 0;
        for (int64_t d = 0; d < k; ++d)
          sum += (at(a, i * k + d) - at(a_zero, i)) * (at(b, d * n + j) - at(b_zero, j));
        wanted.data<int32_t>()[static_cast<size_t>(i * n + j)] =
            static_cast<int32_t>(static_cast<uint32_t>(sum));
      }
    INFO(m << " " << k << " " << n);
    expect_close(run_op("MatMulInteger", 10, {}, {a, b, a_zero, b_zero})[0], wanted);
  }
  // Stacks that are broadcast, vectors, and signed times unsigned.
  const Tensor a = random_ints({2, 1, 3, 4}, DType::int8, 5);
  const Tensor b = random_ints({5, 4, 2}, DType::uint8, 6);
  const Tensor y = run_op("MatMulInteger", 10, {}, {a, b})[0];
  const Tensor as_float =
      run_op("MatMul", 13, {}, {convert(a, DType::float32), convert(b, DType::float32)})[0];
  expect_close(convert(y, DType::float32), as_float, 0, 0);
  expect_close(run_op("MatMulInteger", 10, {},
                      {Tensor::from<uint8_t>({2}, {1, 2}), Tensor::from<uint8_t>({2}, {3, 4})})[0],
               Tensor::scalar(int32_t{11}));
  expect_batch_split("MatMulInteger", 10, {},
                     {random_ints({4, 6}, DType::uint8, 7), random_ints({6, 3}, DType::int8, 8)}, {0, -1});
  expect_error(ErrorCode::invalid_argument, "does not fit", [&] {
    run_op("MatMulInteger", 10, {},
           {random_ints({4, 6}, DType::uint8, 7), random_ints({6, 3}, DType::int8, 8),
            random_ints({3}, DType::uint8, 9)});
  });
}

TEST_CASE("QLinearMatMul scales by row and column", "[int_products]") {
  const Tensor a = random_ints({3, 5}, DType::uint8, 1);
  const Tensor b = random_ints({5, 4}, DType::int8, 2);
  const Tensor sums =
      run_op("MatMulInteger", 10, {}, {a, b, int8_scalar(DType::uint8, 100), int8_scalar(DType::int8, 3)})[0];
  const Tensor a_scale = floats({3}, {0.1f, 0.2f, 0.05f});
  const Tensor b_scale = floats({4}, {0.02f, 0.03f, 0.01f, 0.05f});
  for (const bool by_row : {false, true}) {
    Tensor wanted(DType::int64, {3, 4});
    for (size_t i = 0; i < 12; ++i) {
      const float multiplier =
          a_scale.data<float>()[by_row ? i / 4 : 0] * b_scale.data<float>()[i % 4] / 0.7f;
      const double value = std::nearbyint(static_cast<float>(sums.data<int32_t>()[i]) * multiplier) + 9;
      wanted.data<int64_t>()[i] = static_cast<int64_t>(std::clamp(value, -128.0, 127.0));
    }
    expect_close(
        run_op("QLinearMatMul", 21, {},
               {a, by_row ? a_scale : Tensor::scalar(0.1f), int8_scalar(DType::uint8, 100), b, b_scale,
                int8_scalar(DType::int8, 3), Tensor::scalar(0.7f), int8_scalar(DType::int8, 9)})[0],
        convert(wanted, DType::int8));
  }
  const std::vector<Tensor> inputs{
      a,       Tensor::scalar(0.1f),        int8_scalar(DType::uint8, 100), b,
      b_scale, int8_scalar(DType::int8, 3), Tensor::scalar(0.7f),           int8_scalar(DType::int8, 9)};
  expect_batch_split("QLinearMatMul", 10, {}, inputs, {0, -1, -1, -1, -1, -1, -1, -1});
  std::vector<InferInput> types(inputs.begin(), inputs.end());
  types[0] = InferInput(DType::uint8, {Dim::symbol("batch"), Dim(5)});
  types[1] = InferInput(a_scale);
  CHECK(batch_op("QLinearMatMul", 10, {}, types, {BatchState::batched(0)}).blocked());
}
