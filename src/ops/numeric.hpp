// Numbers of any type through a few wide ones: a kernel is written for float, double, int64 and uint64 only.
#pragma once
#include <cstdint>

#include <spinel/tensor.hpp>

namespace spinel::ops {

/// The wide type in which elements are computed: float for float32 and the 16-bit floats (which are rounded
/// once, when stored), double for float64, int64 and uint64 for the integers (narrower ones wrap when
/// stored) and bool (0 or 1).
enum class Domain { float32, float64, int64, uint64, none };

/// `none` for types without arithmetic (strings, complex, packed and 8-bit floats).
Domain domain_of(DType dtype) noexcept;
bool is_float(DType dtype) noexcept;
/// The integer types, bool not included.
bool is_integer(DType dtype) noexcept;

/// How many elements load() and store() are called with at most, where buffers stand on the stack.
constexpr int64_t chunk_elements = 512;

/// `count` elements from `begin` on as type C (float, double, int64_t, uint64_t): in place if they are stored
/// so, else converted into `buffer`. Floats become integers as store() does it.
template <class C>
const C* load(const Tensor& tensor, int64_t begin, int64_t count, C* buffer);

/// Where results may be written: in place if `tensor` stores C, else `buffer`; store() finishes either.
template <class C>
C* store_target(Tensor& tensor, int64_t begin, C* buffer);
/// Converts results into the tensor. Integers wrap; floats that become integers are truncated, saturate, and
/// NaN becomes 0; anything but 0 is true.
template <class C>
void store(const C* values, Tensor& tensor, int64_t begin, int64_t count);

}  // namespace spinel::ops
