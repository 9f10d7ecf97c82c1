#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;
using spinel::ops::BatchState;

namespace {

const Attributes inverse{{"inverse", int64_t{1}}};
const Attributes onesided{{"onesided", int64_t{1}}};
const Attributes inverse_onesided{{"inverse", int64_t{1}}, {"onesided", int64_t{1}}};

}  // namespace

TEST_CASE("DFT of small signals", "[dft]") {
  // 1, 2, 3, 4: 10, -2 + 2i, -2, -2 - 2i.
  const Tensor x = floats({1, 4, 1}, {1, 2, 3, 4});
  const Tensor spectrum = floats({1, 4, 2}, {10, 0, -2, 2, -2, 0, -2, -2});
  expect_close(run_op("DFT", 20, {}, {x})[0], spectrum);
  expect_close(run_op("DFT", 17, {}, {x})[0], spectrum);
  expect_close(run_op("DFT", 20, onesided, {x})[0], floats({1, 3, 2}, {10, 0, -2, 2, -2, 0}));
  expect_close(run_op("DFT", 20, inverse, {spectrum})[0], floats({1, 4, 2}, {1, 0, 2, 0, 3, 0, 4, 0}));
  expect_close(run_op("DFT", 20, inverse_onesided, {floats({1, 3, 2}, {10, 9, -2, 2, -2, 9})})[0], x);
  // Multiplied by i.
  expect_close(run_op("DFT", 20, {}, {floats({1, 4, 2}, {0, 1, 0, 2, 0, 3, 0, 4})})[0],
               floats({1, 4, 2}, {0, 10, -2, -2, 0, -2, 2, -2}));
  // Cut to 1, 2 and filled up to 1, 2, 3, 4, 0.
  expect_close(run_op("DFT", 20, {}, {x, ints({}, {2})})[0], floats({1, 2, 2}, {3, 0, -1, 0}));
  CHECK(run_op("DFT", 20, onesided, {x, ints({}, {5})})[0].dims() == Dims{1, 3, 2});
  expect_close(
      run_op("DFT", 20, inverse_onesided, {floats({1, 2, 2}, {6, 0, -1.5f, 0.8660254f}), ints({}, {3})})[0],
      floats({1, 3, 1}, {1, 2, 3}));
}

TEST_CASE("DFT along any signal axis", "[dft]") {
  const Tensor x = noise({3, 5, 7, 1});
  for (const int64_t axis : {0, 1, 2, -2, -3, -4}) {
    INFO("axis " << axis);
    const Tensor there = run_op("DFT", 20, {}, {x, Tensor(), ints({}, {axis})})[0];
    expect_close(run_op("DFT", 17, {{"axis", axis}}, {x})[0], there, 0, 0);
    const Tensor back = run_op("DFT", 20, inverse, {there, Tensor(), ints({1}, {axis})})[0];
    expect_close(slice_axis(back, 3, 0, 1), x, 0, 1e-6);
    expect_close(slice_axis(back, 3, 1, 2), Tensor(DType::float32, {3, 5, 7, 1}), 0, 1e-6);
  }
  expect_close(run_op("DFT", 20, {}, {convert(x, DType::float16), Tensor(), ints({}, {1})})[0],
               convert(run_op("DFT", 20, {}, {x, Tensor(), ints({}, {1})})[0], DType::float16), 0, 5e-3);
}

TEST_CASE("DFT refuses what cannot be", "[dft]") {
  const Tensor complex = noise({1, 4, 2});
  expect_error(ErrorCode::bad_model, "one-sided transform takes real",
               [&] { run_op("DFT", 20, onesided, {complex}); });
  expect_error(ErrorCode::bad_model, "parts of complex", [&] {
    run_op("DFT", 20, {}, {complex, Tensor(), ints({}, {2})});
  });
  expect_error(ErrorCode::bad_model, "must be", [] { run_op("DFT", 20, {}, {noise({1, 4, 3})}); });
  expect_error(ErrorCode::invalid_argument, "a transform of 0", [] {
    run_op("DFT", 20, {}, {noise({1, 0, 1})});
  });
  CHECK(run_op("DFT", 20, {}, {noise({0, 4, 1})})[0].dims() == Dims{0, 4, 2});
}

TEST_CASE("DFT infers and splits", "[dft]") {
  const InferInput signal(DType::float32, Shape{Dim::symbol("batch"), Dim::symbol("n"), Dim(1)});
  CHECK(infer_op("DFT", 20, {}, {signal}).text() == "float32[batch, n, 2]");
  CHECK(infer_op("DFT", 17, onesided, {signal, ints({}, {16})}).text() == "float32[batch, 9, 2]");
  expect_batch_split("DFT", 17, {}, {noise({3, 6, 2})}, {0});
  CHECK(batch_op("DFT", 17, {{"axis", int64_t{0}}}, {signal}, {BatchState::batched(0)}).blocked());
}

TEST_CASE("STFT", "[dft]") {
  const Tensor signal = noise({1, 10, 1}, 7);
  const Tensor hann = run_op("HannWindow", 17, {}, {ints({}, {4})})[0];
  // torch.stft without centring.
  expect_close(run_op("STFT", 17, {}, {signal, ints({}, {3}), hann})[0],
               floats({1, 3, 3, 2},
                      {-0.7038727f, 0, 0.5964966f, 0.167984f, -0.4891205f, 0, -0.2209167f, 0, 0.01974487f,
                       -0.6811218f, 0.181427f, 0, 0.7372894f, 0, -0.3933411f, -0.06614685f, 0.0493927f, 0}),
               1e-5, 1e-6);
  const Attributes both{{"onesided", int64_t{0}}};
  for (const int64_t parts : {1, 2}) {
    const Tensor x = noise({2, 30, parts});
    const Tensor frames = run_op("STFT", 17, both, {x, ints({}, {5}), Tensor(), ints({}, {7})})[0];
    REQUIRE(frames.dims() == Dims{2, 5, 7, 2});
    for (int64_t frame = 0; frame < 5; ++frame) {
      const Tensor one = run_op("DFT", 20, {}, {slice_axis(x, 1, 5 * frame, 5 * frame + 7)})[0];
      const Tensor same = slice_axis(frames, 1, frame, frame + 1);
      CHECK(std::memcmp(one.raw(), same.raw(), one.size_bytes()) == 0);
    }
    expect_batch_split("STFT", 17, both, {x, ints({}, {5}), Tensor(), ints({}, {7})}, {0, -1, -1, -1});
  }
  expect_error(ErrorCode::invalid_argument, "cannot be cut", [&] {
    run_op("STFT", 17, {}, {signal, ints({}, {3}), Tensor(), ints({}, {11})});
  });
  expect_error(ErrorCode::invalid_argument, "the window", [&] {
    run_op("STFT", 17, {}, {signal, ints({}, {3}), hann, ints({}, {5})});
  });
  const InferInput symbolic(DType::float32, Shape{Dim::symbol("batch"), Dim::symbol("n"), Dim(1)});
  CHECK(infer_op("STFT", 17, {}, {symbolic, ints({}, {160}), noise({400})}).text() ==
        "float32[batch, ((n + 80) / (160)) + -2, 201, 2]");
}
