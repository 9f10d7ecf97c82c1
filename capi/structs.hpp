// Reading and writing the caller's structs that begin with struct_size, whatever version of the header the
// caller was compiled with.
#pragma once
#include <algorithm>
#include <cstring>
#include <type_traits>

#include "boundary.hpp"

namespace spinel::capi {

/// Bytes that the struct had in the first release: the least that struct_size may say.
template <class T>
inline constexpr size_t first_size_bytes = 0;
#define SPINEL_FIRST_SIZE(type, last_field) \
  template <>                               \
  inline constexpr size_t first_size_bytes<type> = offsetof(type, last_field) + sizeof(type::last_field)
SPINEL_FIRST_SIZE(spinel_tensor, owner);
SPINEL_FIRST_SIZE(spinel_limits, max_image_pixels);
SPINEL_FIRST_SIZE(spinel_engine_options, log_user);
SPINEL_FIRST_SIZE(spinel_tensor_info, kind);
SPINEL_FIRST_SIZE(spinel_engine_info, threads_per_spa);
SPINEL_FIRST_SIZE(spinel_memory_report, reserved);
SPINEL_FIRST_SIZE(spinel_preprocess_options, limits);
SPINEL_FIRST_SIZE(spinel_image, name);
SPINEL_FIRST_SIZE(spinel_pass_info, enabled);
SPINEL_FIRST_SIZE(spinel_layer_time, flops);
SPINEL_FIRST_SIZE(spinel_layer_value, input_count);
SPINEL_FIRST_SIZE(spinel_check_options, tolerance);
SPINEL_FIRST_SIZE(spinel_simplify_options, custom_ops);
SPINEL_FIRST_SIZE(spinel_convert_options, custom_ops);
SPINEL_FIRST_SIZE(spinel_tool_info, bit_equal);
SPINEL_FIRST_SIZE(spinel_loader_options, reserved);
SPINEL_FIRST_SIZE(spinel_ledger, dropped);
SPINEL_FIRST_SIZE(spinel_batch_info, wait_seconds);
SPINEL_FIRST_SIZE(spinel_accuracy_counts, topk);
SPINEL_FIRST_SIZE(spinel_difference, mismatched_nonfinite);
#undef SPINEL_FIRST_SIZE

/// Above this a struct_size was never set.
inline constexpr size_t largest_struct_bytes = 4096;

/// The caller's struct_size. Throws Misuse if the pointer is NULL or the size cannot be right.
template <class T>
size_t checked_struct_size(const T* pointer, const char* argument) {
  require(pointer, argument);
  size_t size_bytes;
  std::memcpy(&size_bytes, pointer, sizeof size_bytes);
  if (size_bytes < first_size_bytes<T> || size_bytes > largest_struct_bytes)
    misuse("{}->struct_size is {}; set it to sizeof the struct, which is {}", argument, size_bytes,
           sizeof(T));
  return size_bytes;
}

/// The caller's array of structs, walked by the size that its elements state.
template <class T>
class StructArray {
 public:
  StructArray(T* first, size_t count, size_t stride_bytes)
      : first_(first), count_(count), stride_bytes_(stride_bytes) {}
  size_t size() const noexcept { return count_; }
  T& operator[](size_t index) const noexcept {
    using Byte = std::conditional_t<std::is_const_v<T>, const char, char>;
    return *reinterpret_cast<T*>(reinterpret_cast<Byte*>(first_) + index * stride_bytes_);
  }

 private:
  T* first_;
  size_t count_;
  size_t stride_bytes_;
};

/// Throws Misuse if the array is NULL though count is not 0, or its elements' struct_size are wrong or
/// differ.
template <class T>
StructArray<T> struct_array(T* first, size_t count, const char* argument) {
  require_array(first, count, argument);
  if (count == 0) return {first, 0, sizeof(T)};
  const StructArray<T> array(first, count, checked_struct_size(first, argument));
  for (size_t i = 1; i < count; ++i)
    if (array[i].struct_size != first->struct_size)
      misuse("{}[{}].struct_size is {}, that of {}[0] is {}; they must be equal", argument, i,
             array[i].struct_size, argument, first->struct_size);
  return array;
}

/// What an init function does: `defaults` as far as the caller's struct reaches, the rest of it zeroed.
template <class T>
void init_struct(T* target, size_t struct_size, T defaults) noexcept {
  if (target == nullptr) return;
  defaults.struct_size = struct_size;
  std::memcpy(target, &defaults, std::min(struct_size, sizeof(T)));
  if (struct_size > sizeof(T))
    std::memset(reinterpret_cast<char*>(target) + sizeof(T), 0, struct_size - sizeof(T));
}

/// A copy of the caller's struct; `defaults` fills in what an older caller does not know. Throws Misuse; a
/// newer caller's field that this library does not know, if it is not zero, is Error(unsupported).
template <class T>
T read_struct(const T* source, const char* argument, T defaults) {
  const size_t size_bytes = checked_struct_size(source, argument);
  std::memcpy(&defaults, source, std::min(size_bytes, sizeof(T)));
  const auto* bytes = reinterpret_cast<const char*>(source);
  for (size_t i = sizeof(T); i < size_bytes; ++i)
    if (bytes[i] != 0)
      fail(ErrorCode::unsupported,
           "{} sets an option at byte {} that Spinel {} does not know; use the header of the library",
           argument, i, spinel_version());
  return defaults;
}

/// Fills the caller's struct, which has been checked, as far as it reaches.
template <class T>
void write_struct(T* target, T value) noexcept {
  init_struct(target, target->struct_size, value);
}

}  // namespace spinel::capi
