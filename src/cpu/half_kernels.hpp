// Products of float16 matrices in arithmetic of 16 bits: float16 where the machine has it, else fixed point.
//
// Two neighbouring elements of K are multiplied at once: a vector of B holds, for each of its columns, the
// weights of k and k + 1, and A is broadcast in pairs of 32 bits. Sums of at most `chunk` elements are kept
// in float16 or, exactly, in integers of 32 bits, then added in float32.
#pragma once
#include "cpu/kernels.hpp"

namespace spinel::cpu {

/// One depth block of C = A * B for a block of rows; A and B float16, C float32. The last block makes of it
/// activation(C + bias + residual), in Y if there is one.
struct HalfGemmBlock {
  const uint16_t* a = nullptr;    ///< rows x depth, the depth even; of prepare_rows, if there is one
  int64_t a_stride = 0;           ///< Elements between rows.
  const float* scales = nullptr;  ///< Of prepare_rows,
  bool all_finite = true;         ///< which returned this.
  const uint16_t* b = nullptr;    ///< Packed by pack_columns; of a later group of columns: its first panel.
  int64_t whole_depth = 0;        ///< Of B.
  int64_t k = 0;                  ///< Where this depth block begins; a multiple of `chunk`.
  int64_t depth = 0;              ///< Of this block, even.
  int64_t chunk = 0;              ///< Even.
  float* c = nullptr;             ///< rows x columns
  int64_t c_stride = 0;
  const float* start = nullptr;  ///< As in GemmBlock.
  int64_t start_stride = 0;
  const uint16_t* residual = nullptr;  ///< rows x columns, or nullptr; may be y.
  int64_t residual_stride = 0;
  uint16_t* y = nullptr;  ///< rows x columns, or nullptr.
  int64_t y_stride = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  const Epilogue* epilogue = nullptr;  ///< With the last block.
};

struct HalfKernels {
  const char* arithmetic;  ///< For reports: "float16".
  int64_t default_chunk;
  /// Elements that pack_columns writes; a multiple of `columns` where these fill their panels.
  int64_t (*packed_size)(int64_t depth, int64_t columns);
  /// Packs B, b(k, n) = from[k * row_stride + n]; panels as Kernels::pack_columns has them, of
  /// [depth / 2][columns][2] elements, before which may stand what the arithmetic needs. All elements are
  /// finite.
  void (*pack_columns)(const uint16_t* from, int64_t row_stride, int64_t depth, int64_t columns,
                       int64_t chunk, uint16_t* to);
  /// Turns rows of A into what gemm_block reads, in place if `to` is `from`, and writes a scale for each
  /// chunk of each row. Columns up to the next even number are zeros then. Returns whether all elements are
  /// finite. nullptr: gemm_block reads float16.
  bool (*prepare_rows)(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t depth, int64_t chunk,
                       uint16_t* to, int64_t to_stride, float* scales);
  void (*gemm_block)(const HalfGemmBlock& block);
};

/// Depth of the blocks that a product is cut in; the sum's order is chunk after chunk.
constexpr int64_t half_depth_block = 512;

namespace avx512_fp16 {
extern const HalfKernels half_kernels;
}
namespace avx512_vnni {
extern const HalfKernels half_kernels;
}

}  // namespace spinel::cpu
