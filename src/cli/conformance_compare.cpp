#include "cli/conformance_compare.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.hpp"

namespace spinel::cli {
namespace {

bool close(double got, double wanted, const Tolerance& tolerance) {
  if (std::isnan(got) || std::isnan(wanted)) return std::isnan(got) && std::isnan(wanted);
  if (std::isinf(got) || std::isinf(wanted)) return got == wanted;
  return std::fabs(got - wanted) <= tolerance.atol + tolerance.rtol * std::fabs(wanted);
}

std::string compare_numbers(std::span<const double> got, std::span<const double> wanted,
                            const Tolerance& tolerance) {
  for (size_t i = 0; i < got.size(); ++i)
    if (!close(got[i], wanted[i], tolerance))
      return fmt::format("element {} is {}, expected {}", i, got[i], wanted[i]);
  return {};
}

/// The real and imaginary parts, one after the other.
template <class T>
std::vector<double> parts_of(const Tensor& tensor) {
  const auto* parts = static_cast<const T*>(tensor.raw());
  return {parts, parts + 2 * tensor.element_count()};
}

/// Whether these bits are a NaN of an eight-bit float: https://onnx.ai/onnx/technical/float8.html
bool is_nan8(DType dtype, uint8_t bits) {
  switch (dtype) {
    case DType::float8e4m3fn:
      return (bits & 0x7f) == 0x7f;
    case DType::float8e5m2:
      return (bits & 0x7f) > 0x7c;
    case DType::float8e4m3fnuz:
    case DType::float8e5m2fnuz:
      return bits == 0x80;
    case DType::float8e8m0:
      return bits == 0xff;
    default:
      return false;
  }
}

bool is_integer(DType dtype) {
  switch (dtype) {
    case DType::uint8:
    case DType::int8:
    case DType::uint16:
    case DType::int16:
    case DType::uint32:
    case DType::int32:
    case DType::uint64:
    case DType::int64:
    case DType::boolean:
      return true;
    default:
      return false;
  }
}

std::string compare_bits(const Tensor& got, const Tensor& wanted) {
  const auto bits = static_cast<size_t>(dtype_bits(wanted.dtype()));
  const auto* a = static_cast<const uint8_t*>(got.raw());
  const auto* b = static_cast<const uint8_t*>(wanted.raw());
  const size_t all_bits = static_cast<size_t>(wanted.element_count()) * bits;
  for (size_t i = 0; i < wanted.size_bytes(); ++i) {
    // What follows the last packed element says nothing.
    const size_t left = all_bits - 8 * i;
    const auto mask = static_cast<uint8_t>(left >= 8 ? 0xff : (1u << left) - 1);
    if ((a[i] & mask) == (b[i] & mask)) continue;
    if (is_nan8(wanted.dtype(), a[i]) && is_nan8(wanted.dtype(), b[i])) continue;
    const size_t element = 8 * i / bits;
    if (!is_integer(wanted.dtype()))
      return fmt::format("element {} differs: byte {:#04x}, expected {:#04x}", element, a[i], b[i]);
    const auto number = [&](const Tensor& tensor) {
      return convert(tensor, DType::int64).data<int64_t>()[element];
    };
    return fmt::format("element {} is {}, expected {}", element, number(got), number(wanted));
  }
  return {};
}

std::string compare_tensors(const Tensor& got, const Tensor& wanted, const Tolerance& tolerance) {
  if (got.dtype() != wanted.dtype() || got.dims() != wanted.dims())
    return describe(got) + ", expected " + describe(wanted);
  if (got.dtype() == DType::string) {
    const auto a = got.data<std::string>();
    const auto b = wanted.data<std::string>();
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i] != b[i]) return fmt::format("element {} is '{}', expected '{}'", i, a[i], b[i]);
    return {};
  }
  if (got.dtype() == DType::complex64)
    return compare_numbers(parts_of<float>(got), parts_of<float>(wanted), tolerance);
  if (got.dtype() == DType::complex128)
    return compare_numbers(parts_of<double>(got), parts_of<double>(wanted), tolerance);
  if (!is_wide_float(got.dtype())) return compare_bits(got, wanted);
  const Tensor a = convert(got, DType::float64);
  const Tensor b = convert(wanted, DType::float64);
  return compare_numbers(a.data<double>(), b.data<double>(), tolerance);
}

std::string text_of(const Value& value) {
  if (value.is_tensor()) return describe(value.tensor());
  return value.empty() ? "empty" : fmt::format("a sequence of {}", value.sequence().size());
}

}  // namespace

bool is_wide_float(DType dtype) {
  return dtype == DType::float16 || dtype == DType::bfloat16 || dtype == DType::float32 ||
         dtype == DType::float64;
}

std::string difference(const Value& got, const Value& wanted, const Tolerance& tolerance) {
  if (got.empty() && wanted.empty()) return {};
  if (got.is_tensor() && wanted.is_tensor()) return compare_tensors(got.tensor(), wanted.tensor(), tolerance);
  if (!got.is_sequence() || !wanted.is_sequence() || got.sequence().size() != wanted.sequence().size())
    return text_of(got) + ", expected " + text_of(wanted);
  for (size_t i = 0; i < got.sequence().size(); ++i)
    if (auto found = difference(got.sequence()[i], wanted.sequence()[i], tolerance); !found.empty())
      return fmt::format("[{}]: {}", i, found);
  return {};
}

}  // namespace spinel::cli
