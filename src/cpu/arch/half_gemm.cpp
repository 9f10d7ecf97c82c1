// The product in float16 arithmetic. Without the instructions for it the compiler computes element by
// element, which the tests use on machines that lack them.
#include "cpu/arch/half_tiles.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

struct Float16 {
  typedef _Float16 HalfVec __attribute__((vector_size(64)));
  typedef _Float16 UnalignedHalfVec __attribute__((vector_size(64), aligned(alignof(uint16_t)), may_alias));
  using Sum = HalfVec;
  using Pairs = HalfVec;
  static constexpr int64_t header = 0;

  static HalfVec load_pairs(const uint16_t* p) { return *reinterpret_cast<const UnalignedHalfVec*>(p); }
  static HalfVec broadcast_pair(const char* p) {
    int32_t pair;
    __builtin_memcpy(&pair, p, sizeof pair);
    return reinterpret_cast<HalfVec>(_mm512_set1_epi32(pair));
  }
  static void multiply_add(HalfVec& sum, HalfVec a, HalfVec b) {
#if defined(__AVX512FP16__)
    sum = reinterpret_cast<HalfVec>(_mm512_fmadd_ph(
        reinterpret_cast<__m512h>(a), reinterpret_cast<__m512h>(b), reinterpret_cast<__m512h>(sum)));
#else
    sum = a * b + sum;
#endif
  }
  /// The two sums of each column, added in float32.
  static Vec widen(HalfVec sum, const float* /*row_scale*/, const float* /*column_scales*/) {
    const __m512i bits = reinterpret_cast<__m512i>(sum);
    const Vec even_sums = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(bits));
    const Vec odd_sums = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16)));
    return even_sums + odd_sums;
  }
  static void add_left_rows(const Tile& /*t*/, const uint16_t* /*a*/, const float* /*scales*/,
                            const uint16_t* /*b*/, int64_t /*depth*/, float* /*sums*/, int64_t /*rows*/,
                            int64_t /*vectors*/) {}
};

void pack_columns(const uint16_t* from, int64_t row_stride, int64_t depth, int64_t columns, int64_t /*chunk*/,
                  uint16_t* to) {
  for (int64_t n0 = 0; n0 < columns; n0 += panel_columns) {
    const int64_t count = columns - n0 < panel_columns ? columns - n0 : panel_columns;
    const int64_t width = panel_width(count);
    for (int64_t k = 0; k < even(depth); ++k)
      for (int64_t n = 0; n < width; ++n)
        to[(k / 2 * width + n) * 2 + k % 2] =
            n < count && k < depth ? from[k * row_stride + n0 + n] : uint16_t{0};
    to += even(depth) * width;
  }
}

}  // namespace

extern const HalfKernels half_kernels;
const HalfKernels half_kernels = {.arithmetic = "float16",
                                  .default_chunk = 128,
                                  .packed_size = packed_size<Float16>,
                                  .pack_columns = pack_columns,
                                  .prepare_rows = nullptr,
                                  .gemm_block = gemm_block<Float16>};

}  // namespace spinel::cpu::SPINEL_ISA
