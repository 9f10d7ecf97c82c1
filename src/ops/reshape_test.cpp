#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

const Dim batch = Dim::symbol("batch");
const Dim height = Dim::symbol("height");
using Axes = std::vector<int64_t>;

}  // namespace

TEST_CASE("Shape and Size", "[shape]") {
  const Tensor x = noise({2, 3, 0});
  expect_close(run_op("Shape", 13, {}, {x})[0], ints({3}, {2, 3, 0}));
  expect_close(run_op("Shape", 15, {{"start", int64_t{-2}}}, {x})[0], ints({2}, {3, 0}));
  expect_close(run_op("Shape", 15, {{"start", int64_t{1}}, {"end", int64_t{-1}}}, {x})[0], ints({1}, {3}));
  expect_close(run_op("Shape", 15, {{"start", int64_t{2}}, {"end", int64_t{1}}}, {x})[0], ints({0}, {}));
  expect_close(run_op("Shape", 13, {}, {Tensor::scalar(1.0f)})[0], ints({0}, {}));
  expect_close(run_op("Size", 13, {}, {x})[0], Tensor::scalar(int64_t{0}));
  const InferInput image(DType::float32, {batch, 3, height});
  CHECK(infer_op("Shape", 13, {}, {image}).ints_text() == "[batch, 3, height]");
  CHECK(infer_op("Size", 13, {}, {image}).ints_text() == "[3*batch*height]");
  CHECK(batch_op("Shape", 13, {}, {image}, {BatchState::batched(0)}).text() == "size");
}

TEST_CASE("Reshape", "[reshape]") {
  const Tensor x = arange({2, 3, 4});
  CHECK(run_op("Reshape", 14, {}, {x, ints({2}, {6, -1})})[0].dims() == Dims{6, 4});
  CHECK(run_op("Reshape", 14, {}, {x, ints({3}, {0, -1, 2})})[0].dims() == Dims{2, 6, 2});
  expect_close(run_op("Reshape", 14, {}, {x, ints({1}, {-1})})[0], arange({24}));
  CHECK(run_op("Reshape", 14, {}, {floats({1}, {5}), ints({0}, {})})[0].dims().empty());
  const Tensor empty(DType::float32, {0, 3, 4});
  CHECK(run_op("Reshape", 14, {{"allowzero", int64_t{1}}}, {empty, ints({2}, {3, 0})})[0].dims() ==
        Dims{3, 0});
  CHECK(run_op("Reshape", 14, {}, {empty, ints({2}, {0, 12})})[0].dims() == Dims{0, 12});
  CHECK(run_op("Reshape", 1, {{"shape", Axes{4, 6}}}, {x})[0].dims() == Dims{4, 6});
  expect_error(ErrorCode::bad_model, "cannot be reshaped", [&] {
    run_op("Reshape", 14, {}, {x, ints({1}, {23})});
  });
  expect_error(ErrorCode::invalid_argument, "cannot be reshaped", [&] {
    ops::testing::run_values(*make("Reshape", 14, {}, 2), {x, ints({2}, {5, -1})});
  });
  expect_error(ErrorCode::bad_model, "more than one -1", [&] {
    run_op("Reshape", 14, {}, {x, ints({2}, {-1, -1})});
  });
  CHECK(make("Reshape", 14, {}, 2)->view_of() == 0);
}

TEST_CASE("Reshape infers what dynamic-batch exports compute", "[reshape]") {
  const InferInput image(DType::float32, {batch, 512, 7, 7});
  const auto text = [&](const InferInput& x, std::vector<Dim> shape) {
    const Dim length(static_cast<int64_t>(shape.size()));
    return infer_op("Reshape", 14, {}, {x, InferInput(DType::int64, {length}, std::move(shape))}).text();
  };
  CHECK(text(image, {batch, Dim(-1)}) == "float32[batch, 25088]");
  CHECK(text(image, {Dim(-1), Dim(25088)}) == "float32[batch, 25088]");
  CHECK(text(image, {Dim(0), Dim(0), Dim(49)}) == "float32[batch, 512, 49]");
  CHECK(text(image, {batch * Dim(2), Dim(256), Dim(-1)}) == "float32[2*batch, 256, 49]");
  CHECK(text({DType::float32, {batch, 8, height, 4}}, {batch, Dim(-1), Dim(8)}) ==
        "float32[batch, 4*height, 8]");
  CHECK(text(image, {Dim::unknown(), Dim(-1)}) == "float32[?, ?]");
  CHECK(infer_op("Reshape", 14, {}, {image, {DType::int64, {3}}}).text() == "float32[?, ?, ?]");
  CHECK(infer_op("Reshape", 14, {}, {InferInput(DType::int64, {2}, {batch, Dim(4)}), ints({1}, {-1})})
            .ints_text() == "[batch, 4]");
}

TEST_CASE("Reshape keeps the batch, or says that it does not", "[reshape]") {
  const auto rule = [](Shape from, int axis, std::vector<Dim> shape, BatchState shape_state,
                       Dim dim = batch) {
    const Dim length(static_cast<int64_t>(shape.size()));
    return batch_op("Reshape", 14, {},
                    {InferInput(DType::float32, std::move(from)),
                     InferInput(DType::int64, {length}, std::move(shape))},
                    {BatchState::batched(axis), shape_state}, 1, dim)
        .text();
  };
  CHECK(rule({batch, 3, 4}, 0, {batch, Dim(-1)}, BatchState::size()) == "batched(0)");
  CHECK(rule({batch, 3, 4}, 0, {Dim(0), Dim(12)}, BatchState::shared()) == "batched(0)");
  CHECK(rule({batch, 3, 4}, 0, {Dim(-1), Dim(12)}, BatchState::shared()) == "batched(0)");
  CHECK(rule({batch, 3, 4}, 0, {Dim(1), batch, Dim(12)}, BatchState::size()) == "batched(1)");
  CHECK(rule({2, 3, batch, 4}, 2, {Dim(6), Dim(-1), Dim(2), Dim(2)}, BatchState::shared()) == "batched(1)");
  CHECK(rule({batch, 3, 4}, 0, {Dim(16), Dim(-1)}, BatchState::shared()) == "blocked");
  CHECK(rule({batch, 3, 4}, 0, {Dim(-1), Dim(4)}, BatchState::shared()) == "blocked");
  CHECK(rule({batch, 3, 4}, 0, {Dim(3), batch, Dim(4)}, BatchState::size()) == "blocked");
  CHECK(rule({16, 3, 4}, 0, {Dim(16), Dim(-1)}, BatchState::shared(), Dim(16)) == "batched(0)");
  CHECK(rule({16, 3, 4}, 0, {Dim(4), Dim(-1)}, BatchState::shared(), Dim(16)) == "blocked");
}

TEST_CASE("an input that is missing or no tensor is refused while inferring", "[reshape]") {
  const InferInput x(DType::float32, {batch, 3});
  expect_error(ErrorCode::bad_model, "input 1 is missing", [&] { infer_op("Reshape", 14, {}, {x}); });
  expect_error(ErrorCode::bad_model, "input 2 is missing", [&] {
    infer_op("Slice", 13, {}, {x, ints({1}, {0}), InferInput::absent()});
  });
  expect_error(ErrorCode::bad_model, "input 0 is sequence(float32[batch, 3]), not a tensor",
               [&] { infer_op("Relu", 14, {}, {InferInput(ValueType::sequence(x.type))}); });
}

TEST_CASE("Flatten", "[reshape]") {
  const Tensor x = arange({2, 3, 4});
  CHECK(run_op("Flatten", 13, {}, {x})[0].dims() == Dims{2, 12});
  CHECK(run_op("Flatten", 13, {{"axis", int64_t{0}}}, {x})[0].dims() == Dims{1, 24});
  CHECK(run_op("Flatten", 13, {{"axis", int64_t{-1}}}, {x})[0].dims() == Dims{6, 4});
  CHECK(run_op("Flatten", 13, {{"axis", int64_t{3}}}, {x})[0].dims() == Dims{24, 1});
  expect_error(ErrorCode::bad_model, "axis 4", [&] { run_op("Flatten", 13, {{"axis", int64_t{4}}}, {x}); });
  expect_batch_split("Flatten", 13, {}, {noise({3, 2, 2})}, {0});
  CHECK(batch_op("Flatten", 13, {{"axis", int64_t{2}}}, {{DType::float32, {batch, 3, 4}}},
                 {BatchState::batched(0)})
            .blocked());
}

TEST_CASE("Squeeze and Unsqueeze", "[squeeze]") {
  const Tensor x = arange({1, 3, 1, 2});
  CHECK(run_op("Squeeze", 13, {}, {x})[0].dims() == Dims{3, 2});
  CHECK(run_op("Squeeze", 13, {}, {x, ints({1}, {-2})})[0].dims() == Dims{1, 3, 2});
  CHECK(run_op("Squeeze", 11, {{"axes", Axes{0, 2}}}, {x})[0].dims() == Dims{3, 2});
  CHECK(run_op("Unsqueeze", 13, {}, {arange({3, 2}), ints({2}, {0, -1})})[0].dims() == Dims{1, 3, 2, 1});
  CHECK(run_op("Unsqueeze", 11, {{"axes", Axes{3, 1}}}, {arange({3, 2})})[0].dims() == Dims{3, 1, 2, 1});
  expect_error(ErrorCode::bad_model, "size is not 1", [&] {
    run_op("Squeeze", 13, {}, {x, ints({1}, {1})});
  });
  expect_error(ErrorCode::bad_model, "listed twice", [&] {
    run_op("Unsqueeze", 13, {}, {x, ints({2}, {0, -6})});
  });
  CHECK(infer_op("Unsqueeze", 13, {}, {InferInput(DType::int64, {}, {batch}), ints({1}, {0})}).ints_text() ==
        "[batch]");
  CHECK(infer_op("Squeeze", 13, {}, {{DType::float32, {batch, 1, 4}}}).text() ==
        graph::ValueType::tensor(DType::float32).text());
  CHECK(infer_op("Squeeze", 13, {}, {{DType::float32, {batch, 1, 4}}, ints({1}, {1})}).text() ==
        "float32[batch, 4]");
  expect_batch_split("Squeeze", 13, {}, {noise({1, 3, 2}), ints({1}, {0})}, {1, -1});
  expect_batch_split("Unsqueeze", 13, {}, {noise({3, 2}), ints({2}, {0, 2})}, {0, -1});
  CHECK(batch_op("Squeeze", 13, {}, {{DType::float32, {batch, 1}}, ints({1}, {0})}, {BatchState::batched(0)})
            .blocked());
}

TEST_CASE("Transpose permutes axes of any element type", "[transpose]") {
  const Tensor x = arange({2, 3, 4});
  const Tensor y = run_op("Transpose", 13, {{"perm", Axes{2, 0, 1}}}, {x})[0];
  REQUIRE(y.dims() == Dims{4, 2, 3});
  for (int64_t i = 0; i < 24; ++i)
    CHECK(y.data<float>()[static_cast<size_t>(i)] == static_cast<float>(i % 6 / 3 * 12 + i % 3 * 4 + i / 6));
  expect_close(run_op("Transpose", 13, {}, {Tensor::from<std::string>({1, 2}, {"a", "b"})})[0],
               Tensor::from<std::string>({2, 1}, {"a", "b"}));
  expect_close(run_op("Transpose", 13, {}, {Tensor::scalar(3.0f)})[0], Tensor::scalar(3.0f));
  CHECK(run_op("Transpose", 13, {}, {Tensor(DType::float16, {0, 5})})[0].dims() == Dims{5, 0});
  expect_error(ErrorCode::bad_model, "no permutation", [&] {
    run_op("Transpose", 13, {{"perm", Axes{0, 0, 1}}}, {x});
  });
  expect_batch_split("Transpose", 13, {{"perm", Axes{1, 2, 0}}}, {noise({3, 2, 4})}, {0});
}

TEST_CASE("Expand and Tile", "[expand]") {
  const Tensor column = floats({3, 1}, {1, 2, 3});
  expect_close(run_op("Expand", 13, {}, {column, ints({2}, {3, 2})})[0], floats({3, 2}, {1, 1, 2, 2, 3, 3}));
  expect_close(run_op("Expand", 13, {}, {column, ints({3}, {2, 1, 1})})[0],
               floats({2, 3, 1}, {1, 2, 3, 1, 2, 3}));
  CHECK(run_op("Expand", 13, {}, {column, ints({3}, {0, 1, 4})})[0].dims() == Dims{0, 3, 4});
  expect_error(ErrorCode::bad_model, "cannot be broadcast", [&] {
    run_op("Expand", 13, {}, {column, ints({2}, {2, 2})});
  });
  const InferInput token(DType::float32, {1, 1, 8});
  const InferInput shape(DType::int64, {3}, {batch, Dim(-1 + 2), Dim(8)});
  CHECK(infer_op("Expand", 13, {}, {token, shape}).text() == "float32[batch, 1, 8]");
  CHECK(batch_op("Expand", 13, {}, {token, shape}, {BatchState::shared(), BatchState::size()}).text() ==
        "batched(0)");
  CHECK(
      batch_op("Expand", 13, {}, {{DType::float32, {batch, 1}}, ints({2}, {1, 5})}, {BatchState::batched(0)})
          .text() == "batched(0)");
  CHECK(
      batch_op("Expand", 13, {}, {{DType::float32, {batch, 1}}, ints({2}, {5, 1})}, {BatchState::batched(0)})
          .blocked());

  expect_close(run_op("Tile", 13, {}, {floats({2, 2}, {1, 2, 3, 4}), ints({2}, {2, 2})})[0],
               floats({4, 4}, {1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4}));
  expect_close(run_op("Tile", 1, {}, {floats({1, 2}, {1, 2}), ints({1}, {2}), ints({1}, {1})})[0],
               floats({1, 4}, {1, 2, 1, 2}));
  CHECK(run_op("Tile", 13, {}, {column, ints({2}, {0, 2})})[0].dims() == Dims{0, 2});
  expect_error(ErrorCode::invalid_argument, "-1", [&] {
    ops::testing::run_values(*make("Tile", 13, {}, 2), {column, ints({2}, {-1, 1})});
  });
  expect_batch_split("Tile", 13, {}, {noise({3, 2}), ints({2}, {1, 3})}, {0, -1});
  CHECK(batch_op("Tile", 13, {}, {{DType::float32, {batch, 2}}, ints({2}, {2, 1})}, {BatchState::batched(0)})
            .blocked());
}
