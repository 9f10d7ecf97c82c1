#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

const Dim batch = Dim::symbol("batch");
const Dim height = Dim::symbol("height");
constexpr int64_t end_of_axis = std::numeric_limits<int64_t>::max();
constexpr int64_t before_axis = std::numeric_limits<int64_t>::min();

Tensor slice(const Tensor& x, int64_t start, int64_t end, int64_t axis, int64_t step) {
  return run_op("Slice", 13, {},
                {x, ints({1}, {start}), ints({1}, {end}), ints({1}, {axis}), ints({1}, {step})})[0];
}

}  // namespace

TEST_CASE("Slice takes any range of an axis", "[slice]") {
  const Tensor x = arange({5});
  expect_close(slice(x, 1, 3, 0, 1), floats({2}, {1, 2}));
  expect_close(slice(x, -3, end_of_axis, 0, 1), floats({3}, {2, 3, 4}));
  expect_close(slice(x, 0, end_of_axis, 0, 2), floats({3}, {0, 2, 4}));
  expect_close(slice(x, -1, before_axis, 0, -1), floats({5}, {4, 3, 2, 1, 0}));
  expect_close(slice(x, 3, 0, 0, -2), floats({2}, {3, 1}));
  expect_close(slice(x, 2, end_of_axis, 0, -1), floats({3}, {2, 1, 0}));
  expect_close(slice(x, 100, -100, 0, -3), floats({2}, {4, 1}));
  expect_close(slice(x, 3, 1, 0, 1), Tensor(DType::float32, {0}));
  expect_close(slice(x, 1, 3, 0, end_of_axis), floats({1}, {1}));
  expect_close(slice(x, 3, 1, 0, before_axis), floats({1}, {3}));
  expect_close(slice(Tensor(DType::float32, {0}), -1, before_axis, 0, -1), Tensor(DType::float32, {0}));
  const Tensor y = arange({2, 3, 2});
  expect_close(slice(y, 1, 3, 1, 1), floats({2, 2, 2}, {2, 3, 4, 5, 8, 9, 10, 11}));
  expect_close(slice(y, -1, before_axis, -1, -1), floats({2, 3, 2}, {1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10}));
  expect_close(run_op("Slice", 13, {}, {y, ints({2}, {1, 0}), ints({2}, {2, 1})})[0],
               floats({1, 1, 2}, {6, 7}));
  expect_close(run_op("Slice", 1,
                      {{"starts", std::vector<int64_t>{0}},
                       {"ends", std::vector<int64_t>{-1}},
                       {"axes", std::vector<int64_t>{1}}},
                      {y})[0],
               floats({2, 2, 2}, {0, 1, 2, 3, 6, 7, 8, 9}));
  expect_error(ErrorCode::bad_model, "step of axis 0 is 0", [&] { slice(x, 0, 1, 0, 0); });
  expect_error(ErrorCode::bad_model, "axis 1", [&] { slice(x, 0, 1, 1, 1); });
}

TEST_CASE("Slice equals numpy over all small ranges", "[slice]") {
  for (int64_t size : {0, 1, 4}) {
    for (int64_t start = -6; start <= 6; ++start) {
      for (int64_t end = -6; end <= 6; ++end) {
        for (int64_t step : {-3, -1, 1, 2}) {
          // The specification clamps a start before the axis to it, where numpy gives nothing.
          if (step < 0 && start < -size) continue;
          std::vector<float> expected;
          const int64_t from = start < 0 ? start + size : start;
          const int64_t to = end < 0 ? end + size : end;
          if (step > 0)
            for (int64_t i = std::max<int64_t>(from, 0); i < std::min(to, size); i += step)
              expected.push_back(static_cast<float>(i));
          else
            for (int64_t i = std::min(from, size - 1); i > std::max<int64_t>(to, -1); i += step)
              expected.push_back(static_cast<float>(i));
          INFO(size << ": " << start << ", " << end << ", " << step);
          const Tensor want =
              Tensor::from<float>({static_cast<int64_t>(expected.size())}, std::span<const float>(expected));
          expect_close(slice(arange({size}), start, end, 0, step), want);
        }
      }
    }
  }
}

TEST_CASE("Slice infers symbolic lengths and known elements", "[slice]") {
  const InferInput image(DType::float32, {batch, 3, height});
  const auto text = [&](const InferInput& end, int64_t start, int64_t axis, int64_t step = 1) {
    return infer_op("Slice", 13, {}, {image, ints({1}, {start}), end, ints({1}, {axis}), ints({1}, {step})})
        .text();
  };
  CHECK(text(ints({1}, {end_of_axis}), 0, 2) == "float32[batch, 3, height]");
  CHECK(text(ints({1}, {end_of_axis}), 1, 2) == "float32[batch, 3, height + -1]");
  CHECK(text(ints({1}, {-1}), 0, 2) == "float32[batch, 3, height + -1]");
  CHECK(text(ints({1}, {2}), 0, 1) == "float32[batch, 2, height]");
  CHECK(text(ints({1}, {10}), 0, 2) == "float32[batch, 3, ?]");
  CHECK(text(ints({1}, {end_of_axis}), 0, 2, 2) == "float32[batch, 3, ((height + 1) / (2))]");
  CHECK(text({DType::int64, {1}, {height}}, 0, 2) == "float32[batch, 3, height]");
  CHECK(text({DType::int64, {1}}, 0, 2) == "float32[batch, 3, ?]");
  const InferInput shape(DType::int64, {4}, {batch, Dim(3), height, height});
  CHECK(infer_op("Slice", 13, {}, {shape, ints({1}, {-2}), ints({1}, {4}), ints({1}, {0})}).ints_text() ==
        "[height, height]");
  CHECK(infer_op("Slice", 13, {}, {shape, ints({1}, {3}), ints({1}, {-5}), ints({1}, {0}), ints({1}, {-3})})
            .ints_text() == "[height, batch]");
}

TEST_CASE("Slice and the batch", "[slice]") {
  const Tensor one = ints({1}, {1});
  expect_batch_split("Slice", 13, {}, {noise({3, 5}), one, ints({1}, {4}), one}, {0, -1, -1, -1});
  const InferInput x(DType::float32, {batch, 5});
  CHECK(
      batch_op("Slice", 13, {}, {x, ints({1}, {0}), ints({1}, {2}), ints({1}, {0})}, {BatchState::batched(0)})
          .blocked());
  CHECK(batch_op("Slice", 13, {}, {x, ints({1}, {0}), ints({1}, {end_of_axis}), ints({1}, {0})},
                 {BatchState::batched(0)})
            .text() == "batched(0)");
}

TEST_CASE("Split cuts an axis", "[split]") {
  const Tensor x = arange({2, 6});
  const auto halves_of = run_op("Split", 13, {{"axis", int64_t{1}}}, {x}, 2);
  expect_close(halves_of[0], floats({2, 3}, {0, 1, 2, 6, 7, 8}));
  expect_close(halves_of[1], floats({2, 3}, {3, 4, 5, 9, 10, 11}));
  const auto parts = run_op("Split", 13, {{"axis", int64_t{-1}}}, {x, ints({3}, {1, 0, 5})}, 3);
  expect_close(parts[0], floats({2, 1}, {0, 6}));
  CHECK(parts[1].dims() == Dims{2, 0});
  CHECK(parts[2].dims() == Dims{2, 5});
  CHECK(
      run_op("Split", 11, {{"split", std::vector<int64_t>{4, 2}}, {"axis", int64_t{1}}}, {x}, 2)[1].dims() ==
      Dims{2, 2});
  const auto uneven = run_op("Split", 18, {{"axis", int64_t{1}}, {"num_outputs", int64_t{4}}}, {x}, 4);
  CHECK(uneven[2].dims() == Dims{2, 2});
  CHECK(uneven[3].dims() == Dims{2, 0});
  expect_error(ErrorCode::invalid_argument, "4 equal parts", [&] {
    run_op("Split", 13, {{"axis", int64_t{1}}}, {x}, 4);
  });
  expect_error(ErrorCode::invalid_argument, "parts of [1, 2]", [&] {
    run_op("Split", 13, {{"axis", int64_t{1}}}, {x, ints({2}, {1, 2})}, 2);
  });
  CHECK(infer_op("Split", 13, {}, {InferInput(DType::int64, {2}, {batch, Dim(4)})}, 2).ints_text(0) ==
        "[batch]");
  CHECK(infer_op("Split", 13, {{"axis", int64_t{1}}}, {{DType::float32, {batch, height * Dim(2)}}}, 2)
            .text(1) == "float32[batch, height]");
  expect_batch_split("Split", 13, {{"axis", int64_t{1}}}, {noise({3, 4})}, {0}, 2);
  CHECK(batch_op("Split", 13, {}, {{DType::float32, {batch, 4}}}, {BatchState::batched(0)}, 2).blocked());
}

TEST_CASE("Concat joins along an axis", "[concat]") {
  const Tensor a = arange({2, 1}, 0);
  const Tensor b = arange({2, 2}, 10);
  expect_close(run_op("Concat", 13, {{"axis", int64_t{1}}}, {a, b, Tensor(DType::float32, {2, 0})})[0],
               floats({2, 3}, {0, 10, 11, 1, 12, 13}));
  expect_close(run_op("Concat", 13, {{"axis", int64_t{-2}}}, {a, a})[0], floats({4, 1}, {0, 1, 0, 1}));
  expect_close(run_op("Concat", 13, {{"axis", int64_t{0}}},
                      {Tensor::from<std::string>({1}, {"a"}), Tensor::from<std::string>({1}, {"b"})})[0],
               Tensor::from<std::string>({2}, {"a", "b"}));
  expect_error(ErrorCode::bad_model, "cannot be joined", [&] {
    run_op("Concat", 13, {{"axis", int64_t{0}}}, {a, b});
  });
  expect_error(ErrorCode::bad_model, "'axis' is missing", [&] { make("Concat", 13, {}, 2); });
  CHECK(infer_op("Concat", 13, {{"axis", int64_t{0}}},
                 {InferInput(DType::int64, {1}, {batch}), ints({1}, {-1}), {DType::int64, {1}}})
            .ints_text() == "[batch, -1, ?]");
  CHECK(infer_op("Concat", 13, {{"axis", int64_t{1}}},
                 {{DType::float32, {batch, 3, height}}, {DType::float32, {batch, 5, height}}})
            .text() == "float32[batch, 8, height]");
  expect_batch_split("Concat", 13, {{"axis", int64_t{1}}}, {noise({3, 2}), noise({3, 4}, 2)}, {0, 0});
  const InferInput x(DType::float32, {batch, 2});
  CHECK(
      batch_op("Concat", 13, {{"axis", int64_t{0}}}, {x, x}, {BatchState::batched(0), BatchState::batched(0)})
          .blocked());
  CHECK(
      batch_op("Concat", 13, {{"axis", int64_t{1}}}, {x, noise({3, 2})}, {BatchState::batched(0)}).blocked());
}
