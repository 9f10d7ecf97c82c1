#include "ops/conv.hpp"

#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;
using Ints = std::vector<int64_t>;

namespace {

/// The definition, one element at a time in float64: 2-D, symmetric pads.
Tensor naive(const Tensor& x, const Tensor& w, int64_t stride, int64_t dilation, int64_t pad, int64_t group) {
  const int64_t n = x.dim(0), c = w.dim(1), m = w.dim(0), kh = w.dim(2), kw = w.dim(3);
  const int64_t oh = (x.dim(2) + 2 * pad - (kh - 1) * dilation - 1) / stride + 1;
  const int64_t ow = (x.dim(3) + 2 * pad - (kw - 1) * dilation - 1) / stride + 1;
  Tensor y(DType::float32, {n, m, oh, ow});
  size_t at = 0;
  for (int64_t in = 0; in < n; ++in)
    for (int64_t im = 0; im < m; ++im)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          double sum = 0;
          for (int64_t ic = 0; ic < c; ++ic)
            for (int64_t a = 0; a < kh; ++a)
              for (int64_t b = 0; b < kw; ++b) {
                const int64_t h = i * stride - pad + a * dilation;
                const int64_t v = j * stride - pad + b * dilation;
                if (h < 0 || h >= x.dim(2) || v < 0 || v >= x.dim(3)) continue;
                const int64_t channel = im / (m / group) * c + ic;
                sum += static_cast<double>(x.data<float>()[static_cast<size_t>(
                           ((in * x.dim(1) + channel) * x.dim(2) + h) * x.dim(3) + v)]) *
                       static_cast<double>(
                           w.data<float>()[static_cast<size_t>(((im * c + ic) * kh + a) * kw + b)]);
              }
          y.data<float>()[at++] = static_cast<float>(sum);
        }
  return y;
}

}  // namespace

TEST_CASE("Conv equals its definition", "[conv]") {
  for (int64_t stride : {1, 2, 3})
    for (int64_t dilation : {1, 2})
      for (int64_t pad : {0, 1, 2})
        for (int64_t group : {1, 2}) {
          const Tensor x = noise({2, 4, 9, 23}, 1);
          const Tensor w = noise({6, 4 / group, 3, 2}, 2);
          INFO("stride " << stride << " dilation " << dilation << " pad " << pad << " group " << group);
          expect_close(run_op("Conv", 11,
                              {{"strides", Ints{stride, stride}},
                               {"dilations", Ints{dilation, dilation}},
                               {"pads", Ints{pad, pad, pad, pad}},
                               {"group", group}},
                              {x, w})[0],
                       naive(x, w, stride, dilation, pad, group));
        }
}

TEST_CASE("Conv over more channels and positions than one block", "[conv]") {
  const Tensor x = noise({1, 70, 20, 19}, 1);
  const Tensor w = noise({67, 70, 3, 3}, 2);
  expect_close(run_op("Conv", 11, {{"pads", Ints{1, 1, 1, 1}}}, {x, w})[0], naive(x, w, 1, 1, 1, 1), 1e-5,
               1e-5);
  const Tensor w1 = noise({67, 70, 1, 1}, 3);
  expect_close(run_op("Conv", 11, {}, {x, w1})[0], naive(x, w1, 1, 1, 0, 1), 1e-5, 1e-5);
}

TEST_CASE("Conv in one and three dimensions, with bias and auto_pad", "[conv]") {
  // SAME_UPPER of a kernel of 2 pads one element at the end, SAME_LOWER at the beginning.
  const Tensor x = floats({1, 1, 4}, {1, 2, 3, 4});
  const Tensor w = floats({1, 1, 2}, {1, 10});
  const Tensor b = floats({1}, {0.5f});
  expect_close(run_op("Conv", 11, {{"auto_pad", "SAME_UPPER"}}, {x, w, b})[0],
               floats({1, 1, 4}, {21.5f, 32.5f, 43.5f, 4.5f}));
  expect_close(run_op("Conv", 11, {{"auto_pad", "SAME_LOWER"}}, {x, w, b})[0],
               floats({1, 1, 4}, {10.5f, 21.5f, 32.5f, 43.5f}));
  expect_close(run_op("Conv", 11, {{"auto_pad", "VALID"}}, {x, w})[0], floats({1, 1, 3}, {21, 32, 43}));
  expect_close(run_op("Conv", 1, {{"pads", Ints{2, 0}}}, {x, w})[0], floats({1, 1, 5}, {0, 10, 21, 32, 43}));
  expect_close(
      run_op("Conv", 11, {}, {arange({1, 1, 2, 2, 2}), floats({1, 1, 2, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1})})[0],
      floats({1, 1, 1, 1, 1}, {28}));
}

TEST_CASE("Conv in float16 computes in float32 and rounds once", "[conv]") {
  const Tensor x = noise({2, 33, 8, 8}, 4, -1, 1, DType::float16);
  const Tensor w = noise({5, 33, 3, 3}, 5, -1, 1, DType::float16);
  const Tensor wide = run_op("Conv", 11, {}, {convert(x, DType::float32), convert(w, DType::float32)})[0];
  CHECK(same_bits(run_op("Conv", 11, {}, {x, w})[0], convert(wide, DType::float16)));
  const Tensor d = run_op("Conv", 11, {}, {convert(x, DType::float64), convert(w, DType::float64)})[0];
  expect_close(convert(d, DType::float32), wide, 1e-5, 5e-6);
}

TEST_CASE("Conv of nothing", "[conv]") {
  CHECK(run_op("Conv", 11, {}, {noise({0, 2, 5, 5}), noise({3, 2, 3, 3})})[0].dims() == Dims{0, 3, 3, 3});
  // No input channels: only the bias is left.
  expect_close(run_op("Conv", 11, {}, {noise({1, 0, 2, 2}), noise({1, 0, 1, 1}), floats({1}, {3})})[0],
               floats({1, 1, 2, 2}, {3, 3, 3, 3}));
}

TEST_CASE("Conv infers symbolic sizes", "[conv]") {
  const graph::Shape x{Dim::symbol("n"), 3, Dim::symbol("h"), 224};
  const auto text = [&](const Attributes& attributes) {
    return infer_op("Conv", 11, attributes, {{DType::float32, x}, noise({64, 3, 7, 7})}).text();
  };
  CHECK(text({{"pads", Ints{3, 3, 3, 3}}}) == "float32[n, 64, h, 224]");
  CHECK(text({{"pads", Ints{3, 3, 3, 3}}, {"strides", Ints{2, 2}}}) ==
        "float32[n, 64, " + (floor_div(Dim::symbol("h") - Dim(1), 2) + Dim(1)).text() + ", 112]");
  CHECK(text({{"auto_pad", "SAME_UPPER"}, {"strides", Ints{1, 3}}}) == "float32[n, 64, h, 75]");
}

TEST_CASE("Conv refuses what does not fit", "[conv]") {
  expect_error(ErrorCode::bad_model, "input 1 is missing", [] {
    infer_op("Conv", 11, {}, {noise({1, 1, 2, 2})});
  });
  expect_error(ErrorCode::bad_model, "not a tensor", [] {
    const auto sequence = ValueType::sequence(ValueType::tensor(DType::float32));
    infer_op("Conv", 11, {}, {noise({1, 1, 2, 2}), noise({1, 1, 1, 1}), InferInput(sequence)});
  });
  expect_error(ErrorCode::bad_model, "needs 6", [] {
    infer_op("Conv", 11, {{"group", int64_t{2}}}, {noise({1, 4, 5, 5}), noise({4, 3, 3, 3})});
  });
  expect_error(ErrorCode::bad_model, "too small", [] {
    infer_op("Conv", 11, {}, {noise({1, 1, 2, 2}), noise({1, 1, 3, 3})});
  });
  expect_error(ErrorCode::bad_model, "strides", [] { make("Conv", 11, {{"strides", Ints{0, 1}}}); });
  expect_error(ErrorCode::bad_model, "group", [] { make("Conv", 11, {{"group", int64_t{0}}}); });
  expect_error(ErrorCode::bad_model, "auto_pad", [] { make("Conv", 11, {{"auto_pad", "WIDE"}}); });
  expect_error(ErrorCode::unsupported, "int32", [] {
    infer_op("Conv", 11, {}, {Tensor(DType::int32, {1, 1, 3, 3}), Tensor(DType::int32, {1, 1, 3, 3})});
  });
  const auto op = make("Conv", 11, {});
  expect_error(ErrorCode::invalid_argument, "has 4 channels", [&] {
    run_values(*op, {noise({1, 4, 5, 5}), noise({4, 3, 3, 3})});
  });
  expect_error(ErrorCode::invalid_argument, "too small", [&] {
    run_values(*op, {noise({1, 3, 2, 2}), noise({4, 3, 3, 3})});
  });
}

TEST_CASE("Conv splits along axis 0 of X alone", "[conv]") {
  expect_batch_split("Conv", 11, {{"pads", Ints{1, 1, 1, 1}}}, {noise({3, 5, 7, 7}), noise({4, 5, 3, 3})},
                     {0, -1});
  const std::vector<InferInput> inputs{noise({3, 5, 7, 7}), noise({4, 5, 3, 3})};
  CHECK(batch_op("Conv", 11, {}, inputs, {BatchState::batched(2)}).blocked());
  CHECK(batch_op("Conv", 11, {}, inputs, {BatchState::shared(), BatchState::batched(0)}).blocked());
}
