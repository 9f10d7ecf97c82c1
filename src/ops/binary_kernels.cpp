// The loops of the elementwise operators of two inputs.
#include <cmath>

#include "base/text.hpp"
#include "ops/binary.hpp"

namespace spinel::ops {
namespace {

using Attrs = BinaryAttrs;

template <class F, class C>
void loop(const C* a, const C* b, C* y, int64_t count, const Attrs& attrs) {
  const Attrs local = attrs;
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<C>(F{}(a[i], b[i], local));
}

template <class F>
constexpr BinaryKernels numbers(std::string_view name, F) {
  return {name,
          BinaryTypes::numbers,
          false,
          loop<F, float>,
          loop<F, double>,
          loop<F, int64_t>,
          loop<F, uint64_t>};
}
template <class F>
constexpr BinaryKernels integers(std::string_view name, F) {
  return {name, BinaryTypes::integers, false, nullptr, nullptr, loop<F, int64_t>, loop<F, uint64_t>};
}
template <class F>
constexpr BinaryKernels logical(std::string_view name, F) {
  return {name, BinaryTypes::logical, false, nullptr, nullptr, nullptr, loop<F, uint64_t>};
}
template <class F>
constexpr BinaryKernels comparison(std::string_view name, BinaryTypes types, F) {
  return {name, types, true, loop<F, float>, loop<F, double>, loop<F, int64_t>, loop<F, uint64_t>};
}

/// Signed overflow is undefined in C++: integers are added, subtracted and multiplied as unsigned ones.
template <class T>
auto wrapping(T v) {
  if constexpr (std::is_integral_v<T>)
    return static_cast<uint64_t>(v);
  else
    return v;
}

template <class T>
T divide(T a, T b) {
  if constexpr (std::is_signed_v<T> && std::is_integral_v<T>)
    if (b == -1) return static_cast<T>(0 - wrapping(a));
  return a / b;
}

template <class T>
T modulo(T a, T b, bool fmod) {
  if constexpr (std::is_floating_point_v<T>) {
    const T rest = std::fmod(a, b);
    if (fmod || std::isnan(rest)) return rest;
    if (rest == 0) return std::copysign(rest, b);
    return std::signbit(rest) != std::signbit(b) ? rest + b : rest;
  } else if constexpr (std::is_unsigned_v<T>) {
    return a % b;
  } else {
    if (b == -1) return 0;
    const T rest = a % b;
    return !fmod && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  }
}

template <class T>
T integer_power(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) {
      if (base == 1) return 1;
      if (base == -1) return exponent % 2 == 0 ? 1 : -1;
      return 0;
    }
  }
  uint64_t factor = wrapping(base);
  uint64_t out = 1;
  for (uint64_t e = wrapping(exponent); e != 0; e >>= 1) {
    if (e & 1) out *= factor;
    factor *= factor;
  }
  return static_cast<T>(out);
}

template <class T>
T power(T a, T b) {
  if constexpr (std::is_integral_v<T>)
    return integer_power(a, b);
  else
    return b == T(2) ? a * a : std::pow(a, b);
}

/// The smaller (larger) one; NaN if either is NaN.
template <class T>
T minimum(T a, T b) {
  return a < b || a != a ? a : b;
}
template <class T>
T maximum(T a, T b) {
  return a > b || a != a ? a : b;
}

/// Negative shifts and those beyond the width leave copies of the sign bit (right) or 0 (left). Narrow types
/// come widened and are cut when stored.
template <class T>
T shift(T a, T b, bool right) {
  const auto bits = static_cast<uint64_t>(b);
  if (right) return bits < 64 ? a >> bits : static_cast<T>(a < 0 ? -1 : 0);
  return bits < 64 ? static_cast<T>(static_cast<uint64_t>(a) << bits) : T{0};
}

constexpr BinaryKernels table[] = {
    numbers("Add", [](auto a, auto b, const Attrs&) { return wrapping(a) + wrapping(b); }),
    numbers("Sub", [](auto a, auto b, const Attrs&) { return wrapping(a) - wrapping(b); }),
    numbers("Mul", [](auto a, auto b, const Attrs&) { return wrapping(a) * wrapping(b); }),
    numbers("Div", [](auto a, auto b, const Attrs&) { return divide(a, b); }),
    numbers("Mod", [](auto a, auto b, const Attrs& attrs) { return modulo(a, b, attrs.fmod); }),
    numbers("Pow", [](auto a, auto b, const Attrs&) { return power(a, b); }),
    numbers("Min", [](auto a, auto b, const Attrs&) { return minimum(a, b); }),
    numbers("Max", [](auto a, auto b, const Attrs&) { return maximum(a, b); }),
    numbers("PRelu", [](auto a, auto b, const Attrs&) { return a < decltype(a){0} ? a * b : a; }),
    logical("And", [](auto a, auto b, const Attrs&) { return a & b; }),
    logical("Or", [](auto a, auto b, const Attrs&) { return a | b; }),
    logical("Xor", [](auto a, auto b, const Attrs&) { return a ^ b; }),
    integers("BitwiseAnd", [](auto a, auto b, const Attrs&) { return a & b; }),
    integers("BitwiseOr", [](auto a, auto b, const Attrs&) { return a | b; }),
    integers("BitwiseXor", [](auto a, auto b, const Attrs&) { return a ^ b; }),
    integers("BitShift", [](auto a, auto b, const Attrs& attrs) { return shift(a, b, attrs.shift_right); }),
    comparison("Equal", BinaryTypes::any, [](auto a, auto b, const Attrs&) { return a == b; }),
    comparison("Greater", BinaryTypes::numbers, [](auto a, auto b, const Attrs&) { return a > b; }),
    comparison("GreaterOrEqual", BinaryTypes::numbers, [](auto a, auto b, const Attrs&) { return a >= b; }),
    comparison("Less", BinaryTypes::numbers, [](auto a, auto b, const Attrs&) { return a < b; }),
    comparison("LessOrEqual", BinaryTypes::numbers, [](auto a, auto b, const Attrs&) { return a <= b; }),
};

}  // namespace

const BinaryKernels& binary_kernels(std::string_view name) {
  for (const BinaryKernels& kernels : table)
    if (kernels.name == name) return kernels;
  fail(ErrorCode::internal, "there are no kernels of {}", name);
}

}  // namespace spinel::ops
