// Numbers of one type as those of another.
#include "cpu/kernels/cast.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// Integers that do not fit wrap around.
template <class To, class From>
To number(From x) {
  return static_cast<To>(x);
}
/// Floats are truncated and saturate, NaN becomes 0. Without branches, so that it becomes vectors.
template <>
int32_t number(float x) {
  constexpr float limit = 2147483648.0F;
  const float ordered = x == x ? x : 0;
  const float above = ordered > -limit ? ordered : -limit;
  const bool over = above >= limit;
  const auto truncated = static_cast<int32_t>(over ? 0.0F : above);
  return over ? INT32_MAX : truncated;
}
template <>
int64_t number(float x) {
  constexpr float limit = 9223372036854775808.0F;
  const float ordered = x == x ? x : 0;
  const float above = ordered > -limit ? ordered : -limit;
  const bool over = above >= limit;
  const auto truncated = static_cast<int64_t>(over ? 0.0F : above);
  return over ? INT64_MAX : truncated;
}

template <class To, class From>
void cast_all(const void* from, int64_t count, void* to) {
  const auto* x = static_cast<const From*>(from);
  auto* __restrict y = static_cast<To*>(to);
  for (int64_t i = 0; i < count; ++i) y[i] = number<To>(x[i]);
}

template <class From>
void cast_from(const void* from, int64_t count, NumberType type, void* to) {
  switch (type) {
    case NumberType::int32:
      return cast_all<int32_t, From>(from, count, to);
    case NumberType::int64:
      return cast_all<int64_t, From>(from, count, to);
    case NumberType::float32:
      return cast_all<float, From>(from, count, to);
    case NumberType::boolean:
    case NumberType::int8:
    case NumberType::uint8:
      break;  // No operator asks for them.
  }
}

}  // namespace

void cast(const void* from, NumberType from_type, int64_t count, NumberType to_type, void* to) {
  switch (from_type) {
    case NumberType::boolean:
    case NumberType::uint8:
      return cast_from<uint8_t>(from, count, to_type, to);
    case NumberType::int8:
      return cast_from<int8_t>(from, count, to_type, to);
    case NumberType::int32:
      return cast_from<int32_t>(from, count, to_type, to);
    case NumberType::int64:
      return cast_from<int64_t>(from, count, to_type, to);
    case NumberType::float32:
      return cast_from<float>(from, count, to_type, to);
  }
}

}  // namespace spinel::cpu::SPINEL_ISA
