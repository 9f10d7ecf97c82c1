#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include <spinel/tensor.hpp>

#include "base/half.hpp"

using namespace spinel;

TEST_CASE("half: every float16 survives the way through float32", "[base]") {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value))
      CHECK((half & 0x7fff) > 0x7c00);
    else
      CHECK(float_to_half(value) == half);
  }
}

TEST_CASE("half: rounds to nearest even, overflows to infinity, keeps denormals", "[base]") {
  CHECK(float_to_half(1.0f) == 0x3c00);
  CHECK(float_to_half(1.0f + 1.0f / 2048.0f) == 0x3c00);
  CHECK(float_to_half(1.0f + 3.0f / 2048.0f) == 0x3c02);
  CHECK(float_to_half(65504.0f) == 0x7bff);
  CHECK(float_to_half(65519.0f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(std::ldexp(1.0f, -24)) == 1);
  CHECK(float_to_half(std::ldexp(1.0f, -25)) == 0);
  CHECK(float_to_half(std::ldexp(3.0f, -25)) == 2);
  CHECK(float_to_half(-0.0f) == 0x8000);
  CHECK((float_to_half(std::numeric_limits<float>::quiet_NaN()) & 0x7fff) > 0x7c00);
}

TEST_CASE("half: many at once are what each is alone", "[base]") {
  std::vector<Half> halves(65536);
  for (uint32_t bits = 0; bits < 65536; ++bits) halves[bits].bits = static_cast<uint16_t>(bits);
  std::vector<float> floats(halves.size());
  halves_to_floats(halves.data(), floats.data(), halves.size());
  // Between neighbours, too, where rounding decides; overflow and denormals are among them.
  std::vector<float> inputs;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float each = half_to_float(static_cast<uint16_t>(bits));
    REQUIRE(std::bit_cast<uint32_t>(floats[bits]) == std::bit_cast<uint32_t>(each));
    for (const float factor : {1.0F, 1.0003F, 1.00048828125F, 1.0007F, 3e-5F})
      inputs.push_back(each * factor);
  }
  std::vector<Half> rounded(inputs.size());
  floats_to_halves(inputs.data(), rounded.data(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) REQUIRE(rounded[i].bits == float_to_half(inputs[i]));
}

TEST_CASE("bfloat16: rounds to nearest even and keeps NaN", "[base]") {
  CHECK(BFloat16(1.0f).bits == 0x3f80);
  CHECK(BFloat16(1.00390625f).bits == 0x3f80);
  CHECK(BFloat16(1.01171875f).bits == 0x3f82);
  CHECK(std::isnan(static_cast<float>(BFloat16(std::numeric_limits<float>::quiet_NaN()))));
}

TEST_CASE("tensor: sizes are checked, packed types are rounded up", "[base]") {
  CHECK(tensor_bytes(DType::float32, Dims{2, 3}) == 24);
  CHECK(tensor_bytes(DType::int4, Dims{3}) == 2);
  CHECK(tensor_bytes(DType::int2, Dims{5}) == 2);
  CHECK(element_count(Dims{}) == 1);
  CHECK(element_count(Dims{0, INT64_MAX}) == 0);
  CHECK_THROWS_AS(element_count(Dims{0, INT64_MAX, 2}), Error);
  CHECK_THROWS_AS(element_count(Dims{-1}), Error);
  CHECK_THROWS_AS(element_count(Dims{INT64_MAX, 2}), Error);
  CHECK_THROWS_AS(tensor_bytes(DType::float64, Dims{INT64_MAX / 4}), Error);
}

TEST_CASE("tensor: copies share, clones do not, views borrow", "[base]") {
  Tensor a = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  Tensor shared = a;
  const Tensor copy = a.clone();
  shared.data<float>()[0] = 9;
  CHECK(a.data<float>()[0] == 9);
  CHECK(copy.data<float>()[0] == 1);
  const Tensor row = a.rows(1, 1);
  CHECK(row.dims() == Dims{1, 2});
  CHECK(row.data<float>()[0] == 3);
  CHECK_THROWS_AS(a.rows(1, 2), Error);
  CHECK_THROWS_AS(a.data<int32_t>(), Error);
  CHECK(a.reshaped({4}).dims() == Dims{4});
  CHECK_THROWS_AS(a.reshaped({3}), Error);
  float memory[2] = {5, 6};
  CHECK_FALSE(Tensor::view(DType::float32, {2}, memory).owned());
  CHECK(reinterpret_cast<uintptr_t>(a.raw()) % 64 == 0);
}

TEST_CASE("tensor: conversions saturate where C++ leaves them undefined", "[base]") {
  const float inf = std::numeric_limits<float>::infinity();
  const Tensor x = Tensor::from<float>({5}, {1.9f, -1.9f, 300.0f, -inf, std::nanf("")});
  const Tensor bytes = convert(x, DType::uint8);
  CHECK(bytes.data<uint8_t>()[0] == 1);
  CHECK(bytes.data<uint8_t>()[1] == 0);
  CHECK(bytes.data<uint8_t>()[2] == 255);
  CHECK(bytes.data<uint8_t>()[4] == 0);
  CHECK(convert(x, DType::int64).data<int64_t>()[3] == INT64_MIN);
  CHECK(convert(Tensor::scalar(0.5f), DType::boolean).data<bool>()[0]);
  CHECK_THROWS_AS(convert(x, DType::string), Error);
}

TEST_CASE("dtype: names go both ways", "[base]") {
  for (int32_t n = 1; n <= 26; ++n)
    CHECK(parse_dtype(dtype_name(static_cast<DType>(n))) == static_cast<DType>(n));
  CHECK(parse_dtype("fp16") == DType::float16);
  CHECK_THROWS_AS(parse_dtype("float17"), Error);
  CHECK_FALSE(is_known_dtype(0));
  CHECK_FALSE(is_known_dtype(27));
}
