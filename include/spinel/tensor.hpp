// Tensors: an element type, dims and a buffer that is owned or borrowed.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <spinel/error.hpp>

namespace spinel {

/// Element types, numbered as in ONNX's TensorProto.DataType.
enum class DType : int32_t {
  undefined = 0,
  float32 = 1,
  uint8 = 2,
  int8 = 3,
  uint16 = 4,
  int16 = 5,
  int32 = 6,
  int64 = 7,
  string = 8,
  boolean = 9,
  float16 = 10,
  float64 = 11,
  uint32 = 12,
  uint64 = 13,
  complex64 = 14,
  complex128 = 15,
  bfloat16 = 16,
  float8e4m3fn = 17,
  float8e4m3fnuz = 18,
  float8e5m2 = 19,
  float8e5m2fnuz = 20,
  uint4 = 21,
  int4 = 22,
  float4e2m1 = 23,
  float8e8m0 = 24,
  uint2 = 25,
  int2 = 26,
};

/// The numpy-style name: "float32", "int64", "bool" ...
std::string_view dtype_name(DType dtype) noexcept;
/// The inverse of dtype_name; "fp16", "fp32", "half", "float" and "double" are understood too. Throws Error.
DType parse_dtype(std::string_view name);
/// Bits of one element: 4 for the packed int4 types, 2 for int2; 0 for string and undefined.
int dtype_bits(DType dtype) noexcept;
bool is_known_dtype(int32_t onnx_number) noexcept;

/// IEEE 754 binary16 storage.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  explicit Half(float value) noexcept;  ///< Rounds to nearest even; overflows to infinity.
  explicit operator float() const noexcept;
};
/// The upper half of an IEEE 754 binary32.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) noexcept;  ///< Rounds to nearest even.
  explicit operator float() const noexcept;
};

using Dims = std::vector<int64_t>;

/// "[1, 3, 224, 224]"
std::string dims_text(std::span<const int64_t> dims);
/// Product of dims (1 for a scalar). Throws Error if a dim is negative or the product of those that are not 0
/// overflows.
int64_t element_count(std::span<const int64_t> dims);
/// Bytes of a dense tensor; packed types are rounded up to whole bytes. Throws Error on overflow.
size_t tensor_bytes(DType dtype, std::span<const int64_t> dims);

template <class T>
struct dtype_of;
#define SPINEL_DTYPE_OF(type, name)             \
  template <>                                   \
  struct dtype_of<type> {                       \
    static constexpr DType value = DType::name; \
  };
SPINEL_DTYPE_OF(float, float32)
SPINEL_DTYPE_OF(double, float64)
SPINEL_DTYPE_OF(uint8_t, uint8)
SPINEL_DTYPE_OF(int8_t, int8)
SPINEL_DTYPE_OF(uint16_t, uint16)
SPINEL_DTYPE_OF(int16_t, int16)
SPINEL_DTYPE_OF(uint32_t, uint32)
SPINEL_DTYPE_OF(int32_t, int32)
SPINEL_DTYPE_OF(uint64_t, uint64)
SPINEL_DTYPE_OF(int64_t, int64)
SPINEL_DTYPE_OF(bool, boolean)
SPINEL_DTYPE_OF(Half, float16)
SPINEL_DTYPE_OF(BFloat16, bfloat16)
SPINEL_DTYPE_OF(std::string, string)
#undef SPINEL_DTYPE_OF

/// A dense, C-contiguous (row-major) tensor. Copies share the buffer; clone() makes an independent one.
/// Not synchronised: concurrent reads are fine, writes are the caller's to order.
class Tensor {
 public:
  /// An undefined tensor: dtype undefined, no data.
  Tensor() = default;
  /// An owned tensor, 64-byte aligned and zero-filled (strings empty). Throws Error on bad dims or no memory.
  Tensor(DType dtype, Dims dims);
  /// Like the above, but with unspecified contents (strings empty).
  static Tensor uninitialized(DType dtype, Dims dims);
  /// Borrows `data`, which must hold tensor_bytes(dtype, dims) and outlive every copy, unless `owner` keeps
  /// it alive. For DType::string `data` points to std::string objects.
  static Tensor view(DType dtype, Dims dims, void* data, std::shared_ptr<void> owner = nullptr);
  /// Makes this tensor what view() returns. Allocates nothing if it has held as many dims before.
  void become_view(DType dtype, std::span<const int64_t> dims, void* data,
                   std::shared_ptr<void> owner = nullptr);
  /// An owned copy of `values`.
  template <class T>
  static Tensor from(Dims dims, std::span<const T> values);
  template <class T>
  static Tensor from(Dims dims, std::initializer_list<T> values);
  template <class T>
  static Tensor scalar(T value);

  bool defined() const noexcept { return dtype_ != DType::undefined; }
  DType dtype() const noexcept { return dtype_; }
  const Dims& dims() const noexcept { return dims_; }
  int rank() const noexcept { return static_cast<int>(dims_.size()); }
  int64_t dim(int axis) const { return dims_[static_cast<size_t>(axis < 0 ? axis + rank() : axis)]; }
  int64_t element_count() const noexcept { return count_; }
  /// Bytes of the buffer; for strings the bytes of the std::string objects themselves.
  size_t size_bytes() const noexcept;
  /// Whether the buffer is kept alive by this tensor.
  bool owned() const noexcept { return owner_ != nullptr; }
  const std::shared_ptr<void>& owner() const noexcept { return owner_; }

  void* raw() noexcept { return data_; }
  const void* raw() const noexcept { return data_; }
  /// The elements. Throws Error if T is not this tensor's element type.
  template <class T>
  std::span<T> data();
  template <class T>
  std::span<const T> data() const;

  /// The same buffer under other dims of equal element count. Throws Error otherwise.
  Tensor reshaped(Dims dims) const;
  /// `count` rows from `begin` along axis 0, sharing the buffer (and its owner).
  Tensor rows(int64_t begin, int64_t count) const;
  /// An independent, owned copy.
  Tensor clone() const;

 private:
  void require_dtype(DType wanted) const;

  DType dtype_ = DType::undefined;
  Dims dims_;
  int64_t count_ = 0;
  void* data_ = nullptr;
  std::shared_ptr<void> owner_;
};

/// dtype and dims, for messages: "float32[1, 3, 224, 224]".
std::string describe(const Tensor& tensor);
/// Copies elements; dtype and element count must agree. Throws Error.
void copy_elements(const Tensor& from, Tensor& to);
/// Numeric conversion of every element between float32, float64, float16, bfloat16, integers and bool.
Tensor convert(const Tensor& tensor, DType dtype);

template <class T>
std::span<T> Tensor::data() {
  require_dtype(dtype_of<std::remove_const_t<T>>::value);
  return {static_cast<T*>(data_), static_cast<size_t>(count_)};
}
template <class T>
std::span<const T> Tensor::data() const {
  require_dtype(dtype_of<std::remove_const_t<T>>::value);
  return {static_cast<const T*>(data_), static_cast<size_t>(count_)};
}
template <class T>
Tensor Tensor::from(Dims dims, std::span<const T> values) {
  Tensor tensor(dtype_of<T>::value, std::move(dims));
  if (static_cast<size_t>(tensor.count_) != values.size())
    throw Error(ErrorCode::invalid_argument, "Tensor::from: " + std::to_string(values.size()) +
                                                 " values for dims " + dims_text(tensor.dims_));
  auto out = tensor.data<T>();
  for (size_t i = 0; i < values.size(); ++i) out[i] = values[i];
  return tensor;
}
template <class T>
Tensor Tensor::from(Dims dims, std::initializer_list<T> values) {
  if constexpr (std::is_same_v<T, bool>) {
    Tensor tensor(DType::boolean, std::move(dims));
    size_t i = 0;
    for (bool value : values) tensor.data<bool>()[i++] = value;
    return tensor;
  } else {
    return from<T>(std::move(dims), std::span<const T>(values.begin(), values.size()));
  }
}
template <class T>
Tensor Tensor::scalar(T value) {
  return from<T>({}, {value});
}

}  // namespace spinel
