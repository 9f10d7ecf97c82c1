// Operators that pick, count or lay out elements: OneHot, Range, NonZero, TopK, CumSum, Trilu, EyeLike,
// ReverseSequence, Compress, Unique.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {
const Dim batch = Dim::symbol("batch");
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
}  // namespace

TEST_CASE("OneHot", "[one_hot]") {
  const Tensor off_on = floats({2}, {0, 5});
  expect_close(run_op("OneHot", 11, {}, {ints({3}, {0, -1, 7}), ints({1}, {3}), off_on})[0],
               floats({3, 3}, {5, 0, 0, 0, 0, 5, 0, 0, 0}));
  expect_close(
      run_op("OneHot", 11, {{"axis", int64_t{0}}}, {floats({2}, {1, 0}), Tensor::scalar(2.0f), off_on})[0],
      floats({2, 2}, {0, 5, 5, 0}));
  CHECK(infer_op("OneHot", 11, {}, {{DType::int64, {batch}}, ints({1}, {4}), off_on}).text() ==
        "float32[batch, 4]");
  expect_batch_split("OneHot", 11, {{"axis", int64_t{0}}}, {ints({3}, {0, 1, 2}), ints({1}, {3}), off_on},
                     {0, -1, -1});
}

TEST_CASE("Range", "[range]") {
  const auto range = [](auto start, auto limit, auto delta) {
    return run_op("Range", 11, {}, {Tensor::scalar(start), Tensor::scalar(limit), Tensor::scalar(delta)})[0];
  };
  expect_close(range(int64_t{2}, int64_t{9}, int64_t{3}), ints({3}, {2, 5, 8}));
  expect_close(range(int32_t{9}, int32_t{2}, int32_t{-3}), Tensor::from<int32_t>({3}, {9, 6, 3}));
  expect_close(range(int64_t{3}, int64_t{3}, int64_t{1}), ints({0}, {}));
  expect_close(range(0.0f, 1.0f, 0.3f), floats({4}, {0, 0.3f, 0.6f, 0.9f}));
  expect_error(ErrorCode::invalid_argument, "no end", [&] {
    ops::testing::run_values(*make("Range", 11, {}, 3),
                             {Tensor::scalar(0.0f), Tensor::scalar(1.0f), Tensor::scalar(0.0f)});
  });
  expect_error(ErrorCode::bad_model, "delta is 0", [&] { range(int64_t{0}, int64_t{1}, int64_t{0}); });
  const InferInput limit(DType::int64, {}, {Dim::symbol("seq")});
  const InferInput zero(Tensor::scalar(int64_t{0}));
  const InferInput one(Tensor::scalar(int64_t{1}));
  CHECK(infer_op("Range", 11, {}, {zero, limit, one}).text() == "int64[seq]");
  CHECK(infer_op("Range", 11, {}, {zero, InferInput(Tensor::scalar(int64_t{3})), one}).ints_text() ==
        "[0, 1, 2]");
  CHECK(batch_op("Range", 11, {}, {zero, limit, one}, {{}, BatchState::size()}).text() == "shared");
  CHECK(batch_op("Range", 11, {}, {zero, {DType::int64, {}, {batch}}, one}, {{}, BatchState::size()})
            .blocked());
}

TEST_CASE("NonZero lists places in row-major order", "[non_zero]") {
  expect_close(run_op("NonZero", 13, {}, {floats({2, 2}, {1, 0, not_a_number, -2})})[0],
               ints({2, 3}, {0, 1, 1, 0, 0, 1}));
  expect_close(run_op("NonZero", 13, {}, {bools({3}, {false, true, true})})[0], ints({1, 2}, {1, 2}));
  CHECK(run_op("NonZero", 13, {}, {Tensor(DType::int32, {2, 0})})[0].dims() == Dims{2, 0});
  CHECK(infer_op("NonZero", 13, {}, {{DType::float32, {batch, 4}}}).text() == "int64[2, ?]");
}

TEST_CASE("TopK ranks, ties go to the lower index", "[top_k]") {
  const Tensor x = floats({2, 4}, {1, 3, 3, 2, 7, not_a_number, 7, 0});
  auto top = run_op("TopK", 11, {}, {x, ints({1}, {3})}, 2);
  expect_close(top[0], floats({2, 3}, {3, 3, 2, not_a_number, 7, 7}));
  expect_close(top[1], ints({2, 3}, {1, 2, 3, 1, 0, 2}));
  top = run_op("TopK", 11, {{"largest", int64_t{0}}, {"axis", int64_t{0}}}, {x, ints({1}, {1})}, 2);
  expect_close(top[0], floats({1, 4}, {1, 3, 3, 0}));
  expect_close(top[1], ints({1, 4}, {0, 0, 0, 1}));
  top = run_op("TopK", 1, {{"k", int64_t{1}}}, {convert(x, DType::float16)}, 2);
  expect_close(top[0], halves({2, 1}, {3, not_a_number}));
  expect_close(run_op("TopK", 11, {}, {ints({3}, {5, 9, 7}), ints({1}, {2})}, 2)[1], ints({2}, {1, 2}));
  CHECK(run_op("TopK", 11, {}, {x, ints({1}, {0})}, 2)[0].dims() == Dims{2, 0});
  expect_error(ErrorCode::bad_model, "the 5 largest of 4", [&] {
    run_op("TopK", 11, {}, {x, ints({1}, {5})}, 2);
  });
  expect_batch_split("TopK", 11, {}, {noise({3, 8}), ints({1}, {2})}, {0, -1}, 2);
  CHECK(batch_op("TopK", 11, {{"axis", int64_t{0}}}, {{DType::float32, {batch, 8}}, ints({1}, {1})},
                 {BatchState::batched(0)}, 2)
            .blocked());
}

TEST_CASE("CumSum and CumProd", "[cum_sum]") {
  const Tensor x = floats({2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor one = Tensor::scalar(int64_t{1});
  expect_close(run_op("CumSum", 14, {}, {x, one})[0], floats({2, 3}, {1, 3, 6, 4, 9, 15}));
  expect_close(run_op("CumSum", 14, {{"exclusive", int64_t{1}}}, {x, one})[0],
               floats({2, 3}, {0, 1, 3, 0, 4, 9}));
  expect_close(run_op("CumSum", 14, {{"reverse", int64_t{1}}}, {x, Tensor::scalar(int64_t{-2})})[0],
               floats({2, 3}, {5, 7, 9, 4, 5, 6}));
  expect_close(run_op("CumSum", 14, {{"reverse", int64_t{1}}, {"exclusive", int64_t{1}}},
                      {ints({3}, {1, 2, 3}), ints({1}, {0})})[0],
               ints({3}, {5, 3, 0}));
  expect_close(run_op("CumProd", 26, {}, {x, one})[0], floats({2, 3}, {1, 2, 6, 4, 20, 120}));
  expect_close(run_op("CumProd", 26, {{"reverse", int64_t{1}}, {"exclusive", int64_t{1}}}, {x, one})[0],
               floats({2, 3}, {6, 3, 1, 30, 6, 1}));
  expect_batch_split("CumSum", 14, {}, {noise({3, 8}), one}, {0, -1});
  CHECK(batch_op("CumSum", 14, {}, {{DType::float32, {batch, 8}}, Tensor::scalar(int64_t{0})},
                 {BatchState::batched(0)})
            .blocked());
}

TEST_CASE("Trilu and EyeLike", "[trilu]") {
  const Tensor x = arange({3, 3}, 1);
  expect_close(run_op("Trilu", 14, {}, {x})[0], floats({3, 3}, {1, 2, 3, 0, 5, 6, 0, 0, 9}));
  expect_close(run_op("Trilu", 14, {{"upper", int64_t{0}}}, {x, Tensor::scalar(int64_t{-1})})[0],
               floats({3, 3}, {0, 0, 0, 4, 0, 0, 7, 8, 0}));
  expect_close(run_op("Trilu", 14, {}, {x, Tensor::scalar(std::numeric_limits<int64_t>::max())})[0],
               Tensor(DType::float32, {3, 3}));
  expect_batch_split("Trilu", 14, {}, {noise({2, 3, 4})}, {0});
  CHECK(batch_op("Trilu", 14, {}, {{DType::float32, {batch, 3}}}, {BatchState::batched(0)}).blocked());
  expect_close(
      run_op("EyeLike", 9, {{"k", int64_t{1}}, {"dtype", int64_t{1}}}, {Tensor(DType::int32, {2, 3})})[0],
      floats({2, 3}, {0, 1, 0, 0, 0, 1}));
  const OpPtr eye = make("EyeLike", 9, {{"dtype", int64_t{1}}});
  CHECK(ops::testing::run(*eye->with_float_type(DType::float32, DType::float16), {x})[0].dtype() ==
        DType::float16);
}

TEST_CASE("ReverseSequence, Compress and Unique", "[select]") {
  const Tensor x = arange({4, 2});
  expect_close(run_op("ReverseSequence", 10, {}, {x, ints({2}, {3, 1})})[0],
               floats({4, 2}, {4, 1, 2, 3, 0, 5, 6, 7}));
  expect_close(run_op("ReverseSequence", 10, {{"batch_axis", int64_t{0}}, {"time_axis", int64_t{1}}},
                      {x, ints({4}, {2, 1, 0, 2})})[0],
               floats({4, 2}, {1, 0, 2, 3, 4, 5, 7, 6}));
  expect_error(ErrorCode::invalid_argument, "length 5", [&] {
    run_op("ReverseSequence", 10, {}, {x, ints({2}, {5, 1})});
  });
  expect_batch_split("ReverseSequence", 10, {}, {noise({4, 3, 2}), ints({3}, {3, 1, 4})}, {1, 0});

  expect_close(run_op("Compress", 11, {{"axis", int64_t{0}}}, {x, bools({3}, {false, true, true})})[0],
               floats({2, 2}, {2, 3, 4, 5}));
  expect_close(run_op("Compress", 11, {}, {x, bools({5}, {false, true, false, false, true})})[0],
               floats({2}, {1, 4}));
  expect_error(ErrorCode::invalid_argument, "does not fit", [&] {
    run_op("Compress", 11, {{"axis", int64_t{1}}}, {x, bools({3}, {true, true, true})});
  });
  expect_batch_split("Compress", 11, {{"axis", int64_t{1}}}, {noise({3, 4}), bools({3}, {true, false, true})},
                     {0, -1});

  auto out = run_op("Unique", 11, {}, {floats({6}, {2, 1, 1, 3, 4, 3})}, 4);
  expect_close(out[0], floats({4}, {1, 2, 3, 4}));
  expect_close(out[1], ints({4}, {1, 0, 3, 4}));
  expect_close(out[2], ints({6}, {1, 0, 0, 2, 3, 2}));
  expect_close(out[3], ints({4}, {2, 1, 2, 1}));
  out = run_op("Unique", 11, {{"sorted", int64_t{0}}}, {floats({6}, {2, 1, 1, 3, 4, 3})}, 4);
  expect_close(out[0], floats({4}, {2, 1, 3, 4}));
  expect_close(out[2], ints({6}, {0, 1, 1, 2, 3, 2}));
  out = run_op("Unique", 11, {{"axis", int64_t{0}}}, {floats({3, 2}, {1, 0, 0, 1, 1, 0})}, 1);
  expect_close(out[0], floats({2, 2}, {0, 1, 1, 0}));
}
