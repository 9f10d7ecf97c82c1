// The quantised operators of com.microsoft; tests/full/quantized_ops.py compares them with ONNX Runtime.
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

Tensor bytes(Dims dims, std::initializer_list<uint8_t> values) {
  return Tensor::from<uint8_t>(std::move(dims), values);
}
Tensor chars(Dims dims, std::initializer_list<int8_t> values) {
  return Tensor::from<int8_t>(std::move(dims), values);
}
Tensor scale(float value) { return Tensor::scalar(value); }
Tensor zero(uint8_t value) { return Tensor::scalar(value); }

OpPtr make_contrib(std::string_view name, const Attributes& attributes, size_t inputs) {
  return make(name, 1, attributes, inputs, 1, "com.microsoft");
}
Tensor run_contrib(std::string_view name, const Attributes& attributes, const std::vector<Tensor>& inputs) {
  return run(*make_contrib(name, attributes, inputs.size()), inputs)[0];
}

/// The batch rule if input `batched` has the batch as its axis 0.
std::string batch_rule(std::string_view name, const Attributes& attributes, const std::vector<Tensor>& inputs,
                       size_t batched) {
  std::vector<InferInput> types(inputs.begin(), inputs.end());
  types[batched].constant = Tensor();
  (*types[batched].type.shape)[0] = Dim::symbol("batch");
  std::vector<BatchState> states(inputs.size());
  states[batched] = BatchState::batched(0);
  const OpPtr op = make_contrib(name, attributes, inputs.size());
  const Dim batch = Dim::symbol("batch");
  const InferResult inferred = infer(*op, types);
  HarnessBatch context(types, states, inferred, batch);
  op->batch(context);
  return context.result.text();
}

}  // namespace

TEST_CASE("QLinearAdd and QLinearMul", "[qlinear]") {
  const std::vector<Tensor> inputs{bytes({2, 2}, {10, 20, 30, 255}),
                                   scale(0.5f),
                                   zero(10),
                                   bytes({2}, {4, 8}),
                                   scale(0.25f),
                                   zero(4),
                                   scale(0.5f),
                                   zero(1)};
  expect_close(run_contrib("QLinearAdd", {}, inputs), bytes({2, 2}, {1, 13, 21, 248}));
  expect_close(run_contrib("QLinearMul", {}, inputs), bytes({2, 2}, {1, 11, 1, 246}));
  CHECK(batch_rule("QLinearAdd", {}, inputs, 0) == "batched(0)");
  CHECK(batch_rule("QLinearAdd", {}, inputs, 3) == "blocked");
  std::vector<Tensor> no_zeros = inputs;
  no_zeros[2] = no_zeros[5] = no_zeros[7] = Tensor();
  expect_close(run_contrib("QLinearAdd", {}, no_zeros), bytes({2, 2}, {12, 24, 32, 255}));
  expect_error(ErrorCode::unsupported, "must be int8 or uint8", [&] {
    run_contrib("QLinearAdd", {},
                {floats({1}, {1}), scale(1), Tensor(), bytes({1}, {1}), scale(1), Tensor(), scale(1)});
  });
}

TEST_CASE("QLinear operators that wrap a float operator", "[qlinear]") {
  expect_close(run_contrib("QLinearSigmoid", {},
                           {chars({3}, {-128, 0, 127}), scale(0.1f), Tensor::scalar(int8_t{0}),
                            scale(1.0f / 256), Tensor::scalar(int8_t{-128})}),
               chars({3}, {-128, 0, 127}));
  expect_close(run_contrib("QLinearLeakyRelu", {{"alpha", 0.5f}},
                           {bytes({3}, {0, 100, 200}), scale(1), zero(100), scale(1), zero(50)}),
               bytes({3}, {0, 50, 150}));
  const std::vector<Tensor> image{arange({2, 1, 2, 2}, 0, 1, DType::uint8), scale(1), zero(0), scale(0.5f),
                                  zero(3)};
  expect_close(run_contrib("QLinearGlobalAveragePool", {}, image), bytes({2, 1, 1, 1}, {6, 14}));
  expect_close(run_contrib("QLinearAveragePool", {{"kernel_shape", std::vector<int64_t>{1, 2}}}, image),
               bytes({2, 1, 2, 1}, {4, 8, 12, 16}));
  expect_close(
      run_contrib("QLinearReduceMean", {{"axes", std::vector<int64_t>{3}}, {"keepdims", int64_t{0}}}, image),
      bytes({2, 1, 2}, {4, 8, 12, 16}));
  CHECK(batch_rule("QLinearAveragePool", {{"kernel_shape", std::vector<int64_t>{1, 2}}}, image, 0) ==
        "batched(0)");
  CHECK(batch_rule("QLinearReduceMean", {{"axes", std::vector<int64_t>{0}}, {"keepdims", int64_t{0}}}, image,
                   0) == "blocked");
  expect_close(run_contrib("QLinearSoftmax", {{"opset", int64_t{13}}},
                           {bytes({1, 2}, {7, 7}), scale(0.1f), zero(0), scale(1.0f / 256), zero(0)}),
               bytes({1, 2}, {128, 128}));
  expect_error(ErrorCode::unsupported, "channels_last", [] {
    make_contrib("QLinearGlobalAveragePool", {{"channels_last", int64_t{1}}}, 5);
  });
  expect_error(ErrorCode::bad_model, "'opset' is missing", [] { make_contrib("QLinearSoftmax", {}, 5); });
}

TEST_CASE("QLinearConcat and QLinearWhere rescale", "[qlinear]") {
  const std::vector<Tensor> inputs{scale(1), zero(10), bytes({2, 1}, {1, 2}),
                                   scale(1), zero(10), bytes({2, 2}, {1, 2, 3, 4}),
                                   scale(2), zero(0)};
  expect_close(run_contrib("QLinearConcat", {{"axis", int64_t{1}}}, inputs),
               bytes({2, 3}, {1, 12, 14, 2, 16, 18}));
  expect_error(ErrorCode::bad_model, "three for each tensor", [&] {
    run_contrib("QLinearConcat", {{"axis", int64_t{1}}}, {scale(1), zero(1), bytes({1}, {1})});
  });
  expect_close(run_contrib("QLinearWhere", {},
                           {bools({3}, {true, false, true}), bytes({3}, {1, 2, 3}), scale(1), zero(0),
                            bytes({1}, {9}), scale(0.5f), zero(1), scale(1), zero(5)}),
               bytes({3}, {6, 9, 8}));
}

TEST_CASE("QGemm, MatMulIntegerToFloat and DynamicQuantizeMatMul", "[qlinear]") {
  const Tensor a = bytes({2, 2}, {1, 2, 3, 4});
  const Tensor b = chars({2, 2}, {1, -1, 2, 5});
  const Tensor bias = Tensor::from<int32_t>({2}, {10, 20});
  // [[1*1+2*2, -1+10], [3+8, -3+20]] and the bias
  const std::vector<Tensor> gemm{a,    scale(1), zero(0),  b, scale(0.5f), Tensor::scalar(int8_t{0}),
                                 bias, scale(1), zero(100)};
  expect_close(run_contrib("QGemm", {}, gemm), bytes({2, 2}, {108, 114, 110, 118}));
  std::vector<Tensor> as_float(gemm.begin(), gemm.begin() + 7);
  expect_close(run_contrib("QGemm", {{"alpha", 2.0f}}, as_float), floats({2, 2}, {15, 29, 21, 37}));
  expect_close(
      run_contrib("QGemm", {{"transA", int64_t{1}}, {"transB", int64_t{1}}}, as_float),
      floats({2, 2}, {0.5f * (1 - 3 + 10), 0.5f * (2 + 15 + 20), 0.5f * (2 - 4 + 10), 0.5f * (4 + 20 + 20)}));
  CHECK(batch_rule("QGemm", {}, gemm, 0) == "batched(0)");
  CHECK(batch_rule("QGemm", {{"transA", int64_t{1}}}, gemm, 0) == "blocked");
  std::vector<Tensor> rows = gemm;
  rows[6] = Tensor::from<int32_t>({2, 2}, {1, 2, 3, 4});
  CHECK(batch_rule("QGemm", {}, rows, 0) == "blocked");

  const std::vector<Tensor> to_float{
      a, b, scale(0.5f), floats({2}, {1, 2}), zero(1), Tensor(), floats({2}, {100, 200})};
  expect_close(run_contrib("MatMulIntegerToFloat", {}, to_float), floats({2, 2}, {101, 205, 104, 213}));
  CHECK(batch_rule("MatMulIntegerToFloat", {}, to_float, 0) == "batched(0)");

  // 0 to 255 in steps of 1: the quantised values are the values.
  const std::vector<Tensor> dynamic{floats({2, 2}, {0, 255, 3, 4}), b, scale(0.5f)};
  expect_close(run_contrib("DynamicQuantizeMatMul", {}, dynamic), floats({2, 2}, {255, 637.5f, 5.5f, 8.5f}));
  CHECK(batch_rule("DynamicQuantizeMatMul", {}, dynamic, 0) == "blocked");
}

TEST_CASE("MatMulNBits multiplies by packed blocks", "[qlinear]") {
  // Two columns of 10 numbers in blocks of 8: the last block is filled up. Column 0 counts up, column 1 is 8
  // (zero).
  const Tensor b = bytes(
      {2, 2, 4}, {0x10, 0x32, 0x54, 0x76, 0x98, 0, 0, 0, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88, 0x88});
  const Attributes sizes{
      {"K", int64_t{10}}, {"N", int64_t{2}}, {"bits", int64_t{4}}, {"block_size", int64_t{8}}};
  const Tensor a = arange({1, 10}, 1, 0);
  const Tensor scales = floats({4}, {1, 10, 1, 1});
  // (0 + ... + 7 - 8 * 8) * 1 + (8 + 9 - 2 * 8) * 10
  expect_close(run_contrib("MatMulNBits", sizes, {a, b, scales}), floats({1, 2}, {-26, 0}));
  expect_close(run_contrib("MatMulNBits", sizes, {a, b, scales, bytes({2}, {0x21, 0x88})}),
               floats({1, 2}, {150, 0}));
  expect_close(run_contrib("MatMulNBits", sizes,
                           {a, b, scales, floats({4}, {1, 2, 8, 8}), Tensor(), floats({2}, {1, 2})}),
               floats({1, 2}, {151, 2}));
  // Every element of K of block 1.
  expect_close(
      run_contrib("MatMulNBits", sizes,
                  {a, b, scales, Tensor(), Tensor::from<int32_t>({10}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1})}),
      floats({1, 2}, {-350, 0}));
  CHECK(batch_rule("MatMulNBits", sizes, {a, b, scales}, 0) == "batched(0)");
  expect_error(ErrorCode::unsupported, "bits = 3", [&] {
    Attributes three = sizes;
    three.find("bits")->second = int64_t{3};
    make_contrib("MatMulNBits", three, 3);
  });
}
