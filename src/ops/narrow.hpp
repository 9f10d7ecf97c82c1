// Numbers of 8 bits and less that are no machine type: float8, float4, and 4-bit and 2-bit integers packed
// into bytes.
#pragma once
#include <cstdint>

#include <spinel/tensor.hpp>

namespace spinel::ops {

/// How a value that lies between two float8e8m0 numbers (powers of two) is rounded.
enum class PowerRounding { up, down, nearest };

/// How numbers become 8-bit floats.
struct NarrowRules {
  bool saturate = true;  ///< Too large: the largest number. Else infinity where the type has it, or NaN.
  PowerRounding power = PowerRounding::up;  ///< For float8e8m0 alone.
};

/// The five 8-bit floats and float4e2m1.
bool is_small_float(DType dtype) noexcept;
/// uint4, int4, uint2 and int2.
bool is_small_int(DType dtype) noexcept;
/// Whether several elements share a byte: the small integers and float4e2m1.
bool is_packed(DType dtype) noexcept;
/// Lowest and highest number of an integer type of at most 16 bits.
struct IntRange {
  int32_t low;
  int32_t high;
};
/// Throws Error(unsupported) for any other type.
IntRange int_range(DType dtype);

/// The number that a code of a small float stands for; exact.
float small_to_float(DType dtype, uint8_t code) noexcept;
/// Rounds to nearest even. float4e2m1 always saturates, and NaN becomes -0; float8e8m0 drops the sign.
/// As ONNX's Cast defines them.
uint8_t small_from(DType dtype, double value, NarrowRules rules) noexcept;

/// The codes, one a byte, of `count` elements of a packed tensor; and back. A begin in the middle of a byte
/// is fine when unpacking. pack_codes() must begin at a whole byte; bits behind its last element become 0.
void unpack_codes(const Tensor& tensor, int64_t begin, int64_t count, uint8_t* codes);
void pack_codes(const uint8_t* codes, Tensor& tensor, int64_t begin, int64_t count);

/// load() of ops/numeric.hpp for all types that have numbers, narrow ones too. C is float, double, int64_t or
/// uint64_t; count is at most chunk_elements.
template <class C>
const C* load_any(const Tensor& tensor, int64_t begin, int64_t count, C* buffer);
/// store() of ops/numeric.hpp, likewise; a packed tensor is written from whole bytes on. Small integers take
/// the low bits; floats are truncated to an integer before.
template <class C>
void store_any(const C* values, Tensor& tensor, int64_t begin, int64_t count, NarrowRules rules = {});

}  // namespace spinel::ops
