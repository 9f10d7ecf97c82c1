// The product of float16 matrices in fixed point, by the instruction that multiplies pairs of 16-bit integers
// and adds them to sums of 32 bits: twice the multiplications of float32 a cycle.
//
// A chunk of a row of A is scaled by a power of two so that its greatest element takes row_bits bits, a
// column of B by a factor that lets no sum of a chunk leave 32 bits. Sums of a chunk are exact; they are
// scaled back and added in float32. float16 has 11 bits: elements of A down to an eighth of the chunk's
// greatest keep all of them, smaller ones lose what is below 2^-14 of the greatest, whose own rounding is as
// large. A chunk with an infinity or a NaN is left as it is and computed in float32.
#include "cpu/arch/half_tiles.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

constexpr int row_bits = 14;
/// The scale of a chunk that is left as float16: whatever its sum is, this makes zero of it.
constexpr float as_it_is = -0.0F;

inline bool is_left(float scale) { return __builtin_signbit(scale) != 0; }

struct FixedPoint {
  using Sum = IntVec;
  using Pairs = IntVec;
  typedef IntVec UnalignedPairs __attribute__((aligned(alignof(uint16_t)), may_alias));
  /// Before a panel's pairs stand its columns' scales, float32, in the room of one pair of the depth.
  static constexpr int64_t header = 2;

  static IntVec load_pairs(const uint16_t* p) { return *reinterpret_cast<const UnalignedPairs*>(p); }
  static IntVec broadcast_pair(const char* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, sizeof pair);
    return broadcast_int(pair);
  }
  /// By its name, for GCC 12 copies every sum of the intrinsic to another register and back.
  static void multiply_add(IntVec& sum, IntVec a, IntVec b) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
  }
  static Vec widen(IntVec sum, const float* row_scale, const float* column_scales) {
    return to_float(sum) * (load(column_scales) * broadcast(*row_scale));
  }

  /// Adds the sums of chunks that were left as they are, and count for zeros so far.
  static void add_left_rows(const Tile& t, const uint16_t* a, const float* scales, const uint16_t* b,
                            int64_t depth, float* sums, int64_t rows, int64_t vectors) {
    for (int64_t m = 0; m < rows; ++m)
      for (int64_t v = 0; v < vectors && is_left(scales[m * t.scale_stride]); ++v) {
        const Vec column_scales = load(t.column_scales + v * vector_floats);
        float* const at = sums + (m * vectors + v) * vector_floats;
        Vec sum = load(at);
        for (int64_t k = 0; k < depth; ++k) {
          const IntVec w = weights(b + (k / 2 * vectors + v) * 2 * vector_floats, k % 2 == 0);
          sum = fma(broadcast_half(a[m * t.a_stride + k]), to_float(w) * column_scales, sum);
        }
        store(at, sum);
      }
  }

 private:
  static Vec broadcast_half(uint16_t half) {
    return _mm512_cvtph_ps(_mm256_set1_epi16(static_cast<int16_t>(half)));
  }
  static IntVec weights(const uint16_t* pairs, bool first) {
    const IntVec both = load_pairs(pairs);
    return (first ? both << 16 : both) >> 16;
  }
};

/// A panel's columns of a matrix of float16.
struct PanelReader {
  const uint16_t* from;
  int64_t row_stride;
  int64_t depth, columns;

  /// Vector v of row k, zeros beyond the matrix.
  Vec read(int64_t k, int64_t v) const {
    const int64_t left = columns - v * vector_floats;
    if (k >= depth || left <= 0) return Vec{};
    return load_some(from + k * row_stride + v * vector_floats, left);
  }
};

/// The least factors that keep the columns' elements in 16 bits, and in 32 bits the sums of a chunk of
/// products with elements of row_bits.
void column_scales(const PanelReader& panel, int64_t chunk, float* scales) {
  Vec greatest_sum[tile_vectors] = {};
  Vec greatest[tile_vectors] = {};
  for (int64_t block = 0; block < panel.depth; block += half_depth_block)
    for (int64_t begin = block; begin < block + half_depth_block && begin < panel.depth; begin += chunk) {
      int64_t end = begin + chunk < block + half_depth_block ? begin + chunk : block + half_depth_block;
      if (end > panel.depth) end = panel.depth;
      Vec sum[tile_vectors] = {};
      for (int64_t k = begin; k < end; ++k)
        for (int v = 0; v < tile_vectors; ++v) {
          const Vec x = panel.read(k, v);
          const Vec size = max(x, -x);
          sum[v] = k == begin ? size : sum[v] + size;
          greatest[v] = max(greatest[v], size);
        }
      for (int v = 0; v < tile_vectors; ++v) greatest_sum[v] = max(greatest_sum[v], sum[v]);
    }
  // Rounding moves each element by a half at most.
  constexpr float most_sum = static_cast<float>((int64_t{1} << (31 - row_bits)) - 1);
  const Vec by_sum = broadcast(1 / (most_sum - 0.75F * static_cast<float>(chunk)));
  for (int v = 0; v < tile_vectors; ++v)
    store(scales + v * vector_floats, max(greatest_sum[v] * by_sum, greatest[v] * broadcast(1 / 32767.0F)));
}

void pack_columns(const uint16_t* from, int64_t row_stride, int64_t depth, int64_t columns, int64_t chunk,
                  uint16_t* to) {
  for (int64_t n = 0; n < columns; n += panel_columns) {
    const int64_t count = columns - n < panel_columns ? columns - n : panel_columns;
    const int64_t width = panel_width(count);
    const int64_t vectors = width / vector_floats;
    const PanelReader panel{from + n, row_stride, depth, count};
    float scales[panel_columns];
    column_scales(panel, chunk, scales);
    __builtin_memcpy(to, scales, static_cast<size_t>(width) * sizeof(float));
    to += 2 * width;
    Vec factors[tile_vectors];
    for (int v = 0; v < tile_vectors; ++v) {
      const Vec scale = load(scales + v * vector_floats);
      factors[v] = scale > 0 ? 1 / scale : Vec{};
    }
    for (int64_t k = 0; k < depth; k += 2, to += 2 * width)
      for (int64_t v = 0; v < vectors; ++v) {
        const IntVec first = round_to_int(panel.read(k, v) * factors[v]);
        const IntVec second = round_to_int(panel.read(k + 1, v) * factors[v]);
        const IntVec pairs = (first & 0xffff) | second << 16;
        __builtin_memcpy(to + 2 * v * vector_floats, &pairs, sizeof pairs);
      }
  }
}

/// The bits of the greatest element, without its sign.
uint16_t greatest_bits(const uint16_t* from, int64_t depth) {
  __m512i greatest = _mm512_setzero_si512();
  const __m512i no_sign = _mm512_set1_epi16(0x7fff);
  int64_t k = 0;
  for (; k + 32 <= depth; k += 32)
    greatest = _mm512_max_epu16(greatest, _mm512_and_si512(_mm512_loadu_si512(from + k), no_sign));
  if (k < depth) {
    const auto rest = static_cast<__mmask32>((uint64_t{1} << (depth - k)) - 1);
    greatest =
        _mm512_max_epu16(greatest, _mm512_and_si512(_mm512_maskz_loadu_epi16(rest, from + k), no_sign));
  }
  const __m256i half =
      _mm256_max_epu16(_mm512_castsi512_si256(greatest), _mm512_extracti64x4_epi64(greatest, 1));
  const __m128i quarter = _mm_max_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
  // The instruction finds the least of eight.
  const __m128i ones = _mm_set1_epi16(-1);
  return static_cast<uint16_t>(~_mm_cvtsi128_si32(_mm_minpos_epu16(_mm_xor_si128(quarter, ones))));
}

inline float power_of_two(int exponent) {
  const int32_t bits = (exponent + 127) << 23;
  float out;
  __builtin_memcpy(&out, &bits, sizeof out);
  return out;
}

bool prepare_rows(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t depth, int64_t chunk,
                  uint16_t* to, int64_t to_stride, float* scales) {
  constexpr int exponent_bias = 15;
  constexpr int all_ones = 31;  // The exponent of infinities and NaN.
  bool all_finite = true;
  const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    for (int64_t begin = 0; begin < depth; begin += chunk) {
      const int64_t end = depth - begin < chunk ? depth : begin + chunk;
      const int biased = greatest_bits(from + begin, end - begin) >> 10;
      if (biased == all_ones) {
        all_finite = false;
        *scales++ = as_it_is;
        if (to != from)
          for (int64_t k = begin; k < end; ++k) to[k] = from[k];
        continue;
      }
      const int exponent = (biased == 0 ? 1 : biased) - exponent_bias;
      *scales++ = power_of_two(exponent + 1 - row_bits);
      const Vec factor = broadcast(power_of_two(row_bits - 1 - exponent));
      int64_t k = begin;
      for (; k + 32 <= end; k += 32) {
        const __m512i low = _mm512_cvtps_epi32(load(from + k) * factor);
        const __m512i high = _mm512_cvtps_epi32(load(from + k + 16) * factor);
        _mm512_storeu_si512(to + k, _mm512_permutexvar_epi64(order, _mm512_packs_epi32(low, high)));
      }
      for (; k < end; k += vector_floats) {
        const int64_t left = end - k;
        const __m512i x = _mm512_cvtps_epi32(load_some(from + k, left) * factor);
        const auto mask = static_cast<__mmask16>(left >= vector_floats ? 0xffff : (1U << left) - 1);
        _mm512_mask_cvtepi32_storeu_epi16(to + k, mask, x);
      }
    }
    if (depth % 2 != 0) to[depth] = 0;
  }
  return all_finite;
}

}  // namespace

extern const HalfKernels half_kernels;
const HalfKernels half_kernels = {.arithmetic = "16-bit fixed point",
                                  .default_chunk = 128,
                                  .packed_size = packed_size<FixedPoint>,
                                  .pack_columns = pack_columns,
                                  .prepare_rows = prepare_rows,
                                  .gemm_block = gemm_block<FixedPoint>};

}  // namespace spinel::cpu::SPINEL_ISA
