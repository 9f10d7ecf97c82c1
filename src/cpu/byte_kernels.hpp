// Products and windows of 8-bit integers, with exact sums of 32 bits that wrap around. The rules of
// cpu/kernels.hpp hold.
//
// Rows of a left operand are packed as "elements": the bytes themselves, as uint8, where the machine
// multiplies bytes (the zero points are then accounted for by corrections of the sums), or else int16 with
// the zero point subtracted.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "cpu/kernels.hpp"

namespace spinel::cpu {

/// 8-bit integers in memory.
struct ByteFormat {
  bool is_signed = false;  ///< int8, else uint8.
  int32_t zero_point = 0;
};

/// saturate(round((sum + start) * multiplier) + zero_point) to nearest even, in float32.
struct ByteEpilogue {
  const float* multipliers = nullptr;  ///< One a column, as many as whole panels have.
  float low = 0, high = 0;             ///< Limits before the zero point is added, both included.
  int32_t zero_point = 0;
};

/// activation(sum * (factor * scale) + bias + residual) in float32, in this order.
struct ByteFloats {
  const float* scales = nullptr;  ///< One a column, as many as whole panels have.
  float factor = 1;
  Epilogue epilogue;                ///< Its bias has the columns alone.
  const float* residual = nullptr;  ///< rows x columns; may be C.
  int64_t residual_stride = 0;
};

/// C = A * B for a block of rows.
struct ByteBlock {
  const void* a = nullptr;     ///< Elements.
  int64_t a_stride_bytes = 0;  ///< Between rows.
  const void* b = nullptr;     ///< Packed by pack_columns; of a later group of columns: its first panel.
  int64_t depth = 0;           ///< A multiple of ByteKernels::depth_step.
  int64_t rows = 0;
  int64_t columns = 0;
  /// Of the following what belongs to columns has as many elements as whole panels have.
  const int32_t* start = nullptr;        ///< Added to the sums.
  const int32_t* column_sums = nullptr;  ///< Times a_zero_point they are subtracted,
  int32_t a_zero_point = 0;
  const int32_t* row_sums = nullptr;  ///< and with both row_sums[r] * b_zero_points[column].
  const int32_t* b_zero_points = nullptr;
  const ByteEpilogue* epilogue = nullptr;  ///< C is bytes;
  const ByteFloats* floats = nullptr;      ///< float32;
  void* c = nullptr;                       ///< with neither the sums, int32.
  int64_t c_stride = 0;                    ///< Elements between rows.
};

/// Rows of a depthwise convolution's output: `row` counts [N, out_height].
struct ByteDepthwise {
  Patches patches;  ///< Of all channels; X is bytes.
  ByteFormat x;
  /// With their zero points subtracted: int16 [kernel_h, kernel_w, padded_channels] or, if `narrow`, int8 of
  /// ByteKernels::pack_depthwise.
  const void* weights = nullptr;
  bool narrow = false;
  /// Added to the sums, as many as padded channels, as are scales and multipliers. If narrow, with the zero
  /// point of X accounted for.
  const int32_t* start = nullptr;
  int64_t padded_channels = 0;             ///< A multiple of depthwise_channels.
  const ByteEpilogue* epilogue = nullptr;  ///< Y is bytes;
  const ByteFloats* floats = nullptr;      ///< float32; with neither the sums, int32.
  void* y = nullptr;                       ///< [N, out_height, out_width, channels], as is a residual.
  int64_t row = 0;
  int64_t rows = 0;
  uint8_t* scratch = nullptr;  ///< depthwise_scratch_bytes().
};

inline uint64_t depthwise_scratch_bytes(int64_t taps, int64_t padded_channels) {
  return static_cast<uint64_t>(padded_channels) +
         static_cast<uint64_t>(taps + 3) * (sizeof(void*) + sizeof(int64_t));
}

struct ByteKernels {
  const char* name;
  bool multiplies_bytes;  ///< Elements are uint8: the byte, that of int8 plus 128.
  int64_t element_bytes;
  int64_t depth_step;  ///< Depths are rounded up to a multiple of it, by elements that are multiplied with 0.
  int64_t panel_columns;
  int64_t tile_rows;

  /// Packs b(k, n), the byte at from[k * row_stride + n * column_stride], in panels of panel_columns columns,
  /// each [depth / depth_step][panel_columns][depth_step]. Where bytes are multiplied, they become int8
  /// (those of uint8 minus 128), else int16 with their zero point, one a column or one for all (zero_step 0)
  /// subtracted. `to` has packed_bytes().
  void (*pack_columns)(const uint8_t* from, bool is_signed, const int32_t* zero_points, int64_t zero_step,
                       int64_t row_stride, int64_t column_stride, int64_t depth, int64_t columns, void* to);
  /// Elements of rows [row, row + rows) of the patches of X, bytes, with to_stride_bytes between rows, which
  /// end with zeros up to the next multiple of depth_step.
  void (*pack_patches)(const Patches& patches, ByteFormat x, int64_t row, int64_t rows, void* to,
                       int64_t to_stride_bytes);
  /// The sum of each row's elements of uint8.
  void (*row_sums)(const void* rows, int64_t stride_bytes, int64_t count, int64_t depth, int32_t* sums);
  void (*multiply)(const ByteBlock& block);
  /// The epilogue on sums that lie elsewhere; `start` may be nullptr.
  void (*requantize_row)(const ByteEpilogue& epilogue, const int32_t* sums, const int32_t* start,
                         int64_t count, uint8_t* to);
  void (*depthwise_rows)(const ByteDepthwise& rows);
  /// Weights of 8 bits w[taps][channels] for depthwise_rows, which takes them if this is not nullptr: blocks
  /// of depthwise_channels channels, whose last one is filled with zeros, or with the first channels once
  /// more if its size is a multiple of theirs.
  void (*pack_depthwise)(const int8_t* w, int64_t taps, int64_t channels, int8_t* to);
  /// The greatest byte of each window.
  void (*max_pool)(const PoolRows& pool, bool is_signed, void* y);

  int64_t whole_columns(int64_t columns) const {
    return (columns + panel_columns - 1) / panel_columns * panel_columns;
  }
  int64_t whole_depth(int64_t depth) const { return (depth + depth_step - 1) / depth_step * depth_step; }
  int64_t packed_bytes(int64_t depth, int64_t columns) const {
    return whole_depth(depth) * whole_columns(columns) * element_bytes;
  }
};

/// Channels of a depthwise convolution are computed in blocks of so many.
constexpr int64_t depthwise_channels = 64;

namespace portable {
extern const ByteKernels byte_kernels;
}
namespace avx2 {
extern const ByteKernels byte_kernels;
}
namespace avx512 {
extern const ByteKernels byte_kernels;
}
/// avx512 on a machine with AVX512-VNNI.
namespace avx512_vnni {
extern const ByteKernels byte_kernels;
}

}  // namespace spinel::cpu
