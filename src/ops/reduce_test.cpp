#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;
using Ints = std::vector<int64_t>;

namespace {
const float inf = std::numeric_limits<float>::infinity();
const float not_a_number = std::numeric_limits<float>::quiet_NaN();

Tensor reduce(const std::string& name, const Tensor& x, Ints axes, bool keep_dims) {
  return run_op(name, 11, {{"axes", std::move(axes)}, {"keepdims", int64_t{keep_dims}}}, {x})[0];
}
}  // namespace

TEST_CASE("Reductions of the last, first, middle and all axes", "[reduce]") {
  const Tensor x = arange({2, 3, 2}, 1);
  expect_close(reduce("ReduceSum", x, {2}, false), floats({2, 3}, {3, 7, 11, 15, 19, 23}));
  expect_close(reduce("ReduceSum", x, {0}, false), floats({3, 2}, {8, 10, 12, 14, 16, 18}));
  expect_close(reduce("ReduceMean", x, {1}, true), floats({2, 1, 2}, {3, 4, 9, 10}));
  expect_close(reduce("ReduceMax", x, {0, -1}, false), floats({3}, {8, 10, 12}));
  expect_close(reduce("ReduceMin", x, {0, 1}, true), floats({1, 1, 2}, {1, 2}));
  expect_close(run_op("ReduceSum", 11, {}, {x})[0], floats({1, 1, 1}, {78}));
  expect_close(run_op("ReduceProd", 11, {{"keepdims", int64_t{0}}}, {floats({3}, {2, 3, -4})})[0],
               floats({}, {-24}));
}

TEST_CASE("Norms and logarithms", "[reduce]") {
  const Tensor x = floats({2, 2}, {3, -4, 1, 1});
  expect_close(reduce("ReduceL1", x, {1}, false), floats({2}, {7, 2}));
  expect_close(reduce("ReduceL2", x, {1}, false), floats({2}, {5, std::sqrt(2.0f)}));
  expect_close(reduce("ReduceSumSquare", x, {1}, false), floats({2}, {25, 2}));
  expect_close(reduce("ReduceLogSum", floats({2}, {1, 3}), {0}, false), floats({}, {std::log(4.0f)}));
  expect_close(reduce("ReduceLogSumExp", floats({2}, {1000, 1000}), {0}, false),
               floats({}, {1000 + std::log(2.0f)}));
  expect_close(reduce("ReduceLogSumExp", floats({2}, {-inf, -inf}), {0}, false), floats({}, {-inf}));
  expect_close(reduce("ReduceLogSumExp", floats({2}, {inf, 1}), {0}, false), floats({}, {inf}));
}

TEST_CASE("Reductions of integers, float16, NaN and nothing", "[reduce]") {
  expect_close(reduce("ReduceSum", ints({2, 2}, {1, -2, 3, 4}), {0}, false), ints({2}, {4, 2}));
  expect_close(reduce("ReduceMean", ints({2}, {1, 2}), {0}, false), ints({}, {1}));
  expect_close(reduce("ReduceMax", convert(ints({2}, {250, 3}), DType::uint8), {0}, false),
               convert(ints({}, {250}), DType::uint8));
  // 4096 halves of 1: a sum in float16 would stop at 2048.
  expect_close(reduce("ReduceSum", arange({4096}, 1, 0, DType::float16), {0}, false), halves({}, {4096}));
  expect_close(reduce("ReduceMax", floats({3}, {1, not_a_number, 2}), {0}, false),
               floats({}, {not_a_number}));
  expect_close(reduce("ReduceMin", floats({3}, {1, not_a_number, 2}), {0}, false),
               floats({}, {not_a_number}));
  const Tensor none = floats({2, 0}, {});
  expect_close(reduce("ReduceSum", none, {1}, false), floats({2}, {0, 0}));
  expect_close(reduce("ReduceProd", none, {1}, true), floats({2, 1}, {1, 1}));
  expect_close(reduce("ReduceMax", none, {1}, false), floats({2}, {-inf, -inf}));
  expect_close(reduce("ReduceMean", none, {1}, false), floats({2}, {not_a_number, not_a_number}));
  expect_close(reduce("ReduceLogSumExp", none, {1}, false), floats({2}, {-inf, -inf}));
  expect_close(reduce("ReduceMin", convert(none, DType::int32), {1}, false),
               convert(ints({2}, {2147483647, 2147483647}), DType::int32));
  CHECK(reduce("ReduceSum", none, {0}, false).dims() == Dims{0});
  expect_close(run_op("ReduceMax", 20, {}, {bools({2, 2}, {false, true, false, false}), ints({1}, {1})})[0],
               bools({2, 1}, {true, false}));
}

TEST_CASE("Axes as an input", "[reduce]") {
  const Tensor x = arange({2, 2});
  expect_close(run_op("ReduceSum", 13, {{"keepdims", int64_t{0}}}, {x, ints({1}, {-1})})[0],
               floats({2}, {1, 5}));
  expect_close(run_op("ReduceMean", 18, {}, {x, ints({0}, {})})[0], floats({1, 1}, {1.5f}));
  expect_close(run_op("ReduceMean", 18, {{"noop_with_empty_axes", int64_t{1}}}, {x})[0], x);
  CHECK(infer_op("ReduceSum", 13, {}, {x, {DType::int64, {1}}}).text() == "float32[?, ?]");
  CHECK(infer_op("ReduceSum", 13, {{"keepdims", int64_t{0}}}, {x, {DType::int64, {1}}})
            .types[0]
            .shape.has_value() == false);
  const auto op = make("ReduceSum", 13, {}, 2);
  expect_error(ErrorCode::invalid_argument, "axis 2", [&] { run_values(*op, {x, ints({1}, {2})}); });
  expect_error(ErrorCode::bad_model, "axis 2", [] {
    infer_op("ReduceSum", 11, {{"axes", Ints{2}}}, {noise({2, 2})});
  });
  expect_error(ErrorCode::bad_model, "axes", [] { make("ReduceSum", 13, {{"axes", Ints{2}}}); });
}

TEST_CASE("Known integers are reduced while inferring", "[reduce]") {
  const Dim n = Dim::symbol("n");
  const auto result =
      infer_op("ReduceProd", 11, {{"keepdims", int64_t{0}}}, {{DType::int64, {3}, {n, 3, 4}}});
  CHECK(result.text() == "int64[]");
  CHECK(result.ints_text() == graph::shape_text({n * Dim(12)}));
  CHECK(infer_op("ReduceSum", 13, {}, {{DType::int64, {2}, {n, 3}}, ints({1}, {0})}).ints_text() ==
        graph::shape_text({n + Dim(3)}));
  CHECK(infer_op("ReduceMax", 11, {}, {ints({2}, {3, 9})}).ints_text() == "[9]");
}

TEST_CASE("Reductions split unless they reduce the batch", "[reduce]") {
  expect_batch_split("ReduceMean", 11, {{"axes", Ints{2, 3}}, {"keepdims", int64_t{0}}},
                     {noise({3, 2, 4, 5})}, {0});
  expect_batch_split("ReduceLogSumExp", 11, {{"axes", Ints{0}}, {"keepdims", int64_t{0}}}, {noise({2, 3, 4})},
                     {1});
  expect_batch_split("ReduceSum", 13, {}, {noise({2, 3, 4}), ints({1}, {-1})}, {1, -1});
  CHECK(batch_op("ReduceMean", 11, {}, {noise({3, 2})}, {BatchState::batched(0)}).blocked());
  CHECK(batch_op("ReduceSum", 13, {}, {noise({3, 2}), {DType::int64, {1}}}, {BatchState::batched(0)})
            .blocked());
}

TEST_CASE("ArgMax and ArgMin", "[arg_max]") {
  const Tensor x = floats({2, 3}, {1, 3, 3, 5, 4, 4});
  expect_close(run_op("ArgMax", 13, {{"axis", int64_t{1}}}, {x})[0], ints({2, 1}, {1, 0}));
  expect_close(
      run_op("ArgMax", 13,
             {{"axis", int64_t{-1}}, {"select_last_index", int64_t{1}}, {"keepdims", int64_t{0}}}, {x})[0],
      ints({2}, {2, 0}));
  expect_close(run_op("ArgMin", 13, {}, {x})[0], ints({1, 3}, {0, 0, 0}));
  expect_close(run_op("ArgMin", 13, {{"axis", int64_t{1}}}, {convert(x, DType::float16)})[0],
               ints({2, 1}, {0, 1}));
  expect_batch_split("ArgMax", 13, {{"axis", int64_t{1}}, {"keepdims", int64_t{0}}}, {noise({2, 4, 3})}, {2});
  CHECK(batch_op("ArgMax", 13, {}, {x}, {BatchState::batched(0)}).blocked());
  const auto op = make("ArgMax", 13);
  expect_error(ErrorCode::invalid_argument, "no elements", [&] { run_values(*op, {noise({0, 2})}); });
}

TEST_CASE("Dropout passes its input on", "[dropout]") {
  const Tensor x = noise({2, 3});
  const auto out = run_op("Dropout", 13, {}, {x, floats({}, {0.5f}), bools({}, {false})}, 2);
  CHECK(same_bits(out[0], x));
  expect_close(out[1], bools({2, 3}, {true, true, true, true, true, true}));
  CHECK(run_op("Dropout", 7, {{"ratio", 0.5f}}, {x}, 2)[1].dtype() == DType::float32);
  CHECK(run_op("Dropout", 10, {{"ratio", 0.5f}}, {x}, 2)[1].dtype() == DType::boolean);
  expect_batch_split("Dropout", 12, {}, {x}, {0}, 2);
}
