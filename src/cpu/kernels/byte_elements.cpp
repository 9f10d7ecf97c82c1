// 8-bit integers that stand for numbers, element by element.
#include "cpu/kernels/byte_elements.hpp"

#include "cpu/kernels/simd.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int64_t block = 64;

/// Quotients as bytes: limited, rounded, and only then moved by the zero point.
struct Limits {
  float low, high;
  int32_t zero_point;

  explicit Limits(const ByteNumbers& numbers)
      : low(static_cast<float>((numbers.is_signed ? -128 : 0) - numbers.zero_point)),
        high(low + 255),
        zero_point(numbers.zero_point) {}
  uint8_t byte(float quotient) const {
    constexpr float magic = 12582912.0F;  // 1.5 * 2^23: adding it leaves no bit for a fraction.
    const float above = quotient > low ? quotient : low;
    const float limited = above < high ? above : high;
    return static_cast<uint8_t>(static_cast<int32_t>((limited + magic) - magic) + zero_point);
  }
};

template <bool Multiplies, class T>
void combine_block(const T* a, const T* b, int64_t count, const ByteBinary& bytes, const Limits& limits,
                   uint8_t* to) {
  const ByteNumbers& an = bytes.a_numbers;
  const ByteNumbers& bn = bytes.b_numbers;
  const float scale = bytes.to_numbers.scale;
  for (int64_t i = 0; i < count; ++i) {
    const float x = static_cast<float>(a[i] - an.zero_point) * an.scale;
    const float y = static_cast<float>(b[i] - bn.zero_point) * bn.scale;
    to[i] = limits.byte((Multiplies ? x * y : x + y) / scale);
  }
}

template <bool Multiplies, class T>
void combine_of(const ByteBinary& bytes) {
  const Limits limits(bytes.to_numbers);
  const auto* a = static_cast<const T*>(bytes.a);
  const auto* b = static_cast<const T*>(bytes.b);
  auto* to = static_cast<uint8_t*>(bytes.to);
  // Through memory of its own, so that the compiler need not fear that `to` is an operand.
  uint8_t out[block];
  for (int64_t at = 0; at < bytes.count; at += block) {
    const int64_t count = bytes.count - at < block ? bytes.count - at : block;
    if (count == block)
      combine_block<Multiplies>(a + at, b + at, block, bytes, limits, out);
    else
      combine_block<Multiplies>(a + at, b + at, count, bytes, limits, out);
    __builtin_memcpy(to + at, out, static_cast<size_t>(count));
  }
}

template <class T>
void quantize_of(const T* from, int64_t count, const ByteNumbers& numbers, uint8_t* to) {
  const Limits limits(numbers);
  const Vec scale = broadcast(numbers.scale);
  for (int64_t at = 0; at < count; at += block) {
    const int64_t length = count - at < block ? count - at : block;
    float quotients[block];
    for (int64_t i = 0; i < length; i += vector_floats)
      store(quotients + i, load_some(from + at + i, length - i) / scale);
    for (int64_t i = 0; i < length; ++i) to[at + i] = limits.byte(quotients[i]);
  }
}

template <class T>
void range_of(const T* from, int64_t count, float* low, float* high) {
  constexpr int sums = 4;
  Vec lows[sums] = {};
  Vec highs[sums] = {};
  int64_t i = 0;
  for (; i + sums * vector_floats <= count; i += sums * vector_floats)
    for (int s = 0; s < sums; ++s) {
      const Vec x = load(from + i + s * vector_floats);
      lows[s] = min(x, lows[s]);
      highs[s] = max(x, highs[s]);
    }
  for (; i < count; i += vector_floats) {
    const Vec x = load_some(from + i, count - i);
    lows[0] = min(x, lows[0]);
    highs[0] = max(x, highs[0]);
  }
  for (int s = 1; s < sums; ++s) {
    lows[0] = min(lows[s], lows[0]);
    highs[0] = max(highs[s], highs[0]);
  }
  *low = *high = 0;
  for (int lane = 0; lane < vector_floats; ++lane) {
    *low = lows[0][lane] < *low ? lows[0][lane] : *low;
    *high = highs[0][lane] > *high ? highs[0][lane] : *high;
  }
}

template <class T, class Out>
void dequantize_of(const T* from, int64_t count, const ByteNumbers& numbers, Out* to) {
  for (int64_t at = 0; at < count; at += block) {
    const int64_t length = count - at < block ? count - at : block;
    float values[block] = {};
    for (int64_t i = 0; i < length; ++i)
      values[i] = static_cast<float>(from[at + i] - numbers.zero_point) * numbers.scale;
    for (int64_t i = 0; i < length; i += vector_floats) store_some(to + at + i, load(values + i), length - i);
  }
}

template <class Out>
void dequantize_to(const void* from, int64_t count, const ByteNumbers& numbers, Out* to) {
  if (numbers.is_signed)
    dequantize_of(static_cast<const int8_t*>(from), count, numbers, to);
  else
    dequantize_of(static_cast<const uint8_t*>(from), count, numbers, to);
}

}  // namespace

void combine_bytes(const ByteBinary& bytes) {
  if (bytes.to_numbers.is_signed)
    bytes.multiplies ? combine_of<true, int8_t>(bytes) : combine_of<false, int8_t>(bytes);
  else
    bytes.multiplies ? combine_of<true, uint8_t>(bytes) : combine_of<false, uint8_t>(bytes);
}

void quantize(const void* from, bool half, int64_t count, const ByteNumbers& numbers, void* to) {
  if (half)
    quantize_of(static_cast<const uint16_t*>(from), count, numbers, static_cast<uint8_t*>(to));
  else
    quantize_of(static_cast<const float*>(from), count, numbers, static_cast<uint8_t*>(to));
}

void range(const void* from, bool half, int64_t count, float* low, float* high) {
  if (half)
    range_of(static_cast<const uint16_t*>(from), count, low, high);
  else
    range_of(static_cast<const float*>(from), count, low, high);
}

void dequantize(const void* from, int64_t count, const ByteNumbers& numbers, bool half, void* to) {
  if (half)
    dequantize_to(from, count, numbers, static_cast<uint16_t*>(to));
  else
    dequantize_to(from, count, numbers, static_cast<float*>(to));
}

}  // namespace spinel::cpu::SPINEL_ISA
