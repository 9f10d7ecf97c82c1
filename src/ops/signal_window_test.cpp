#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;

namespace {

Tensor window(const char* name, int64_t size, bool periodic) {
  return run_op(name, 17, {{"periodic", int64_t{periodic}}}, {ints({}, {size})})[0];
}

}  // namespace

// Expectations are those of torch.hann_window, hamming_window (with 25/46 and 21/46) and blackman_window.
TEST_CASE("Windows, periodic and symmetric", "[signal]") {
  expect_close(window("HannWindow", 5, true),
               floats({5}, {0, 0.3454915f, 0.9045085f, 0.9045085f, 0.3454915f}));
  expect_close(window("HannWindow", 5, false), floats({5}, {0, 0.5f, 1, 0.5f, 0}));
  expect_close(window("HammingWindow", 5, true),
               floats({5}, {0.08695652f, 0.4024053f, 0.9128121f, 0.9128121f, 0.4024053f}));
  expect_close(window("HammingWindow", 5, false),
               floats({5}, {0.08695652f, 0.5434783f, 1, 0.5434783f, 0.08695652f}));
  expect_close(window("BlackmanWindow", 5, true),
               floats({5}, {0, 0.2007701f, 0.8492298f, 0.8492298f, 0.2007701f}));
  expect_close(window("BlackmanWindow", 5, false), floats({5}, {0, 0.34f, 1, 0.34f, 0}));
  expect_close(window("HannWindow", 0, true), floats({0}, {}));
  expect_close(window("HannWindow", 1, false), floats({1}, {1}));
}

TEST_CASE("Windows of other types and sizes", "[signal]") {
  const Attributes as_double{{"output_datatype", int64_t{11}}};
  CHECK(run_op("HannWindow", 17, as_double, {convert(ints({1}, {4}), DType::int32)})[0].dtype() ==
        DType::float64);
  expect_close(run_op("HannWindow", 17, {{"output_datatype", int64_t{7}}, {"periodic", int64_t{0}}},
                      {ints({}, {3})})[0],
               ints({3}, {0, 1, 0}));
  CHECK(infer_op("HannWindow", 17, {}, {{DType::int64, Shape{}, {Dim::symbol("n")}}}).text() == "float32[n]");
  const auto half = make("HannWindow", 17)->with_float_type(DType::float32, DType::float16);
  CHECK(spinel::ops::testing::run(*half, {ints({}, {2})})[0].dtype() == DType::float16);
  expect_error(ErrorCode::invalid_argument, "is not one number", [] {
    run_op("HannWindow", 17, {}, {ints({2}, {1, 2})});
  });
  expect_error(ErrorCode::bad_model, "is no element type", [] {
    make("HannWindow", 17, {{"output_datatype", int64_t{99}}});
  });
  expect_error(ErrorCode::bad_model, "negative", [] { infer_op("HannWindow", 17, {}, {ints({}, {-1})}); });
}

// The second expectation is ONNX Runtime's.
TEST_CASE("MelWeightMatrix", "[signal]") {
  const auto mel = [](int64_t bands, int64_t length, int64_t rate, float low, float high) {
    return run_op(
        "MelWeightMatrix", 17, {},
        {ints({}, {bands}), ints({}, {length}), ints({}, {rate}), floats({}, {low}), floats({}, {high})})[0];
  };
  expect_close(mel(2, 8, 8000, 0, 1000), floats({5, 2}, {1, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  expect_close(mel(4, 8, 8000, 0, 4000),
               floats({5, 4}, {1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(mel(80, 400, 16000, 0, 8000).dims() == Dims{201, 80});
  CHECK(mel(0, 8, 8000, 0, 4000).dims() == Dims{5, 0});
  expect_error(ErrorCode::invalid_argument, "lies beyond the 5 bins", [&] { mel(4, 8, 8000, 0, 9000); });
  expect_error(ErrorCode::invalid_argument, "no range", [&] { mel(4, 8, 8000, 2000, 1000); });
}
