// What a load looks for in weights, and their rounding to float16.
#include "cpu/kernels/weights.hpp"

#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int32_t no_sign = 0x7fffffff;
constexpr int32_t infinity = 0x7f800000;

/// Of counts that are negative, one a lane.
int64_t negative_sum(IntVec counts) {
  int64_t sum = 0;
  for (int i = 0; i < vector_floats; ++i) sum -= counts[i];
  return sum;
}

template <class T>
WeightFacts weigh_of(const T* from, int64_t count) {
  IntVec zeros{};
  IntVec beyond{};
  for (int64_t n = 0; n < count; n += vector_floats) {
    const IntVec size = as_int(load_some(from + n, count - n)) & no_sign;
    zeros += size == 0;
    beyond |= size >= infinity;
  }
  // Lanes behind the last element were loaded as zeros.
  const int64_t missing = -count & (vector_floats - 1);
  return {.finite = negative_sum(beyond) == 0, .zeros = negative_sum(zeros) - missing};
}

}  // namespace

WeightFacts weigh(bool half, const void* from, int64_t count) {
  return half ? weigh_of(static_cast<const uint16_t*>(from), count)
              : weigh_of(static_cast<const float*>(from), count);
}

HalfRounding round_weights(const float* from, int64_t count, uint16_t* to) {
  constexpr int32_t greatest = 0x477fe000;   // 65504
  constexpr int32_t last_zero = 0x33000000;  // 2^-25, half of the least float16, is rounded to even.
  IntVec clamped{};
  IntVec flushed{};
  for (int64_t n = 0; n < count; n += vector_floats) {
    const IntVec x = as_int(load_some(from + n, count - n));
    const IntVec size = x & no_sign;
    const IntVec clamps = (size > greatest) & (size < infinity);
    clamped += clamps;
    flushed += (size > 0) & (size <= last_zero);
    store_some(to + n, as_float(clamps ? (x ^ size) | greatest : x), count - n);
  }
  return {.clamped = negative_sum(clamped), .flushed = negative_sum(flushed)};
}

}  // namespace spinel::cpu::SPINEL_ISA
