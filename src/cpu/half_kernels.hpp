// Products in float16 arithmetic, on machines that have it.
//
// Two neighbouring elements of K are multiplied at once: a vector of B holds, for each of its columns, the
// weights of k and k + 1, and A is broadcast in pairs of 32 bits. Sums of at most `chunk` elements are kept
// in float16, then added in float32.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu {

/// One depth block of C = A * B for a block of rows; A and B float16, C float32.
struct HalfGemmBlock {
  const uint16_t* a = nullptr;  ///< rows x depth, the depth even
  int64_t a_stride = 0;         ///< Elements between rows.
  const uint16_t* b = nullptr;  ///< Packed by pack_columns; of a later group of columns: its first panel.
  int64_t whole_depth = 0;      ///< Of the packed B, rounded up to an even number.
  int64_t k = 0;                ///< Where this depth block begins; a multiple of `chunk`.
  int64_t depth = 0;            ///< Of this block, even.
  int64_t chunk = 0;            ///< Even.
  float* c = nullptr;           ///< rows x columns
  int64_t c_stride = 0;
  const float* start = nullptr;  ///< As in GemmBlock.
  int64_t start_stride = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  const Epilogue* epilogue = nullptr;  ///< With the last block.
};

struct HalfKernels {
  /// Elements that pack_columns writes.
  int64_t (*packed_size)(int64_t depth, int64_t columns);
  /// Packs B, rounded to float16; panels as Kernels::pack_columns has them, of [depth / 2][columns][2]
  /// elements.
  void (*pack_columns)(const float* from, int64_t row_stride, int64_t column_stride, int64_t depth,
                       int64_t columns, uint16_t* to);
  void (*gemm_block)(const HalfGemmBlock& block);
};

/// Depth of the blocks that a product is cut in; the sum's order is chunk after chunk.
constexpr int64_t half_depth_block = 512;
constexpr int64_t default_half_chunk = 128;

namespace avx512_fp16 {
extern const HalfKernels half_kernels;
}

}  // namespace spinel::cpu
