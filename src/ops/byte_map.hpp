// 8-bit quantised tensors as the numbers they stand for.
#pragma once
#include <array>
#include <cstdint>

#include "ops/requantize.hpp"

namespace spinel::ops {

/// How the bytes of an int8 or uint8 tensor are to be read: (byte - zero_point) * scale.
struct ByteScale {
  DType dtype = DType::uint8;
  float scale = 1;
  int32_t zero_point = 0;

  float number(uint8_t byte) const {
    const int32_t code = dtype == DType::int8 ? static_cast<int8_t>(byte) : int32_t{byte};
    return static_cast<float>(code - zero_point) * scale;
  }
  uint8_t byte(float number) const {
    const auto low = static_cast<float>((dtype == DType::int8 ? -128 : 0) - zero_point);
    return static_cast<uint8_t>(saturated(number / scale, low, low + 255, zero_point));
  }
};

/// The scale of a tensor of that type, from the inputs that hold it; an omitted zero point is 0. Throws Error
/// if the type is neither int8 nor uint8, or a scale has several elements.
ByteScale read_byte_scale(const RunContext& context, DType dtype, size_t scale_input,
                          size_t zero_point_input);

/// What each byte becomes.
using ByteMap = std::array<uint8_t, 256>;
/// fn of the number of each byte under `from`, as a byte under `to`.
template <class Fn>
ByteMap make_byte_map(const ByteScale& from, const ByteScale& to, Fn&& fn) {
  ByteMap map;
  for (int byte = 0; byte < 256; ++byte)
    map[static_cast<size_t>(byte)] = to.byte(fn(from.number(static_cast<uint8_t>(byte))));
  return map;
}
/// The same number under another scale; equal scales keep every byte.
ByteMap rescaling_map(const ByteScale& from, const ByteScale& to);

}  // namespace spinel::ops
