// Conversions between float32 and the 16-bit and 8-bit float types.
#pragma once
#include <cstddef>
#include <cstdint>

#include <spinel/tensor.hpp>

namespace spinel {

uint16_t float_to_half(float value) noexcept;
float half_to_float(uint16_t bits) noexcept;
void floats_to_halves(const float* from, Half* to, size_t count) noexcept;
void halves_to_floats(const Half* from, float* to, size_t count) noexcept;

}  // namespace spinel
