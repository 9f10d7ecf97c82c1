#include "ops/byte_map.hpp"

#include "base/text.hpp"

namespace spinel::ops {

ByteScale read_byte_scale(const RunContext& context, DType dtype, size_t scale_input,
                          size_t zero_point_input) {
  if (dtype != DType::int8 && dtype != DType::uint8)
    fail(ErrorCode::unsupported, "{} is not supported; a quantised tensor must be int8 or uint8",
         dtype_name(dtype));
  if (!context.has_input(scale_input))
    fail(ErrorCode::bad_model, "input {}, a scale, is missing", scale_input);
  return {dtype, scalar_scale(context.input(scale_input), "a scale"),
          scalar_zero_point(context, zero_point_input, "a zero point")};
}

ByteMap rescaling_map(const ByteScale& from, const ByteScale& to) {
  if (from.scale == to.scale && from.zero_point == to.zero_point && from.dtype == to.dtype) {
    ByteMap same;
    for (size_t i = 0; i < same.size(); ++i) same[i] = static_cast<uint8_t>(i);
    return same;
  }
  return make_byte_map(from, to, [](float number) { return number; });
}

}  // namespace spinel::ops
