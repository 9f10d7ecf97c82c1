#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops::testing;
using graph::Dim;
using spinel::ops::BatchState;

namespace {

/// The definition for two matrices, summed in float64.
Tensor naive(const Tensor& a, const Tensor& b) {
  Tensor y(DType::float32, {a.dim(0), b.dim(1)});
  for (int64_t i = 0; i < a.dim(0); ++i)
    for (int64_t j = 0; j < b.dim(1); ++j) {
      double sum = 0;
      for (int64_t k = 0; k < a.dim(1); ++k)
        sum += double{a.data<float>()[static_cast<size_t>(i * a.dim(1) + k)]} *
               double{b.data<float>()[static_cast<size_t>(k * b.dim(1) + j)]};
      y.data<float>()[static_cast<size_t>(i * b.dim(1) + j)] = static_cast<float>(sum);
    }
  return y;
}

Tensor transpose(const Tensor& x) {
  Tensor y(DType::float32, {x.dim(1), x.dim(0)});
  for (int64_t i = 0; i < x.dim(0); ++i)
    for (int64_t j = 0; j < x.dim(1); ++j)
      y.data<float>()[static_cast<size_t>(j * x.dim(0) + i)] =
          x.data<float>()[static_cast<size_t>(i * x.dim(1) + j)];
  return y;
}

}  // namespace

TEST_CASE("MatMul of matrices larger than a block", "[matmul]") {
  const Tensor a = noise({19, 131}, 1);
  const Tensor b = noise({131, 300}, 2);
  expect_close(run_op("MatMul", 13, {}, {a, b})[0], naive(a, b), 1e-5, 5e-6);
  const Tensor a16 = convert(a, DType::float16);
  const Tensor b16 = convert(b, DType::float16);
  const Tensor wide =
      run_op("MatMul", 13, {}, {convert(a16, DType::float32), convert(b16, DType::float32)})[0];
  CHECK(same_bits(run_op("MatMul", 13, {}, {a16, b16})[0], convert(wide, DType::float16)));
}

TEST_CASE("MatMul follows numpy for vectors and stacks", "[matmul]") {
  const Tensor v = floats({3}, {1, 2, 3});
  const Tensor m = arange({3, 2});
  expect_close(run_op("MatMul", 13, {}, {v, v})[0], floats({}, {14}));
  expect_close(run_op("MatMul", 13, {}, {v, m})[0], floats({2}, {16, 22}));
  expect_close(run_op("MatMul", 13, {}, {floats({2, 3}, {1, 0, 0, 0, 0, 1}), v})[0], floats({2}, {1, 3}));
  expect_close(run_op("MatMul", 13, {}, {arange({2, 1, 1, 2}), floats({2, 2, 1}, {1, 1, 10, 1})})[0],
               floats({2, 2, 1, 1}, {1, 1, 5, 23}));
  expect_close(run_op("MatMul", 13, {}, {arange({2, 2, 3}), v})[0], floats({2, 2}, {8, 26, 44, 62}));
}

TEST_CASE("MatMul of integers wraps, of nothing is zero", "[matmul]") {
  expect_close(run_op("MatMul", 13, {}, {ints({1, 2}, {3, -4}), ints({2, 1}, {5, 6})})[0],
               ints({1, 1}, {-9}));
  const Tensor big = convert(ints({1, 1}, {65536}), DType::int32);
  expect_close(run_op("MatMul", 13, {}, {big, big})[0], convert(ints({1, 1}, {0}), DType::int32));
  expect_close(run_op("MatMul", 13, {}, {noise({2, 0}), noise({0, 2})})[0], floats({2, 2}, {0, 0, 0, 0}));
  CHECK(run_op("MatMul", 13, {}, {noise({0, 3}), noise({3, 2})})[0].dims() == Dims{0, 2});
}

TEST_CASE("MatMul infers, splits and refuses", "[matmul]") {
  const Dim n = Dim::symbol("n");
  CHECK(infer_op("MatMul", 13, {},
                 {{DType::float32, {n, 1, 7, Dim::symbol("k")}}, {DType::float32, {5, Dim::symbol("k"), 3}}})
            .text() == "float32[n, 5, 7, 3]");
  CHECK(infer_op("MatMul", 13, {}, {{DType::float32, {n, 4}}, {DType::float32, {4}}}).text() == "float32[n]");
  expect_batch_split("MatMul", 13, {}, {noise({3, 4}), noise({4, 5})}, {0, -1});
  expect_batch_split("MatMul", 13, {}, {noise({3, 2, 4}), noise({3, 4, 5})}, {0, 0});
  expect_batch_split("MatMul", 13, {}, {noise({2, 4}), noise({3, 4, 5})}, {-1, 0});
  expect_batch_split("MatMul", 13, {}, {noise({2, 3, 4}), noise({4})}, {1, -1});
  const auto blocked = [](Dims a, Dims b, std::vector<BatchState> states) {
    return batch_op("MatMul", 13, {}, {noise(a), noise(b)}, states).blocked();
  };
  CHECK(blocked({3, 4}, {4, 5}, {BatchState::batched(1)}));
  CHECK(blocked({3, 4}, {4, 5}, {BatchState::shared(), BatchState::batched(0)}));
  CHECK(blocked({3, 4}, {4, 3}, {BatchState::batched(0), BatchState::batched(1)}));
  CHECK(blocked({3, 4}, {3, 4, 5}, {BatchState::batched(0), BatchState::batched(0)}));
  CHECK(blocked({3, 2, 4}, {3, 4, 5}, {BatchState::batched(0), BatchState::shared()}));
  expect_error(ErrorCode::bad_model, "4 columns times 5 rows", [] {
    infer_op("MatMul", 13, {}, {noise({3, 4}), noise({5, 3})});
  });
  const auto op = make("MatMul", 13);
  expect_error(ErrorCode::invalid_argument, "4 columns times 5 rows", [&] {
    run_values(*op, {noise({3, 4}), noise({5, 3})});
  });
  expect_error(ErrorCode::invalid_argument, "broadcast", [&] {
    run_values(*op, {noise({2, 3, 4}), noise({3, 4, 3})});
  });
}

TEST_CASE("Gemm transposes, scales and adds C", "[gemm]") {
  const Tensor a = noise({5, 70}, 1);
  const Tensor b = noise({70, 261}, 2);
  const Tensor expected = naive(a, b);
  for (int64_t ta : {0, 1})
    for (int64_t tb : {0, 1})
      expect_close(run_op("Gemm", 13, {{"transA", ta}, {"transB", tb}},
                          {ta ? transpose(a) : a, tb ? transpose(b) : b})[0],
                   expected, 1e-5, 5e-6);
  const Tensor i = floats({2, 2}, {1, 2, 3, 4});
  const Tensor e = floats({2, 2}, {1, 0, 0, 1});
  const Attributes scaled{{"alpha", 2.0f}, {"beta", 0.5f}};
  expect_close(run_op("Gemm", 13, scaled, {i, e, floats({}, {2})})[0], floats({2, 2}, {3, 5, 7, 9}));
  expect_close(run_op("Gemm", 13, scaled, {i, e, floats({2}, {2, 4})})[0], floats({2, 2}, {3, 6, 7, 10}));
  expect_close(run_op("Gemm", 13, scaled, {i, e, floats({2, 1}, {2, 4})})[0], floats({2, 2}, {3, 5, 8, 10}));
  expect_close(run_op("Gemm", 6, {{"broadcast", int64_t{1}}}, {i, e, floats({1, 2}, {2, 4})})[0],
               floats({2, 2}, {3, 6, 5, 8}));
  expect_close(
      run_op("Gemm", 13, {}, {halves({1, 2}, {1, 2}), halves({2, 1}, {3, 4}), halves({1}, {0.5f})})[0],
      halves({1, 1}, {11.5f}));
  expect_close(run_op("Gemm", 13, {}, {noise({1, 0}), noise({0, 2}), floats({2}, {1, 2})})[0],
               floats({1, 2}, {1, 2}));
}

TEST_CASE("Gemm infers, splits and refuses", "[gemm]") {
  const Dim n = Dim::symbol("n");
  CHECK(infer_op("Gemm", 13, {{"transB", int64_t{1}}}, {{DType::float32, {n, 4}}, noise({7, 4}), noise({7})})
            .text() == "float32[n, 7]");
  expect_batch_split("Gemm", 13, {{"transB", int64_t{1}}}, {noise({3, 4}), noise({5, 4}), noise({5})},
                     {0, -1, -1});
  expect_batch_split("Gemm", 13, {{"transA", int64_t{1}}}, {noise({4, 3}), noise({4, 5}), noise({3, 5})},
                     {1, -1, 0});
  const std::vector<InferInput> inputs{noise({3, 4}), noise({4, 5}), noise({3, 5})};
  CHECK(batch_op("Gemm", 13, {}, inputs, {BatchState::batched(0)}).blocked());
  CHECK(batch_op("Gemm", 13, {}, inputs, {BatchState::batched(1)}).blocked());
  CHECK(batch_op("Gemm", 13, {}, inputs, {BatchState::shared(), BatchState::batched(1)}).blocked());
  expect_error(ErrorCode::bad_model, "do not fit", [] {
    infer_op("Gemm", 13, {}, {noise({3, 4}), noise({5, 4})});
  });
  const auto op = make("Gemm", 13);
  expect_error(ErrorCode::invalid_argument, "cannot be broadcast", [&] {
    run_values(*op, {noise({3, 4}), noise({4, 5}), noise({3})});
  });
}
