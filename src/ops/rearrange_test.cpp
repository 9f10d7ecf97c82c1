// Col2Im, CenterCropPad and MaxUnpool.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using graph::Shape;
using spinel::ops::BatchState;

// Expectations are those of torch.nn.functional.fold.
TEST_CASE("Col2Im adds blocks up", "[col2im]") {
  const Tensor two = ints({2}, {2, 2});
  expect_close(run_op("Col2Im", 18, {}, {arange({1, 8, 4}, 1), ints({2}, {3, 3}), two})[0],
               floats({1, 2, 3, 3}, {1, 7, 6, 12, 34, 22, 11, 27, 16, 17, 39, 22, 44, 98, 54, 27, 59, 32}));
  const Attributes padded{{"pads", std::vector<int64_t>{1, 1, 1, 1}},
                          {"strides", std::vector<int64_t>{2, 2}}};
  expect_close(run_op("Col2Im", 18, padded, {arange({1, 4, 4}, 1), ints({2}, {3, 3}), two})[0],
               floats({1, 1, 3, 3}, {13, 10, 14, 7, 4, 8, 15, 12, 16}));
  const Attributes dilated{{"dilations", std::vector<int64_t>{2, 2}}};
  expect_close(run_op("Col2Im", 18, dilated, {arange({1, 4, 2}, 1), ints({2}, {3, 4}), two})[0],
               floats({1, 1, 3, 4}, {1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8}));
  // One axis: blocks (1, 3), (2, 4) overlap in the middle.
  expect_close(run_op("Col2Im", 18, {}, {arange({1, 2, 2}, 1), ints({1}, {3}), ints({1}, {2})})[0],
               floats({1, 1, 3}, {1, 5, 4}));
  CHECK(run_op("Col2Im", 18, {}, {Tensor(DType::float32, {0, 4, 4}), ints({2}, {3, 3}), two})[0].dims() ==
        Dims{0, 1, 3, 3});
  expect_error(ErrorCode::invalid_argument, "must be [N, C * 4, 4]", [&] {
    run_op("Col2Im", 18, {}, {arange({1, 4, 5}), ints({2}, {3, 3}), two});
  });
  expect_batch_split("Col2Im", 18, {}, {noise({3, 8, 4}), ints({2}, {3, 3}), two}, {0, -1, -1});
  CHECK(infer_op("Col2Im", 18, {},
                 {{DType::float32, Shape{Dim::symbol("batch"), Dim(8), Dim(4)}}, ints({2}, {3, 3}), two})
            .text() == "float32[batch, 2, 3, 3]");
}

TEST_CASE("CenterCropPad", "[center_crop_pad]") {
  const Tensor x = arange({5}, 1);
  const auto sized = [&](int64_t size) { return run_op("CenterCropPad", 18, {}, {x, ints({1}, {size})})[0]; };
  expect_close(sized(3), floats({3}, {2, 3, 4}));
  expect_close(sized(2), floats({2}, {2, 3}));
  expect_close(sized(8), floats({8}, {0, 1, 2, 3, 4, 5, 0, 0}));
  expect_close(sized(0), floats({0}, {}));
  const Attributes axes{{"axes", std::vector<int64_t>{-1, 0}}};
  expect_close(run_op("CenterCropPad", 18, axes,
                      {ints({1, 2, 3}, {1, 2, 3, 4, 5, 6}), convert(ints({2}, {1, 2}), DType::int32)})[0],
               ints({2, 2, 1}, {2, 5, 0, 0}));
  expect_error(ErrorCode::bad_model, "1 sizes for 2 axes", [&] {
    infer_op("CenterCropPad", 18, {}, {noise({2, 2}), ints({1}, {1})});
  });
  const Attributes rows{{"axes", std::vector<int64_t>{1}}};
  expect_batch_split("CenterCropPad", 18, rows, {noise({3, 4}), ints({1}, {6})}, {0, -1});
  CHECK(batch_op("CenterCropPad", 18, axes, {noise({4, 2, 3}), ints({2}, {1, 2})}, {BatchState::batched(0)})
            .blocked());
}

TEST_CASE("MaxUnpool puts maxima back", "[max_unpool]") {
  const Attributes halves{{"kernel_shape", std::vector<int64_t>{2, 2}},
                          {"strides", std::vector<int64_t>{2, 2}}};
  for (const Dims& dims : {Dims{2, 3, 4, 6}, Dims{2, 3, 5, 7}}) {
    const Tensor x = noise(dims, 3, 1, 2);
    const auto pooled = run_op("MaxPool", 12, halves, {x}, 2);
    const Tensor y =
        run_op("MaxUnpool", 11, halves, {pooled[0], pooled[1], Tensor::from<int64_t>({4}, dims)})[0];
    int64_t kept = 0;
    for (size_t i = 0; i < y.data<float>().size(); ++i) {
      if (y.data<float>()[i] == 0) continue;
      ++kept;
      CHECK(y.data<float>()[i] == x.data<float>()[i]);
    }
    CHECK(kept == pooled[0].element_count());
  }
}

TEST_CASE("MaxUnpool with pads, another shape, wrong positions", "[max_unpool]") {
  Attributes attributes{{"kernel_shape", std::vector<int64_t>{2, 2}},
                        {"strides", std::vector<int64_t>{2, 2}}};
  const Tensor x = floats({1, 1, 2, 2}, {1, 2, 3, 4});
  expect_close(run_op("MaxUnpool", 9, attributes, {x, ints({1, 1, 2, 2}, {5, 7, 13, 15})})[0],
               floats({1, 1, 4, 4}, {0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 3, 0, 4}));
  // ONNX's test: these are positions in [4, 4].
  expect_close(run_op("MaxUnpool", 22, attributes,
                      {x, ints({1, 1, 2, 2}, {5, 7, 13, 15}), ints({4}, {1, 1, 4, 5})})[0],
               floats({1, 1, 4, 5}, {0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0}));
  // ONNX Runtime's reading of positions that fit the output.
  expect_close(run_op("MaxUnpool", 22, attributes,
                      {x, ints({1, 1, 2, 2}, {6, 8, 15, 18}), ints({4}, {1, 1, 4, 5})})[0],
               floats({1, 1, 4, 5}, {0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 3, 0, 0, 4, 0}));
  expect_error(ErrorCode::invalid_argument, "position 16 is outside", [&] {
    run_op("MaxUnpool", 11, attributes, {x, ints({1, 1, 2, 2}, {5, 7, 13, 16})});
  });
  attributes["pads"] = std::vector<int64_t>{1, 0, 0, 0};
  CHECK(infer_op("MaxUnpool", 11, attributes,
                 {InferInput(DType::float32, Shape{Dim(1), Dim(2), Dim::symbol("h"), Dim(3)}), x})
            .text() == "float32[1, 2, 2*h + -1, 6]");
}
