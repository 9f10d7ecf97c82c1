#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

const Dim batch = Dim::symbol("batch");
using Axis = Attributes;
Axis axis(int64_t value) { return {{"axis", value}}; }

}  // namespace

TEST_CASE("Gather picks slices of an axis", "[gather]") {
  const Tensor x = arange({3, 2});
  expect_close(run_op("Gather", 13, {}, {x, ints({2}, {2, -3})})[0], floats({2, 2}, {4, 5, 0, 1}));
  expect_close(run_op("Gather", 13, axis(-1), {x, Tensor::from<int32_t>({2, 1}, {1, 0})})[0],
               floats({3, 2, 1}, {1, 0, 3, 2, 5, 4}));
  expect_close(run_op("Gather", 13, {}, {x, Tensor::scalar(int64_t{1})})[0], floats({2}, {2, 3}));
  CHECK(run_op("Gather", 13, {}, {x, ints({0}, {})})[0].dims() == Dims{0, 2});
  expect_close(run_op("Gather", 13, {}, {Tensor::from<std::string>({2}, {"a", "b"}), ints({1}, {1})})[0],
               Tensor::from<std::string>({1}, {"b"}));
  expect_error(ErrorCode::invalid_argument, "index 3 at position 1 is outside [-3, 3)", [&] {
    run_op("Gather", 13, {}, {x, ints({2}, {0, 3})});
  });
  expect_error(ErrorCode::bad_model, "indices are float32", [&] {
    run_op("Gather", 13, {}, {x, floats({1}, {0})});
  });
  const InferInput shape(DType::int64, {4}, {batch, 3, 8, 9});
  CHECK(infer_op("Gather", 13, {}, {shape, Tensor::scalar(int64_t{0})}).ints_text() == "[batch]");
  CHECK(infer_op("Gather", 13, {}, {shape, ints({2}, {-1, 0})}).ints_text() == "[9, batch]");
  expect_error(ErrorCode::bad_model, "index 4", [&] {
    infer_op("Gather", 13, {}, {shape, Tensor::scalar(int64_t{4})});
  });
}

TEST_CASE("Gather and the batch", "[gather]") {
  expect_batch_split("Gather", 13, axis(1), {noise({3, 4, 2}), ints({2, 1}, {3, 0})}, {0, -1});
  expect_batch_split("Gather", 13, axis(0), {noise({4, 3}), ints({2, 1}, {3, 0})}, {1, -1});
  expect_batch_split("Gather", 13, axis(0), {noise({4, 2}), ints({3, 2}, {3, 0, 1, 1, 2, 3})}, {-1, 0});
  CHECK(batch_op("Gather", 13, {}, {{DType::float32, {batch, 4}}, ints({1}, {0})}, {BatchState::batched(0)})
            .blocked());
  CHECK(batch_op("Gather", 13, axis(1), {{DType::float32, {batch, 4}}, {DType::int64, {batch}}},
                 {BatchState::batched(0), BatchState::batched(0)})
            .blocked());
}

TEST_CASE("GatherElements and ScatterElements address single elements", "[gather]") {
  const Tensor x = arange({3, 3}, 1);
  const Tensor picks = ints({2, 3}, {1, 2, 0, 2, 0, -3});
  expect_close(run_op("GatherElements", 13, {}, {x, picks})[0], floats({2, 3}, {4, 8, 3, 7, 2, 3}));
  expect_close(
      run_op("GatherElements", 13, axis(1), {floats({2, 2}, {1, 2, 3, 4}), ints({2, 2}, {0, 0, 1, 0})})[0],
      floats({2, 2}, {1, 1, 4, 3}));
  expect_error(ErrorCode::invalid_argument, "reach beyond", [&] {
    run_op("GatherElements", 13, {}, {x, ints({1, 4}, {0, 0, 0, 0})});
  });
  expect_batch_split("GatherElements", 13, axis(1), {noise({2, 4}), ints({2, 2}, {3, 0, 1, 1})}, {0, 0});

  const Tensor updates = floats({1, 2}, {1.1f, 2.1f});
  const Tensor data = floats({1, 5}, {1, 2, 3, 4, 5});
  expect_close(run_op("ScatterElements", 18, axis(1), {data, ints({1, 2}, {1, 3}), updates})[0],
               floats({1, 5}, {1, 1.1f, 3, 2.1f, 5}));
  const auto reduce = [&](const char* how) {
    return run_op("ScatterElements", 18, {{"axis", int64_t{1}}, {"reduction", std::string(how)}},
                  {data, ints({1, 2}, {1, 1}), updates})[0];
  };
  expect_close(reduce("add"), floats({1, 5}, {1, 5.2f, 3, 4, 5}));
  expect_close(reduce("mul"), floats({1, 5}, {1, 4.62f, 3, 4, 5}));
  expect_close(reduce("min"), floats({1, 5}, {1, 1.1f, 3, 4, 5}));
  expect_close(reduce("max"), floats({1, 5}, {1, 2.1f, 3, 4, 5}));
  expect_error(ErrorCode::bad_model, "'avg'", [&] { reduce("avg"); });
  expect_error(ErrorCode::invalid_argument, "index 5", [&] {
    run_op("Scatter", 9, axis(1), {data, ints({1, 2}, {1, 5}), updates});
  });
  expect_batch_split("ScatterElements", 16, axis(1),
                     {noise({2, 4}), ints({2, 2}, {3, 0, 1, 2}), noise({2, 2}, 9)}, {0, 0, 0});
}

TEST_CASE("GatherND and ScatterND address slices by tuples", "[gather]") {
  const Tensor x = arange({2, 2, 2});
  expect_close(run_op("GatherND", 13, {}, {x, ints({2, 2}, {0, 1, 1, 0})})[0], floats({2, 2}, {2, 3, 4, 5}));
  expect_close(run_op("GatherND", 13, {}, {x, ints({1, 1, 3}, {1, -1, 0})})[0], floats({1, 1}, {6}));
  expect_close(run_op("GatherND", 13, {{"batch_dims", int64_t{1}}}, {x, ints({2, 1}, {1, 0})})[0],
               floats({2, 2}, {2, 3, 4, 5}));
  expect_error(ErrorCode::bad_model, "more numbers a tuple", [&] {
    run_op("GatherND", 13, {}, {x, ints({1, 4}, {0, 0, 0, 0})});
  });
  expect_error(ErrorCode::invalid_argument, "index 2", [&] {
    run_op("GatherND", 13, {}, {x, ints({1, 1}, {2})});
  });
  expect_batch_split("GatherND", 13, {{"batch_dims", int64_t{1}}}, {noise({3, 4}), ints({3, 1}, {3, 0, 1})},
                     {0, 0});
  expect_batch_split("GatherND", 13, {}, {noise({4, 2}), ints({3, 1}, {3, 0, 1})}, {-1, 0});
  expect_batch_split("GatherND", 13, {}, {noise({4, 3, 2}), ints({2, 1}, {3, 0})}, {1, -1});

  expect_close(run_op("ScatterND", 18, {}, {arange({4}, 1), ints({2, 1}, {1, -1}), floats({2}, {9, 8})})[0],
               floats({4}, {1, 9, 3, 8}));
  expect_close(run_op("ScatterND", 18, {{"reduction", std::string("add")}},
                      {halves({2, 2}, {1, 2, 3, 4}), ints({2, 1}, {1, 1}), halves({2, 2}, {1, 1, 2, 2})})[0],
               halves({2, 2}, {1, 2, 6, 7}));
  expect_error(ErrorCode::invalid_argument, "must have the shape [2]", [&] {
    run_op("ScatterND", 18, {}, {arange({4}), ints({2, 1}, {1, 2}), floats({1}, {9})});
  });
  expect_batch_split("ScatterND", 16, {}, {noise({4, 3}), ints({2, 1}, {3, 0}), noise({2, 3}, 7)},
                     {1, -1, 1});
}
