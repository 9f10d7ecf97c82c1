#include "ops/narrow.hpp"
#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

Tensor codes(DType dtype, Dims dims, std::vector<uint8_t> values) {
  Tensor out(dtype, std::move(dims));
  pack_codes(values.data(), out, 0, out.element_count());
  return out;
}
Tensor bytes(Dims dims, std::vector<uint8_t> values) {
  return Tensor::from<uint8_t>(std::move(dims), std::span<const uint8_t>(values));
}

Tensor quantize(const std::vector<Tensor>& inputs, const Attributes& attributes = {}, int version = 25) {
  return run_op("QuantizeLinear", version, attributes, inputs)[0];
}
Tensor dequantize(const std::vector<Tensor>& inputs, const Attributes& attributes = {}, int version = 25) {
  return run_op("DequantizeLinear", version, attributes, inputs)[0];
}
Attributes axis(int64_t value) { return {{"axis", value}}; }

}  // namespace

TEST_CASE("QuantizeLinear rounds half to even and saturates", "[quantize]") {
  const Tensor x = floats({8}, {0, 1, 3, 5, -5, 1e9f, -1e9f, NAN});
  const Tensor two = Tensor::scalar(2.0f);
  expect_close(quantize({x, two, Tensor::scalar(uint8_t{128})}),
               bytes({8}, {128, 128, 130, 130, 126, 255, 0, 0}));
  expect_close(quantize({x, two}, {}, 10), bytes({8}, {0, 0, 2, 2, 0, 255, 0, 0}));
  expect_close(quantize({x, two, Tensor::scalar(int8_t{-3})}),
               Tensor::from<int8_t>({8}, {-3, -3, -1, -1, -5, 127, -128, -128}));
  expect_close(quantize({x, two, Tensor::scalar(int16_t{1})}),
               Tensor::from<int16_t>({8}, {1, 1, 3, 3, -1, 32767, -32768, -32768}));
  expect_close(quantize({x, two, Tensor::scalar(uint16_t{65535})}),
               Tensor::from<uint16_t>({8}, {65535, 65535, 65535, 65535, 65533, 65535, 0, 0}));
  const Attributes as_int4{{"output_dtype", static_cast<int64_t>(DType::int4)}};
  CHECK(same_bits(quantize({x, two}, as_int4), codes(DType::int4, {8}, {0, 0, 2, 2, 14, 7, 8, 8})));
  const Attributes as_uint2{{"output_dtype", static_cast<int64_t>(DType::uint2)}};
  CHECK(same_bits(quantize({x, two}, as_uint2), codes(DType::uint2, {8}, {0, 0, 2, 2, 0, 3, 0, 0})));
  expect_close(quantize({Tensor::from<int32_t>({3}, {-4, 10, 600}), two}), bytes({3}, {0, 5, 255}));
  CHECK(quantize({Tensor(DType::float32, {0, 3}), two}).dims() == Dims{0, 3});
}

TEST_CASE("QuantizeLinear to 8-bit and 4-bit floats", "[quantize]") {
  const Tensor x = floats({4}, {2, -0.0f, 1000, -1000});
  const Tensor half = Tensor::scalar(0.5f);
  Tensor zero(DType::float8e4m3fn, {});
  const Tensor saturated = quantize({x, half, zero});
  CHECK(small_to_float(DType::float8e4m3fn, static_cast<const uint8_t*>(saturated.raw())[0]) == 4);
  CHECK(static_cast<const uint8_t*>(saturated.raw())[1] == 0x80);
  CHECK(static_cast<const uint8_t*>(saturated.raw())[2] == 0x7e);
  CHECK(static_cast<const uint8_t*>(quantize({x, half, zero}, {{"saturate", int64_t{0}}}).raw())[3] == 0xff);
  CHECK(same_bits(quantize({x, half, Tensor(DType::float4e2m1, {})}),
                  codes(DType::float4e2m1, {4}, {6, 0, 7, 15})));
}

TEST_CASE("QuantizeLinear and DequantizeLinear by axis and by block", "[quantize]") {
  const Tensor x = arange({2, 3, 5}, -15);
  const Tensor scale = floats({3}, {1, 2, 4});
  const Tensor zero = Tensor::from<int8_t>({3}, {0, 1, -1});
  const Tensor y = quantize({x, scale, zero}, axis(1));
  CHECK(y.data<int8_t>()[0] == -15);
  CHECK(y.data<int8_t>()[5] == -4);   // -10 / 2 + 1
  CHECK(y.data<int8_t>()[14] == -1);  // -1 / 4 - 1
  CHECK(y.data<int8_t>()[29] == 3);   // 14 / 4 = 3.5, to 4, minus 1
  expect_close(dequantize({y, scale, zero}, axis(-2)), dequantize({y, scale, zero}, axis(1)), 0, 0);
  CHECK(dequantize({y, scale, zero}).data<float>()[29] == 16);
  // The last axis: one scale an element.
  const Tensor last = floats({5}, {1, 2, 3, 4, 5});
  expect_close(dequantize({bytes({2, 5}, {1, 1, 1, 1, 1, 2, 2, 2, 2, 2}), last}, axis(1)),
               floats({2, 5}, {1, 2, 3, 4, 5, 2, 4, 6, 8, 10}), 0, 0);
  // Blocks, the last of them short, along each axis.
  const Attributes columns{{"axis", int64_t{1}}, {"block_size", int64_t{2}}};
  expect_close(quantize({floats({2, 3}, {2, 4, 6, 8, 10, 12}), floats({2, 2}, {2, 3, 4, 6}),
                         bytes({2, 2}, {0, 1, 2, 3})},
                        columns),
               bytes({2, 3}, {1, 2, 3, 4, 4, 5}));
  const Attributes rows{{"axis", int64_t{0}}, {"block_size", int64_t{2}}};
  expect_close(dequantize({bytes({3, 2}, {1, 2, 3, 4, 5, 6}), floats({2, 2}, {1, 10, 100, 1000})}, rows),
               floats({3, 2}, {1, 20, 3, 40, 500, 6000}), 0, 0);
  expect_error(ErrorCode::invalid_argument, "does not fit", [&] {
    quantize({x, floats({4}, {1, 1, 1, 1})});
  });
  expect_error(ErrorCode::invalid_argument, "does not fit", [&] { quantize({x, scale, zero}, columns); });
}

TEST_CASE("DequantizeLinear of every type, into every float type", "[quantize]") {
  const Tensor scale = Tensor::scalar(0.5f);
  expect_close(dequantize({codes(DType::int4, {3}, {15, 7, 8}), scale}), floats({3}, {-0.5f, 3.5f, -4}), 0,
               0);
  expect_close(dequantize({codes(DType::uint2, {3}, {3, 0, 1}), scale, codes(DType::uint2, {}, {1})}),
               floats({3}, {1, -0.5f, 0}), 0, 0);
  expect_close(dequantize({Tensor::from<int32_t>({2}, {100000, -1}), scale}), floats({2}, {50000, -0.5f}), 0,
               0);
  expect_close(dequantize({codes(DType::float4e2m1, {2}, {3, 15}), convert(scale, DType::float16)}),
               halves({2}, {0.75f, -3}), 0, 0);
  const Attributes to_bfloat{{"output_dtype", static_cast<int64_t>(DType::bfloat16)}};
  expect_close(dequantize({bytes({2}, {3, 5}), scale}, to_bfloat),
               convert(floats({2}, {1.5f, 2.5f}), DType::bfloat16));
}

TEST_CASE("quantisation keeps its scales when a model becomes float16", "[quantize]") {
  const OpPtr op = make("DequantizeLinear", 13, {}, 2);
  CHECK(op->keeps_float32(1));
  const OpPtr half = op->with_float_type(DType::float32, DType::float16);
  REQUIRE(half);
  expect_close(ops::testing::run(*half, {bytes({2}, {3, 5}), Tensor::scalar(0.3f)})[0],
               halves({2}, {0.3f * 3, 0.3f * 5}), 0, 0);
  CHECK(op->with_float_type(DType::float16, DType::float32) == nullptr);
  expect_close(quantize({halves({2}, {1, 2}), Tensor::scalar(1e-2f)}), bytes({2}, {100, 200}));
  // Under `precision` the quotient 100.49 becomes 100.5 in float16, and rounds to even.
  const Attributes precise{{"precision", static_cast<int64_t>(DType::float16)}};
  const std::vector<Tensor> near{Tensor::scalar(101.49f), Tensor::scalar(1.0f)};
  expect_close(quantize(near), Tensor::scalar(uint8_t{101}));
  expect_close(quantize(near, precise), Tensor::scalar(uint8_t{102}));
}

TEST_CASE("quantisation splits the batch unless scales differ along it", "[quantize]") {
  const Tensor x = noise({4, 3, 2}, 3, -4, 4);
  const Tensor scale = floats({3}, {0.1f, 0.2f, 0.3f});
  expect_batch_split("QuantizeLinear", 13, axis(1), {x, scale}, {0, -1});
  expect_batch_split("DequantizeLinear", 13, axis(1), {quantize({x, scale}), scale}, {0, -1});
  expect_batch_split("QuantizeLinear", 13, axis(0), {x, Tensor::scalar(0.1f)}, {0, -1});
  const InferInput batched(DType::float32, {Dim::symbol("batch"), Dim(3)});
  const InferInput scales(floats({4}, {1, 1, 1, 1}));
  CHECK(batch_op("QuantizeLinear", 13, axis(0), {batched, scales}, {BatchState::batched(0)}).blocked());
}

TEST_CASE("DynamicQuantizeLinear takes the range from the data", "[quantize]") {
  const auto y = run_op("DynamicQuantizeLinear", 11, {}, {floats({6}, {0, 2, -3, -2.5f, 1.34f, 0.5f})}, 3);
  expect_close(y[0], bytes({6}, {153, 255, 0, 26, 221, 179}));
  expect_close(y[1], Tensor::scalar(5.0f / 255));
  expect_close(y[2], Tensor::scalar(uint8_t{153}));
  const auto zeros = run_op("DynamicQuantizeLinear", 11, {}, {floats({2}, {0, 0})}, 3);
  expect_close(zeros[0], bytes({2}, {0, 0}));
  expect_close(zeros[1], Tensor::scalar(1.0f));
  const InferInput batched(DType::float32, {Dim::symbol("batch"), Dim(3)});
  CHECK(batch_op("DynamicQuantizeLinear", 11, {}, {batched}, {BatchState::batched(0)}, 3).blocked());
}
