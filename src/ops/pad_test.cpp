#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;
using Ints = std::vector<int64_t>;

namespace {
Tensor pad(const std::string& mode, const Tensor& x, const Tensor& pads) {
  return run_op("Pad", 19, {{"mode", mode}}, {x, pads})[0];
}
}  // namespace

TEST_CASE("Pad in every mode", "[pad]") {
  const Tensor x = floats({3}, {1, 2, 3});
  const Tensor pads = ints({2}, {2, 4});
  expect_close(pad("constant", x, pads), floats({9}, {0, 0, 1, 2, 3, 0, 0, 0, 0}));
  expect_close(pad("edge", x, pads), floats({9}, {1, 1, 1, 2, 3, 3, 3, 3, 3}));
  expect_close(pad("wrap", x, pads), floats({9}, {2, 3, 1, 2, 3, 1, 2, 3, 1}));
  // Reflection goes on beyond the other end.
  expect_close(pad("reflect", x, pads), floats({9}, {3, 2, 1, 2, 3, 2, 1, 2, 3}));
  expect_close(pad("reflect", floats({1}, {7}), ints({2}, {1, 1})), floats({3}, {7, 7, 7}));
}

TEST_CASE("Pad of two axes, values, cutting, other types and opsets", "[pad]") {
  const Tensor x = floats({2, 2}, {1, 2, 3, 4});
  expect_close(run_op("Pad", 13, {}, {x, ints({4}, {1, 0, 0, 1}), floats({}, {9})})[0],
               floats({3, 3}, {9, 9, 9, 1, 2, 9, 3, 4, 9}));
  expect_close(run_op("Pad", 2, {{"pads", Ints{1, 0, 0, 1}}, {"value", 9.0f}}, {x})[0],
               floats({3, 3}, {9, 9, 9, 1, 2, 9, 3, 4, 9}));
  expect_close(run_op("Pad", 1, {{"paddings", Ints{0, 0, 0, 1}}}, {x})[0],
               floats({2, 3}, {1, 2, 0, 3, 4, 0}));
  expect_close(pad("constant", x, ints({4}, {-1, 1, 0, -1})), floats({1, 2}, {0, 3}));
  expect_close(run_op("Pad", 18, {}, {x, ints({2}, {1, 0}), Tensor(), ints({1}, {-1})})[0],
               floats({2, 3}, {0, 1, 2, 0, 3, 4}));
  expect_close(run_op("Pad", 13, {}, {ints({1}, {5}), ints({2}, {0, 1}), ints({}, {-3})})[0],
               ints({2}, {5, -3}));
  expect_close(pad("constant", halves({1}, {1.5f}), ints({2}, {1, 0})), halves({2}, {0, 1.5f}));
  expect_close(pad("constant", floats({0}, {}), ints({2}, {1, 1})), floats({2}, {0, 0}));
}

TEST_CASE("Pad infers, splits and refuses", "[pad]") {
  const Dim n = Dim::symbol("n");
  CHECK(infer_op("Pad", 13, {}, {{DType::float32, {n, 4}}, ints({4}, {0, 1, 0, 2})}).text() ==
        "float32[n, 7]");
  CHECK(infer_op("Pad", 13, {}, {{DType::float32, {n, 4}}, {DType::int64, {4}}}).text() == "float32[?, ?]");
  expect_batch_split("Pad", 13, {}, {noise({3, 2}), ints({4}, {0, 1, 0, 2})}, {0, -1});
  CHECK(
      batch_op("Pad", 13, {}, {noise({3, 2}), ints({4}, {0, 1, 1, 2})}, {BatchState::batched(0)}).blocked());
  CHECK(batch_op("Pad", 13, {}, {noise({3, 2}), {DType::int64, {4}}}, {BatchState::batched(0)}).blocked());
  const auto op = make("Pad", 13, {}, 2);
  expect_error(ErrorCode::invalid_argument, "2 pads for 2 axes", [&] {
    run_values(*op, {noise({2, 2}), ints({2}, {1, 1})});
  });
  expect_error(ErrorCode::invalid_argument, "do not fit", [&] {
    run_values(*op, {noise({2}), ints({2}, {-2, -1})});
  });
  expect_error(ErrorCode::invalid_argument, "do not fit", [&] {
    run_values(*op, {noise({2}), ints({2}, {std::numeric_limits<int64_t>::max(), 1})});
  });
  expect_error(ErrorCode::bad_model, "mode 'wrap'", [] { make("Pad", 13, {{"mode", "wrap"}}); });
  const auto edge = make("Pad", 13, {{"mode", "edge"}}, 2);
  expect_error(ErrorCode::invalid_argument, "empty", [&] {
    run_values(*edge, {noise({0}), ints({2}, {1, 1})});
  });
}
