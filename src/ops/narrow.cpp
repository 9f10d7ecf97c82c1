#include "ops/narrow.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "base/text.hpp"
#include "ops/numeric.hpp"

namespace spinel::ops {
namespace {

/// A float format: sign, exponent and `mantissa` bits. Codes are compared without their sign.
struct Format {
  int mantissa;
  int bias;
  uint8_t sign;      ///< The sign's bit.
  uint8_t largest;   ///< Code of the largest number.
  uint8_t infinity;  ///< What overflow becomes if it does not saturate.
  uint8_t nan;
  bool unsigned_zero;  ///< There is no -0, and the code of -0 is the only NaN.
};

Format format_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::float8e4m3fn:
      return {3, 7, 0x80, 0x7e, 0x7f, 0x7f, false};
    case DType::float8e4m3fnuz:
      return {3, 8, 0x80, 0x7f, 0x80, 0x80, true};
    case DType::float8e5m2:
      return {2, 15, 0x80, 0x7b, 0x7c, 0x7e, false};
    case DType::float8e5m2fnuz:
      return {2, 16, 0x80, 0x7f, 0x80, 0x80, true};
    default:  // float4e2m1
      return {1, 1, 0x08, 0x07, 0x07, 0x08, false};
  }
}

constexpr uint64_t double_fraction = (uint64_t{1} << 52) - 1;

int exponent_of(double value) noexcept {
  return static_cast<int>(std::bit_cast<uint64_t>(value) >> 52 & 0x7ff) - 1023;
}

uint8_t power_of_two_from(double value, NarrowRules rules) noexcept {
  constexpr uint8_t nan = 0xff;
  if (std::isnan(value)) return nan;
  int power = exponent_of(value);
  const uint64_t fraction = std::bit_cast<uint64_t>(value) & double_fraction;
  if (power >= -127 && power < 1024) {
    if (rules.power == PowerRounding::up) power += fraction != 0 ? 1 : 0;
    if (rules.power == PowerRounding::nearest) power += fraction >> 51 != 0 ? 1 : 0;
  }
  if (power < -127) return rules.saturate ? 0 : nan;
  if (power > 127) return rules.saturate ? 254 : nan;
  return static_cast<uint8_t>(power + 127);
}

int64_t truncated(double value) noexcept {
  if (std::isnan(value)) return 0;
  constexpr double limit = 9223372036854775808.0;
  if (value >= limit) return std::numeric_limits<int64_t>::max();
  if (value <= -limit) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

int64_t small_int_of(DType dtype, uint8_t code) noexcept {
  if (dtype == DType::int4) return (code ^ 8) - 8;
  if (dtype == DType::int2) return (code ^ 2) - 2;
  return code;
}

template <class C>
C number_of(DType dtype, uint8_t code) noexcept {
  if (is_small_int(dtype)) return static_cast<C>(small_int_of(dtype, code));
  const float value = small_to_float(dtype, code);
  if constexpr (std::is_floating_point_v<C>)
    return static_cast<C>(value);
  else
    return static_cast<C>(truncated(static_cast<double>(value)));
}

template <class C>
uint8_t code_of(DType dtype, C value, NarrowRules rules) noexcept {
  if (!is_small_int(dtype)) return small_from(dtype, static_cast<double>(value), rules);
  if constexpr (std::is_floating_point_v<C>)
    return static_cast<uint8_t>(truncated(static_cast<double>(value)));
  else
    return static_cast<uint8_t>(value);
}

}  // namespace

bool is_small_float(DType dtype) noexcept {
  switch (dtype) {
    case DType::float8e4m3fn:
    case DType::float8e4m3fnuz:
    case DType::float8e5m2:
    case DType::float8e5m2fnuz:
    case DType::float8e8m0:
    case DType::float4e2m1:
      return true;
    default:
      return false;
  }
}

bool is_small_int(DType dtype) noexcept {
  return dtype == DType::uint4 || dtype == DType::int4 || dtype == DType::uint2 || dtype == DType::int2;
}

bool is_packed(DType dtype) noexcept { return is_small_int(dtype) || dtype == DType::float4e2m1; }

IntRange int_range(DType dtype) {
  switch (dtype) {
    case DType::uint2:
      return {0, 3};
    case DType::int2:
      return {-2, 1};
    case DType::uint4:
      return {0, 15};
    case DType::int4:
      return {-8, 7};
    case DType::uint8:
      return {0, 255};
    case DType::int8:
      return {-128, 127};
    case DType::uint16:
      return {0, 65535};
    case DType::int16:
      return {-32768, 32767};
    default:
      fail(ErrorCode::unsupported, "{} is no integer type of at most 16 bits", dtype_name(dtype));
  }
}

float small_to_float(DType dtype, uint8_t code) noexcept {
  if (dtype == DType::float8e8m0) {
    if (code == 0xff) return std::numeric_limits<float>::quiet_NaN();
    return code == 0 ? 0x1p-127f : std::bit_cast<float>(static_cast<uint32_t>(code) << 23);
  }
  const Format format = format_of(dtype);
  const bool negative = (code & format.sign) != 0;
  const auto magnitude = static_cast<uint8_t>(code & (format.sign - 1));
  float value;
  if (format.unsigned_zero ? code == format.nan : magnitude > format.largest) {
    const bool infinite = magnitude == format.infinity && format.infinity != format.nan;
    value = infinite ? std::numeric_limits<float>::infinity() : std::numeric_limits<float>::quiet_NaN();
  } else {
    const int exponent = magnitude >> format.mantissa;
    const int fraction = magnitude & ((1 << format.mantissa) - 1);
    const int power = std::max(exponent, 1) - format.bias - format.mantissa;
    const float unit = std::bit_cast<float>(static_cast<uint32_t>(power + 127) << 23);
    value = static_cast<float>(exponent > 0 ? fraction + (1 << format.mantissa) : fraction) * unit;
  }
  return negative ? -value : value;
}

uint8_t small_from(DType dtype, double value, NarrowRules rules) noexcept {
  if (dtype == DType::float8e8m0) return power_of_two_from(value, rules);
  const Format format = format_of(dtype);
  const uint8_t sign = std::signbit(value) ? format.sign : uint8_t{0};
  if (std::isnan(value)) return format.nan | sign;
  const int exponent = exponent_of(value);
  uint32_t code = 0xffff;
  if (exponent < 128) {
    // The significand's lowest bits that the format lacks are shifted out; a carry runs into the exponent.
    const uint64_t significand =
        (std::bit_cast<uint64_t>(value) & double_fraction) | (exponent > -1023 ? double_fraction + 1 : 0);
    const int biased = exponent + format.bias;
    const int shift = 52 - format.mantissa + std::max(0, 1 - biased);
    code = biased > 1 ? static_cast<uint32_t>(biased - 1) << format.mantissa : 0;
    if (shift < 54) {
      const uint64_t kept = significand >> shift;
      const uint64_t rest = significand & ((uint64_t{1} << shift) - 1);
      const uint64_t half = uint64_t{1} << (shift - 1);
      code += static_cast<uint32_t>(kept) + (rest > half || (rest == half && (kept & 1) != 0) ? 1 : 0);
    }
  }
  if (code > format.largest) {
    const bool saturates = rules.saturate || dtype == DType::float4e2m1;
    return (saturates ? format.largest : format.infinity) | sign;
  }
  return static_cast<uint8_t>(code) | (code == 0 && format.unsigned_zero ? uint8_t{0} : sign);
}

void unpack_codes(const Tensor& tensor, int64_t begin, int64_t count, uint8_t* codes) {
  const auto* bytes = static_cast<const uint8_t*>(tensor.raw());
  const int bits = dtype_bits(tensor.dtype());
  const int64_t per_byte = 8 / bits;
  const int mask = (1 << bits) - 1;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = begin + i;
    codes[i] = static_cast<uint8_t>(bytes[at / per_byte] >> (at % per_byte * bits) & mask);
  }
}

void pack_codes(const uint8_t* codes, Tensor& tensor, int64_t begin, int64_t count) {
  const int bits = dtype_bits(tensor.dtype());
  const int64_t per_byte = 8 / bits;
  const int mask = (1 << bits) - 1;
  uint8_t* bytes = static_cast<uint8_t*>(tensor.raw()) + begin / per_byte;
  for (int64_t i = 0; i < count; i += per_byte, ++bytes) {
    int byte = 0;
    for (int64_t k = 0; k < per_byte && i + k < count; ++k) byte |= (codes[i + k] & mask) << (k * bits);
    *bytes = static_cast<uint8_t>(byte);
  }
}

template <class C>
const C* load_any(const Tensor& tensor, int64_t begin, int64_t count, C* buffer) {
  const DType dtype = tensor.dtype();
  if (is_packed(dtype)) {
    uint8_t codes[chunk_elements];
    unpack_codes(tensor, begin, count, codes);
    for (int64_t i = 0; i < count; ++i) buffer[i] = number_of<C>(dtype, codes[i]);
    return buffer;
  }
  if (!is_small_float(dtype)) return load(tensor, begin, count, buffer);
  const uint8_t* codes = static_cast<const uint8_t*>(tensor.raw()) + begin;
  for (int64_t i = 0; i < count; ++i) buffer[i] = number_of<C>(dtype, codes[i]);
  return buffer;
}

template <class C>
void store_any(const C* values, Tensor& tensor, int64_t begin, int64_t count, NarrowRules rules) {
  const DType dtype = tensor.dtype();
  if (is_packed(dtype)) {
    uint8_t codes[chunk_elements];
    for (int64_t i = 0; i < count; ++i) codes[i] = code_of(dtype, values[i], rules);
    return pack_codes(codes, tensor, begin, count);
  }
  if (!is_small_float(dtype)) return store(values, tensor, begin, count);
  uint8_t* codes = static_cast<uint8_t*>(tensor.raw()) + begin;
  for (int64_t i = 0; i < count; ++i) codes[i] = code_of(dtype, values[i], rules);
}

#define SPINEL_INSTANTIATE(C)                                         \
  template const C* load_any<C>(const Tensor&, int64_t, int64_t, C*); \
  template void store_any<C>(const C*, Tensor&, int64_t, int64_t, NarrowRules);
SPINEL_INSTANTIATE(float)
SPINEL_INSTANTIATE(double)
SPINEL_INSTANTIATE(int64_t)
SPINEL_INSTANTIATE(uint64_t)
#undef SPINEL_INSTANTIATE

}  // namespace spinel::ops
