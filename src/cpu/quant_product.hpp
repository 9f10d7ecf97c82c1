// The product of 8-bit integers that convolutions and matrix products come down to, cut into tasks.
#pragma once
#include <span>

#include "cpu/byte_kernels.hpp"
#include "graph/op.hpp"

namespace spinel::cpu {

inline bool is_byte(DType dtype) { return dtype == DType::int8 || dtype == DType::uint8; }

/// C = A * B of bytes with zero points: exact sums of 32 bits that wrap around, and what becomes of them.
struct QuantProduct {
  Patches patches = {};    ///< A, bytes.
  bool is_matrix = false;  ///< Row r of A is the channels of pixel r.
  ByteFormat a = {};
  const void* b = nullptr;  ///< Packed by ByteKernels::pack_columns.
  int64_t rows = 0;
  int64_t depth = 0;
  int64_t columns = 0;
  /// Of ByteBlock, as many as whole panels have. `column_sums` (of B less its zero points) is not read where
  /// elements have lost their zero points; without it the zero point of A is in `start` already.
  const int32_t* start = nullptr;
  const int32_t* column_sums = nullptr;
  const int32_t* b_zero_points = nullptr;  ///< Of B as packed: of uint8 less 128. nullptr: all are 0.
  enum class Result { sums, bytes, floats } result = Result::sums;
  ByteEpilogue bytes = {};
  ByteFloats floats = {};
  void* c = nullptr;
  int64_t c_stride = 0;  ///< Elements between rows.
};

/// A matrix of bytes as patches.
Patches matrix_patches(const void* a, int64_t rows, int64_t depth);

/// Of a result of int8 or uint8.
ByteEpilogue byte_epilogue(DType dtype, int32_t zero_point, const float* multipliers);

/// Scratch that a task of run_quant_products needs for products of these sizes.
uint64_t quant_product_scratch_bytes(const ByteKernels& kernels, int64_t depth, int64_t columns);

/// Runs `count` products of equal sizes, which `make(i)` describes, on the context's threads.
void run_quant_products(graph::RunContext& context, const ByteKernels& kernels, int64_t count,
                        FunctionRef<QuantProduct(int64_t index)> make);

/// What belongs to the columns of a B, beside the packed bytes; as many as whole panels have.
struct QuantColumns {
  int32_t* sums = nullptr;         ///< nullptr where elements have lost their zero points.
  int32_t* zero_points = nullptr;  ///< Likewise.
};
/// Packs columns [column, column + columns) of B into `packed`, that of the whole B, and fills those of
/// `info`. Elements of B lie as ByteKernels::pack_columns has them; `zero_points` are one for all, or one a
/// column of the whole B. `column` is a multiple of panel_columns. Whether any column's packed zero point is
/// not 0 is returned.
bool pack_quant_columns(const ByteKernels& kernels, const uint8_t* b, bool is_signed,
                        std::span<const int32_t> zero_points, int64_t row_stride, int64_t column_stride,
                        int64_t depth, int64_t column, int64_t columns, std::byte* packed,
                        const QuantColumns& info);

}  // namespace spinel::cpu
