#include "ops/narrow.hpp"

#include <bit>

#include "ops/op_harness.hpp"

using namespace spinel;
using namespace spinel::ops;
using namespace spinel::ops::testing;

namespace {

constexpr DType floats_of_8_bits[] = {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2,
                                      DType::float8e5m2fnuz};

int codes_of(DType dtype) { return 1 << dtype_bits(dtype); }

/// The code whose number is nearest, by trying all; of two the one with an even code.
uint8_t nearest(DType dtype, double value) {
  int best = -1;
  for (int code = 0; code < codes_of(dtype); ++code) {
    const double number = static_cast<double>(small_to_float(dtype, static_cast<uint8_t>(code)));
    if (!std::isfinite(number)) continue;
    const double distance = std::abs(number - value);
    const double least =
        best < 0 ? 0
                 : std::abs(static_cast<double>(small_to_float(dtype, static_cast<uint8_t>(best))) - value);
    if (best < 0 || distance < least || (distance == least && code % 2 == 0)) best = code;
  }
  return static_cast<uint8_t>(best);
}

Tensor packed(DType dtype, Dims dims, std::vector<uint8_t> codes) {
  Tensor out(dtype, std::move(dims));
  pack_codes(codes.data(), out, 0, out.element_count());
  return out;
}

Tensor bytes(DType dtype, std::vector<uint8_t> codes) {
  Tensor out(dtype, {static_cast<int64_t>(codes.size())});
  std::ranges::copy(codes, static_cast<uint8_t*>(out.raw()));
  return out;
}

Tensor cast(const Tensor& x, DType to, Attributes attributes = {}) {
  attributes.emplace("to", static_cast<int64_t>(to));
  return run_op("Cast", 25, attributes, {x})[0];
}

}  // namespace

TEST_CASE("small floats keep every number of theirs", "[narrow]") {
  for (const DType dtype : {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2,
                            DType::float8e5m2fnuz, DType::float4e2m1, DType::float8e8m0})
    for (int code = 0; code < codes_of(dtype); ++code) {
      INFO(dtype_name(dtype) << " " << code);
      const float number = small_to_float(dtype, static_cast<uint8_t>(code));
      const uint8_t back = small_from(dtype, static_cast<double>(number), {.saturate = false});
      if (std::isnan(number))
        CHECK(std::isnan(small_to_float(dtype, back)));
      else
        CHECK(int{back} == code);
    }
  CHECK(small_to_float(DType::float8e4m3fn, 0x7e) == 448);
  CHECK(small_to_float(DType::float8e4m3fnuz, 0x7f) == 240);
  CHECK(small_to_float(DType::float8e5m2, 0x7b) == 57344);
  CHECK(small_to_float(DType::float8e5m2fnuz, 0x01) == 0x1p-17f);
  CHECK(small_to_float(DType::float4e2m1, 0x0f) == -6);
  CHECK(small_to_float(DType::float8e8m0, 0) == 0x1p-127f);
}

TEST_CASE("small floats round to the nearest number, ties to even", "[narrow]") {
  for (const DType dtype : {DType::float8e4m3fn, DType::float8e4m3fnuz, DType::float8e5m2,
                            DType::float8e5m2fnuz, DType::float4e2m1}) {
    const double largest = static_cast<double>(small_to_float(dtype, dtype == DType::float8e5m2     ? 0x7b
                                                                     : dtype == DType::float4e2m1   ? 0x07
                                                                     : dtype == DType::float8e4m3fn ? 0x7e
                                                                                                    : 0x7f));
    uint32_t state = 7;
    for (int i = 0; i < 3000; ++i) {
      state = state * 1664525u + 1013904223u;
      const double scale = std::ldexp(1.0, static_cast<int>(state >> 8) % 36 - 20);
      const double value = (state & 1 ? -1 : 1) * scale * (1 + static_cast<double>(state >> 16 & 63) / 64);
      if (std::abs(value) > largest) continue;
      const uint8_t got = small_from(dtype, value, {});
      const uint8_t wanted = nearest(dtype, value);
      INFO(dtype_name(dtype) << " of " << value);
      CHECK(small_to_float(dtype, got) == small_to_float(dtype, wanted));
    }
  }
}

TEST_CASE("Cast to float8 saturates, or does not", "[narrow]") {
  const Tensor x = floats({6}, {1e6f, -1e6f, INFINITY, -INFINITY, NAN, -0.0f});
  const Attributes loose{{"saturate", int64_t{0}}};
  CHECK(same_bits(cast(x, DType::float8e4m3fn),
                  bytes(DType::float8e4m3fn, {0x7e, 0xfe, 0x7e, 0xfe, 0x7f, 0x80})));
  CHECK(same_bits(cast(x, DType::float8e4m3fn, loose),
                  bytes(DType::float8e4m3fn, {0x7f, 0xff, 0x7f, 0xff, 0x7f, 0x80})));
  CHECK(same_bits(cast(x, DType::float8e5m2, loose),
                  bytes(DType::float8e5m2, {0x7c, 0xfc, 0x7c, 0xfc, 0x7e, 0x80})));
  for (const DType dtype : {DType::float8e4m3fnuz, DType::float8e5m2fnuz}) {
    CHECK(same_bits(cast(x, dtype), bytes(dtype, {0x7f, 0xff, 0x7f, 0xff, 0x80, 0})));
    CHECK(same_bits(cast(x, dtype, loose), bytes(dtype, {0x80, 0x80, 0x80, 0x80, 0x80, 0})));
  }
  CHECK(same_bits(cast(x, DType::float4e2m1), packed(DType::float4e2m1, {6}, {7, 15, 7, 15, 8, 8})));
  for (const DType dtype : floats_of_8_bits) {
    const Tensor back = cast(cast(floats({3}, {0.5f, -1.5f, 14}), dtype), DType::float64);
    expect_close(back, Tensor::from<double>({3}, {0.5, -1.5, 14}), 0, 0);
  }
}

TEST_CASE("Cast to float8e8m0 rounds as told", "[narrow]") {
  const Tensor x = floats({5}, {1.0f, 1.25f, 1.5f, 3.9f, INFINITY});
  const auto codes = [](std::vector<uint8_t> values) { return bytes(DType::float8e8m0, std::move(values)); };
  const auto mode = [](const char* text) { return Attributes{{"round_mode", std::string(text)}}; };
  CHECK(same_bits(cast(x, DType::float8e8m0), codes({127, 128, 128, 129, 254})));
  CHECK(same_bits(cast(x, DType::float8e8m0, mode("down")), codes({127, 127, 127, 128, 254})));
  CHECK(same_bits(cast(x, DType::float8e8m0, mode("nearest")), codes({127, 127, 128, 129, 254})));
  const Tensor tiny = Tensor::from<double>({3}, {0.0, 1e-60, 1e60});
  CHECK(same_bits(cast(tiny, DType::float8e8m0), codes({0, 0, 254})));
  Attributes loose = mode("nearest");
  loose.emplace("saturate", int64_t{0});
  CHECK(same_bits(cast(tiny, DType::float8e8m0, loose), codes({255, 255, 255})));
  expect_error(ErrorCode::bad_model, "round_mode 'sideways'",
               [&] { cast(x, DType::float8e8m0, mode("sideways")); });
}

TEST_CASE("Cast between packed integers and others", "[narrow]") {
  const Tensor x = floats({5}, {-9, -8, 7.9f, 8, 15});
  CHECK(same_bits(cast(x, DType::int4), packed(DType::int4, {5}, {7, 8, 7, 8, 15})));
  expect_close(cast(cast(x, DType::int4), DType::float32), floats({5}, {7, -8, 7, -8, -1}));
  expect_close(cast(cast(x, DType::uint4), DType::int32), Tensor::from<int32_t>({5}, {7, 8, 7, 8, 15}));
  expect_close(cast(cast(x, DType::int2), DType::int8), Tensor::from<int8_t>({5}, {-1, 0, -1, 0, -1}));
  expect_close(cast(cast(x, DType::uint2), DType::string),
               Tensor::from<std::string>({5}, {"3", "0", "3", "0", "3"}));
  CHECK(same_bits(cast(Tensor::from<std::string>({3}, {"-3", "2", "1"}), DType::int4),
                  packed(DType::int4, {3}, {13, 2, 1})));
  // Longer than the blocks in which tensors are walked, ending in the middle of a byte.
  const Tensor many = arange({40001}, -7, 0.0003);
  const Tensor codes = cast(many, DType::int4);
  expect_close(cast(codes, DType::float32), cast(cast(many, DType::int8), DType::float32));
  CHECK(same_bits(cast(cast(codes, DType::int8), DType::int4), codes));
}

TEST_CASE("Transpose moves packed elements", "[narrow]") {
  const Tensor x = packed(DType::uint4, {3, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(same_bits(run_op("Transpose", 21, {}, {x})[0],
                  packed(DType::uint4, {3, 3}, {0, 3, 6, 1, 4, 7, 2, 5, 8})));
  const Tensor two = packed(DType::int2, {2, 1, 3}, {0, 1, 2, 3, 2, 1});
  const Attributes perm{{"perm", std::vector<int64_t>{2, 0, 1}}};
  CHECK(
      same_bits(run_op("Transpose", 25, perm, {two})[0], packed(DType::int2, {3, 2, 1}, {0, 3, 1, 2, 2, 1})));
}

TEST_CASE("BitCast keeps the bits", "[narrow]") {
  const Attributes to_int{{"to", int64_t{6}}};
  const Tensor x = floats({2, 1}, {1, -0.0f});
  expect_close(run_op("BitCast", 26, to_int, {x})[0],
               Tensor::from<int32_t>({2, 1}, {std::bit_cast<int32_t>(1.0f), std::bit_cast<int32_t>(-0.0f)}));
  expect_close(run_op("BitCast", 26, {{"to", int64_t{9}}}, {Tensor::from<uint8_t>({2}, {0, 7})})[0],
               bools({2}, {false, true}));
  expect_error(ErrorCode::bad_model, "different size",
               [&] { run_op("BitCast", 26, to_int, {Tensor::from<int8_t>({1}, {1})}); });
  expect_batch_split("BitCast", 26, to_int, {noise({3, 4})}, {0});
}
