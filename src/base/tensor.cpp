#include <spinel/tensor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "base/allocate.hpp"
#include "base/cancel.hpp"
#include "base/half.hpp"
#include "base/text.hpp"

namespace spinel {
namespace {

struct DTypeInfo {
  std::string_view name;
  int bits;
};
constexpr std::array<DTypeInfo, 27> dtype_table{{
    {"undefined", 0},      {"float32", 32},  {"uint8", 8},        {"int8", 8},           {"uint16", 16},
    {"int16", 16},         {"int32", 32},    {"int64", 64},       {"string", 0},         {"bool", 8},
    {"float16", 16},       {"float64", 64},  {"uint32", 32},      {"uint64", 64},        {"complex64", 64},
    {"complex128", 128},   {"bfloat16", 16}, {"float8e4m3fn", 8}, {"float8e4m3fnuz", 8}, {"float8e5m2", 8},
    {"float8e5m2fnuz", 8}, {"uint4", 4},     {"int4", 4},         {"float4e2m1", 4},     {"float8e8m0", 8},
    {"uint2", 2},          {"int2", 2},
}};
constexpr size_t alignment_bytes = 64;

std::shared_ptr<void> allocate(DType dtype, int64_t count, size_t bytes, bool zero) {
  if (dtype == DType::string) {
    auto* strings = new std::string[static_cast<size_t>(count)];
    return {strings, [](void* p) { delete[] static_cast<std::string*>(p); }};
  }
  std::shared_ptr<void> owner =
      zero ? allocate_zeroed_block(bytes, alignment_bytes) : allocate_block(bytes, alignment_bytes);
  if (owner == nullptr) throw std::bad_alloc();
  return owner;
}

template <class From, class To>
To convert_value(From value) {
  if constexpr (std::is_same_v<From, Half> || std::is_same_v<From, BFloat16>) {
    return convert_value<float, To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, Half> || std::is_same_v<To, BFloat16>) {
    return To(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    // Out-of-range conversions are undefined in C++; they saturate here and NaN becomes 0.
    if (std::isnan(value)) return To{0};
    const auto low = static_cast<From>(std::numeric_limits<To>::min());
    const auto high = static_cast<From>(std::numeric_limits<To>::max());
    if (value <= low) return std::numeric_limits<To>::min();
    if (value >= high) return std::numeric_limits<To>::max();
    return static_cast<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class Fn>
bool with_numeric_type(DType dtype, Fn&& fn) {
  switch (dtype) {
    case DType::float32:
      fn(float{});
      return true;
    case DType::float64:
      fn(double{});
      return true;
    case DType::float16:
      fn(Half{});
      return true;
    case DType::bfloat16:
      fn(BFloat16{});
      return true;
    case DType::uint8:
      fn(uint8_t{});
      return true;
    case DType::int8:
      fn(int8_t{});
      return true;
    case DType::uint16:
      fn(uint16_t{});
      return true;
    case DType::int16:
      fn(int16_t{});
      return true;
    case DType::uint32:
      fn(uint32_t{});
      return true;
    case DType::int32:
      fn(int32_t{});
      return true;
    case DType::uint64:
      fn(uint64_t{});
      return true;
    case DType::int64:
      fn(int64_t{});
      return true;
    case DType::boolean:
      fn(bool{});
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view dtype_name(DType dtype) noexcept {
  const auto index = static_cast<size_t>(dtype);
  return index < dtype_table.size() ? dtype_table[index].name : "unknown";
}

DType parse_dtype(std::string_view name) {
  for (size_t i = 1; i < dtype_table.size(); ++i)
    if (dtype_table[i].name == name) return static_cast<DType>(i);
  if (name == "fp16" || name == "half") return DType::float16;
  if (name == "fp32" || name == "float") return DType::float32;
  if (name == "double") return DType::float64;
  fail(ErrorCode::invalid_argument, "dtype '{}' is not known; use a numpy name such as float32 or float16",
       name);
}

int dtype_bits(DType dtype) noexcept {
  const auto index = static_cast<size_t>(dtype);
  return index < dtype_table.size() ? dtype_table[index].bits : 0;
}

bool is_known_dtype(int32_t onnx_number) noexcept {
  return onnx_number > 0 && static_cast<size_t>(onnx_number) < dtype_table.size();
}

std::string dims_text(std::span<const int64_t> dims) { return fmt::format("[{}]", fmt::join(dims, ", ")); }

int64_t element_count(std::span<const int64_t> dims) {
  // A zero does not excuse the others: strides are products of dims, too, and must not overflow.
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : dims) {
    if (dim < 0) fail(ErrorCode::invalid_argument, "dims {} hold a negative number", dims_text(dims));
    empty |= dim == 0;
    if (dim != 0 && __builtin_mul_overflow(count, dim, &count))
      fail(ErrorCode::invalid_argument, "dims {} multiply to more elements than 64 bits hold",
           dims_text(dims));
  }
  return empty ? 0 : count;
}

size_t tensor_bytes(DType dtype, std::span<const int64_t> dims) {
  const int64_t count = element_count(dims);
  const int64_t bits =
      dtype == DType::string ? static_cast<int64_t>(sizeof(std::string) * 8) : dtype_bits(dtype);
  int64_t total;
  if (__builtin_mul_overflow(count, bits, &total) || total > std::numeric_limits<int64_t>::max() - 7)
    fail(ErrorCode::invalid_argument, "{}{} is larger than the address space", dtype_name(dtype),
         dims_text(dims));
  return static_cast<size_t>((total + 7) / 8);
}

Tensor::Tensor(DType dtype, Dims dims)
    : dtype_(dtype), dims_(std::move(dims)), count_(spinel::element_count(dims_)) {
  owner_ = allocate(dtype_, count_, tensor_bytes(dtype_, dims_), true);
  data_ = owner_.get();
}

Tensor Tensor::uninitialized(DType dtype, Dims dims) {
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.dims_ = std::move(dims);
  tensor.count_ = spinel::element_count(tensor.dims_);
  tensor.owner_ = allocate(dtype, tensor.count_, tensor_bytes(dtype, tensor.dims_), false);
  tensor.data_ = tensor.owner_.get();
  return tensor;
}

Tensor Tensor::view(DType dtype, Dims dims, void* data, std::shared_ptr<void> owner) {
  Tensor tensor;
  tensor.dims_ = std::move(dims);
  tensor.become_view(dtype, tensor.dims_, data, std::move(owner));
  return tensor;
}

void Tensor::become_view(DType dtype, std::span<const int64_t> dims, void* data,
                         std::shared_ptr<void> owner) {
  count_ = spinel::element_count(dims);
  dtype_ = dtype;
  if (dims.data() != dims_.data()) dims_.assign(dims.begin(), dims.end());
  data_ = data;
  owner_ = std::move(owner);
}

size_t Tensor::size_bytes() const noexcept {
  const auto bits =
      dtype_ == DType::string ? sizeof(std::string) * 8 : static_cast<size_t>(dtype_bits(dtype_));
  return (static_cast<size_t>(count_) * bits + 7) / 8;
}

Tensor Tensor::reshaped(Dims dims) const {
  Tensor out = *this;
  if (spinel::element_count(dims) != count_)
    fail(ErrorCode::invalid_argument, "{} cannot be reshaped to {}", describe(*this), dims_text(dims));
  out.dims_ = std::move(dims);
  return out;
}

Tensor Tensor::rows(int64_t begin, int64_t count) const {
  if (dims_.empty() || begin < 0 || count < 0 || begin > dims_[0] - count)
    fail(ErrorCode::invalid_argument, "rows {} to {} of {} do not exist", begin, begin + count,
         describe(*this));
  Tensor out = *this;
  out.dims_[0] = count;
  out.count_ = spinel::element_count(out.dims_);
  const size_t row_bytes = dims_[0] == 0 ? 0 : size_bytes() / static_cast<size_t>(dims_[0]);
  out.data_ = static_cast<std::byte*>(data_) + row_bytes * static_cast<size_t>(begin);
  return out;
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor out = uninitialized(dtype_, dims_);
  copy_elements(*this, out);
  return out;
}

void Tensor::require_dtype(DType wanted) const {
  if (dtype_ != wanted)
    fail(ErrorCode::invalid_argument, "tensor holds {}, not {}", dtype_name(dtype_), dtype_name(wanted));
}

std::string describe(const Tensor& tensor) {
  return fmt::format("{}{}", dtype_name(tensor.dtype()), dims_text(tensor.dims()));
}

void copy_elements(const Tensor& from, Tensor& to) {
  if (from.dtype() != to.dtype() || from.element_count() != to.element_count())
    fail(ErrorCode::invalid_argument, "cannot copy {} into {}", describe(from), describe(to));
  if (from.raw() == to.raw() || from.element_count() == 0) return;
  if (from.dtype() == DType::string)
    std::ranges::copy(from.data<std::string>(), to.data<std::string>().begin());
  else
    copy_bytes(to.raw(), from.raw(), from.size_bytes());
}

/// Elements that are converted before a cancelled load is noticed.
static constexpr size_t convert_piece = size_t{1} << 20;

Tensor convert(const Tensor& tensor, DType dtype) {
  if (tensor.dtype() == dtype) return tensor;
  Tensor out = Tensor::uninitialized(dtype, tensor.dims());
  bool known = false;
  with_numeric_type(tensor.dtype(), [&](auto from) {
    known = with_numeric_type(dtype, [&](auto to) {
      const auto source = tensor.data<decltype(from)>();
      auto target = out.data<decltype(to)>();
      for (size_t begin = 0; begin < source.size(); begin += convert_piece) {
        check_load_cancelled();
        const size_t end = std::min(source.size(), begin + convert_piece);
        if constexpr (std::is_same_v<decltype(from), Half> && std::is_same_v<decltype(to), float>)
          halves_to_floats(&source[begin], &target[begin], end - begin);
        else if constexpr (std::is_same_v<decltype(from), float> && std::is_same_v<decltype(to), Half>)
          floats_to_halves(&source[begin], &target[begin], end - begin);
        else
          for (size_t i = begin; i < end; ++i)
            target[i] = convert_value<decltype(from), decltype(to)>(source[i]);
      }
    });
  });
  if (!known)
    fail(ErrorCode::unsupported, "no conversion from {} to {}", dtype_name(tensor.dtype()),
         dtype_name(dtype));
  return out;
}

}  // namespace spinel
