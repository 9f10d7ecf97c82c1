#include "ops/numeric.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "base/half.hpp"
#include "base/text.hpp"

namespace spinel::ops {
namespace {

/// Memory of a bool, which may hold any byte when it comes from outside.
struct BoolByte {
  uint8_t byte;
};

template <class From, class To>
To convert_one(From value) {
  if constexpr (std::is_same_v<From, BoolByte>) {
    return value.byte != 0 ? To{1} : To{0};
  } else if constexpr (std::is_same_v<To, BoolByte>) {
    return {static_cast<uint8_t>(value != From{} ? 1 : 0)};
  } else if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    return convert_one<float, To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    if (std::isnan(value)) return To{0};
    if (value <= static_cast<From>(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
    if (value >= static_cast<From>(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class From, class To>
void convert_all(const From* from, To* to, int64_t count) {
  if constexpr (std::is_same_v<From, Half> && std::is_same_v<To, float>)
    halves_to_floats(from, to, static_cast<size_t>(count));
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Half>)
    floats_to_halves(from, to, static_cast<size_t>(count));
  else
    for (int64_t i = 0; i < count; ++i) to[i] = convert_one<From, To>(from[i]);
}

template <class Fn>
void with_memory_type(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::float32:
      return fn(float{});
    case DType::float64:
      return fn(double{});
    case DType::float16:
      return fn(Half{});
    case DType::bfloat16:
      return fn(BFloat16{});
    case DType::uint8:
      return fn(uint8_t{});
    case DType::int8:
      return fn(int8_t{});
    case DType::uint16:
      return fn(uint16_t{});
    case DType::int16:
      return fn(int16_t{});
    case DType::uint32:
      return fn(uint32_t{});
    case DType::int32:
      return fn(int32_t{});
    case DType::uint64:
      return fn(uint64_t{});
    case DType::int64:
      return fn(int64_t{});
    case DType::boolean:
      return fn(BoolByte{});
    default:
      fail(ErrorCode::unsupported, "{} has no arithmetic", dtype_name(dtype));
  }
}

}  // namespace

Domain domain_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::float32:
    case DType::float16:
    case DType::bfloat16:
      return Domain::float32;
    case DType::float64:
      return Domain::float64;
    case DType::int8:
    case DType::int16:
    case DType::int32:
    case DType::int64:
      return Domain::int64;
    case DType::uint8:
    case DType::uint16:
    case DType::uint32:
    case DType::uint64:
    case DType::boolean:
      return Domain::uint64;
    default:
      return Domain::none;
  }
}

bool is_float(DType dtype) noexcept {
  const Domain domain = domain_of(dtype);
  return domain == Domain::float32 || domain == Domain::float64;
}

bool is_integer(DType dtype) noexcept {
  const Domain domain = domain_of(dtype);
  return (domain == Domain::int64 || domain == Domain::uint64) && dtype != DType::boolean;
}

template <class C>
const C* load(const Tensor& tensor, int64_t begin, int64_t count, C* buffer) {
  if (tensor.dtype() == dtype_of<C>::value) return static_cast<const C*>(tensor.raw()) + begin;
  with_memory_type(tensor.dtype(), [&](auto type) {
    convert_all(static_cast<const decltype(type)*>(tensor.raw()) + begin, buffer, count);
  });
  return buffer;
}

template <class C>
C* store_target(Tensor& tensor, int64_t begin, C* buffer) {
  return tensor.dtype() == dtype_of<C>::value ? static_cast<C*>(tensor.raw()) + begin : buffer;
}

template <class C>
void store(const C* values, Tensor& tensor, int64_t begin, int64_t count) {
  if (tensor.dtype() == dtype_of<C>::value && static_cast<const C*>(tensor.raw()) + begin == values) return;
  with_memory_type(tensor.dtype(), [&](auto type) {
    convert_all(values, static_cast<decltype(type)*>(tensor.raw()) + begin, count);
  });
}

#define SPINEL_INSTANTIATE(C)                                     \
  template const C* load<C>(const Tensor&, int64_t, int64_t, C*); \
  template C* store_target<C>(Tensor&, int64_t, C*);              \
  template void store<C>(const C*, Tensor&, int64_t, int64_t);
SPINEL_INSTANTIATE(float)
SPINEL_INSTANTIATE(double)
SPINEL_INSTANTIATE(int64_t)
SPINEL_INSTANTIATE(uint64_t)
#undef SPINEL_INSTANTIATE

}  // namespace spinel::ops
