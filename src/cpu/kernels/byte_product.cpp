// Products of 8-bit integers: the register tile of cpu/byte_kernels.hpp, and what its sums become.
#include "cpu/kernels/byte_product.hpp"

#include "cpu/kernels/byte_lanes.hpp"
#include "cpu/kernels/tile_rows.hpp"

namespace spinel::cpu::SPINEL_ISA {
namespace {

/// sums[Rows][panel] of a panel of B. A function of its own, so that all vector registers are the sums'.
template <int Rows>
__attribute__((noinline)) void multiply_tile(const char* a0, int64_t stride, const char* b, int64_t groups,
                                             int32_t* sums) {
  Sums acc[Rows][2];
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m) acc[m][0] = acc[m][1] = zero_sums();
  const int64_t stride3 = 3 * stride;
  const char* a5 = a0 + 5 * stride;
  const char* a10 = a5 + 5 * stride;
  for (; groups > 0; --groups) {
    const Sums b0 = load_group(b);
    const Sums b1 = load_group(b + 4 * lanes);
    b += 4 * panel;
#define SPINEL_ROW(m, address)                  \
  if constexpr (Rows > (m)) {                   \
    const Sums x = broadcast_group(address);    \
    acc[m][0] = add_products(acc[m][0], x, b0); \
    acc[m][1] = add_products(acc[m][1], x, b1); \
  }
    SPINEL_FOR_EACH_ROW(SPINEL_ROW)
#undef SPINEL_ROW
    a0 += 4;
    a5 += 4;
    a10 += 4;
  }
#pragma GCC unroll 16
  for (int m = 0; m < Rows; ++m) {
    store_sums(sums + m * panel, acc[m][0]);
    store_sums(sums + m * panel + lanes, acc[m][1]);
  }
}

/// The tile of that many rows, at most Most.
template <int Most>
void some_rows(int64_t rows, const char* a, int64_t stride, const char* b, int64_t groups, int32_t* sums) {
  if constexpr (Most > 1) {
    if (rows < Most) return some_rows<Most - 1>(rows, a, stride, b, groups, sums);
  }
  multiply_tile<Most>(a, stride, b, groups, sums);
}

/// Sums wrap around.
inline int32_t wrapped(uint32_t sum) { return static_cast<int32_t>(sum); }
inline int32_t added(int32_t a, int32_t b) {
  return wrapped(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}

/// What is added to all sums of the columns [n, n + panel).
void column_starts(const ByteBlock& block, int64_t n, int32_t* start) {
  for (int64_t j = 0; j < panel; ++j) start[j] = block.start == nullptr ? 0 : block.start[n + j];
  if (block.column_sums == nullptr) return;
  for (int64_t j = 0; j < panel; ++j)
    start[j] = wrapped(static_cast<uint32_t>(start[j]) - static_cast<uint32_t>(block.a_zero_point) *
                                                             static_cast<uint32_t>(block.column_sums[n + j]));
}

/// Subtracts from sums[rows][panel] what rows and the columns [n, n + panel) have together.
void correct(const ByteBlock& block, int64_t row, int64_t rows, int64_t n, int32_t* sums) {
  const int32_t* zeros = block.b_zero_points + n;
  for (int64_t r = 0; r < rows; ++r) {
    const auto row_sum = static_cast<uint32_t>(block.row_sums[row + r]);
    for (int64_t j = 0; j < panel; ++j)
      sums[r * panel + j] =
          wrapped(static_cast<uint32_t>(sums[r * panel + j]) - row_sum * static_cast<uint32_t>(zeros[j]));
  }
}

/// A part of C: rows [row, row + rows), columns [n, n + columns), at most a panel.
struct Tile {
  int64_t row, rows, n, columns;
  const int32_t* sums;   ///< [rows][panel]
  const int32_t* start;  ///< [panel], to be added.
};

#if defined(__AVX512BW__)
/// Two rows of 32 columns at once.
void store_bytes(const ByteBlock& block, const Tile& tile) {
  auto* to = static_cast<uint8_t*>(block.c) + tile.row * block.c_stride + tile.n;
  const float* m = block.epilogue->multipliers + tile.n;
  const __mmask32 some = tile.columns == panel ? ~__mmask32{0} : (__mmask32{1} << tile.columns) - 1;
  const Sums start[] = {load_group(tile.start), load_group(tile.start + lanes)};
  for (int64_t r = 0; r < tile.rows; r += 2, to += 2 * block.c_stride) {
    const int32_t* first = tile.sums + r * panel;
    const int32_t* second = r + 1 < tile.rows ? first + panel : first;
    const __m512i vectors[] = {_mm512_add_epi32(load_group(first), start[0]),
                               _mm512_add_epi32(load_group(first + lanes), start[1]),
                               _mm512_add_epi32(load_group(second), start[0]),
                               _mm512_add_epi32(load_group(second + lanes), start[1])};
    const __m512i bytes = requantized(*block.epilogue, m, m + lanes, m, m + lanes, vectors);
    _mm256_mask_storeu_epi8(to, some, _mm512_castsi512_si256(bytes));
    if (r + 1 < tile.rows)
      _mm256_mask_storeu_epi8(to + block.c_stride, some, _mm512_extracti64x4_epi64(bytes, 1));
  }
}
#else
void store_bytes(const ByteBlock& block, const Tile& tile) {
  auto* to = static_cast<uint8_t*>(block.c) + tile.row * block.c_stride + tile.n;
  for (int64_t r = 0; r < tile.rows; ++r, to += block.c_stride) {
    int32_t sums[panel];
    for (int64_t j = 0; j < panel; ++j) sums[j] = added(tile.sums[r * panel + j], tile.start[j]);
    uint8_t bytes[panel];
    requantize(*block.epilogue, block.epilogue->multipliers + tile.n, sums, panel, bytes);
    if (tile.columns == panel)
      __builtin_memcpy(to, bytes, panel);
    else
      __builtin_memcpy(to, bytes, static_cast<size_t>(tile.columns));
  }
}
#endif

void store_floats(const ByteBlock& block, const Tile& tile) {
  const ByteFloats& floats = *block.floats;
  float* const c = static_cast<float*>(block.c) + tile.row * block.c_stride + tile.n;
  for (int64_t r = 0; r < tile.rows; ++r) {
    int32_t sums[panel];
    for (int64_t j = 0; j < panel; ++j) sums[j] = added(tile.sums[r * panel + j], tile.start[j]);
    const float* residual = floats.residual == nullptr
                                ? nullptr
                                : floats.residual + (tile.row + r) * floats.residual_stride + tile.n;
    if (tile.columns == panel)
      store_float_row(floats, tile.n, panel, sums, residual, c + r * block.c_stride);
    else
      store_float_row(floats, tile.n, tile.columns, sums, residual, c + r * block.c_stride);
  }
  if (floats.epilogue.activation != Activation::none)
    activate_rows(floats.epilogue, c, block.c_stride, tile.rows, tile.columns);
}

void store_sums_of(const ByteBlock& block, const Tile& tile) {
  auto* to = static_cast<int32_t*>(block.c) + tile.row * block.c_stride + tile.n;
  for (int64_t r = 0; r < tile.rows; ++r, to += block.c_stride) {
    int32_t sums[panel];
    for (int64_t j = 0; j < panel; ++j) sums[j] = added(tile.sums[r * panel + j], tile.start[j]);
    __builtin_memcpy(to, sums, static_cast<size_t>(tile.columns) * sizeof *sums);
  }
}

void multiply(const ByteBlock& block) {
  alignas(64) int32_t sums[tile_rows * panel];
  alignas(64) int32_t start[panel];
  const int64_t tiles = (block.rows + tile_rows - 1) / tile_rows;
  const int64_t groups = block.depth / depth_step;
  for (int64_t n = 0; n < block.columns; n += panel) {
    const char* b =
        static_cast<const char*>(block.b) + n * block.depth * static_cast<int64_t>(sizeof(Weight));
    column_starts(block, n, start);
    const int64_t columns = block.columns - n < panel ? block.columns - n : panel;
    int64_t row = 0;
    for (int64_t index = 0; index < tiles; ++index) {
      const int64_t rows = (block.rows - row + tiles - index - 1) / (tiles - index);
      some_rows<tile_rows>(rows, static_cast<const char*>(block.a) + row * block.a_stride_bytes,
                           block.a_stride_bytes, b, groups, sums);
      if (block.row_sums != nullptr && block.b_zero_points != nullptr) correct(block, row, rows, n, sums);
      const Tile tile{row, rows, n, columns, sums, start};
      if (block.epilogue != nullptr)
        store_bytes(block, tile);
      else if (block.floats != nullptr)
        store_floats(block, tile);
      else
        store_sums_of(block, tile);
      row += rows;
    }
  }
}

void row_sums(const void* rows, int64_t stride_bytes, int64_t count, int64_t depth, int32_t* sums) {
  for (int64_t r = 0; r < count; ++r) {
    const auto* row = static_cast<const uint8_t*>(rows) + r * stride_bytes;
    uint32_t sum = 0;
    for (int64_t k = 0; k < depth; ++k) sum += row[k];
    sums[r] = wrapped(sum);
  }
}

void requantize_row(const ByteEpilogue& epilogue, const int32_t* sums, const int32_t* start, int64_t count,
                    uint8_t* to) {
  constexpr int64_t block = 64;
  for (int64_t at = 0; at < count; at += block) {
    const int64_t length = count - at < block ? count - at : block;
    int32_t own[block];
    for (int64_t i = 0; i < length; ++i)
      own[i] = wrapped(static_cast<uint32_t>(sums[at + i]) +
                       static_cast<uint32_t>(start == nullptr ? 0 : start[at + i]));
    requantize(epilogue, epilogue.multipliers + at, own, length, to + at);
  }
}

}  // namespace

#define SPINEL_TEXT(name) SPINEL_TEXT_OF(name)
#define SPINEL_TEXT_OF(name) #name

const ByteKernels byte_kernels = {
#if defined(__AVX512VNNI__)
    .name = "uint8 " SPINEL_TEXT(SPINEL_ISA),
    .multiplies_bytes = true,
#else
    .name = "int16 " SPINEL_TEXT(SPINEL_ISA),
    .multiplies_bytes = false,
#endif
    .element_bytes = sizeof(Element),
    .depth_step = depth_step,
    .panel_columns = panel,
    .tile_rows = tile_rows,
    .pack_columns = pack_byte_columns,
    .pack_patches = pack_byte_patches,
    .row_sums = row_sums,
    .multiply = multiply,
    .requantize_row = requantize_row,
    .depthwise_rows = byte_depthwise_rows,
#if defined(__AVX512VNNI__)
    .pack_depthwise = pack_byte_depthwise,
#else
    .pack_depthwise = nullptr,
#endif
    .max_pool = byte_max_pool,
};

}  // namespace spinel::cpu::SPINEL_ISA
