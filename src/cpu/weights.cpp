#include "cpu/weights.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/cancel.hpp"
#include "cpu/vector_kernels.hpp"
#include "ops/shape_rules.hpp"

namespace spinel::cpu {
namespace {

/// Elements that are looked through before a cancelled load is noticed.
constexpr int64_t weigh_piece = int64_t{1} << 20;

/// Turns a matrix into panels row by row of K, in the matrix's type.
class PanelReader {
 public:
  PanelReader(const Kernels& kernels, const WeightMatrix& matrix) : kernels_(kernels), matrix_(matrix) {
    if (matrix_.taps > 1)
      scratch_.resize(
          static_cast<size_t>(block_channels() * matrix_.taps * kernels_.panel_columns * element()));
  }

  /// to[(tap * channels + channel) * width + i] = column first + i, or 0 behind the last of `count`.
  void read(int64_t first, int64_t count, int64_t width, std::byte* to) {
    if (count < width) std::memset(to, 0, static_cast<size_t>(matrix_.depth() * width * element()));
    const int64_t row = width * element();
    for (int64_t c = 0; c < matrix_.channels; c += block_channels()) {
      check_load_cancelled();
      const WeightBlock block{first, count, c, std::min(block_channels(), matrix_.channels - c)};
      if (matrix_.column_stride == 1) {
        copy_rows(at(first, c), matrix_.channel_stride, to + c * row, row, block);
      } else if (matrix_.taps == 1) {
        turn_weights(kernels_, matrix_, block, to + c * row, width);
      } else {
        turn_weights(kernels_, matrix_, block, scratch_.data(), width);
        for (int64_t tap = 0; tap < matrix_.taps; ++tap)
          copy_rows(scratch_.data() + tap * row, matrix_.taps * width,
                    to + (tap * matrix_.channels + c) * row, row, block);
      }
    }
  }

 private:
  int64_t element() const { return matrix_.half ? 2 : 4; }
  /// As many channels as stay in the first-level cache, where taps are still to be put in order.
  int64_t block_channels() const {
    constexpr int64_t rows = 256;
    return matrix_.taps > 1 ? std::max<int64_t>(1, rows / matrix_.taps) : 8 * rows;
  }
  const std::byte* at(int64_t column, int64_t channel) const {
    return static_cast<const std::byte*>(matrix_.from) +
           (column * matrix_.column_stride + channel * matrix_.channel_stride) * element();
  }
  void copy_rows(const std::byte* from, int64_t from_stride, std::byte* to, int64_t to_bytes,
                 const WeightBlock& block) const {
    kernels_.vector->copy_rows(from, from_stride * element(), to, to_bytes, block.channels,
                               block.columns * element());
  }

  const Kernels& kernels_;
  const WeightMatrix& matrix_;
  std::vector<std::byte> scratch_;
};

}  // namespace

void turn_weights(const Kernels& kernels, const WeightMatrix& matrix, const WeightBlock& block, void* to,
                  int64_t width) {
  const int element = matrix.half ? 2 : 4;
  const int64_t first =
      block.first_column * matrix.column_stride + block.first_channel * matrix.channel_stride;
  kernels.vector->transpose({.from = static_cast<const std::byte*>(matrix.from) + first * element,
                             .to = to,
                             .from_stride = matrix.column_stride,
                             .to_stride = width,
                             .rows = block.columns,
                             .columns = block.channels * matrix.taps,
                             .element_bytes = element});
}

void pack_weights(const Kernels& kernels, const WeightMatrix& matrix, void* to) {
  PanelReader reader(kernels, matrix);
  auto* out = static_cast<std::byte*>(to);
  for (int64_t n = 0; n < matrix.columns; n += kernels.panel_columns) {
    const int64_t count = std::min(kernels.panel_columns, matrix.columns - n);
    const int64_t width = kernels.packed_size(1, count);
    reader.read(n, count, width, out);
    out += matrix.depth() * width * (matrix.half ? 2 : 4);
  }
}

void pack_weights(const Isa& isa, int64_t half_chunk, const WeightMatrix& matrix, void* to) {
  if (half_chunk == 0) return pack_weights(*isa.kernels, matrix, to);
  const int64_t panel_columns = isa.kernels->panel_columns;
  const int64_t depth = matrix.depth();
  PanelReader reader(*isa.kernels, matrix);
  std::vector<uint16_t> panel(static_cast<size_t>(depth * panel_columns));
  auto* out = static_cast<uint16_t*>(to);
  for (int64_t n = 0; n < matrix.columns; n += panel_columns) {
    const int64_t count = std::min(panel_columns, matrix.columns - n);
    reader.read(n, count, count, reinterpret_cast<std::byte*>(panel.data()));
    isa.half_kernels->pack_columns(panel.data(), count, depth, count, half_chunk, out);
    out += isa.half_kernels->packed_size(depth, count);
  }
}

int64_t packed_weights_size(const Isa& isa, int64_t half_chunk, int64_t depth, int64_t columns) {
  return half_chunk != 0 ? isa.half_kernels->packed_size(depth, columns)
                         : isa.kernels->packed_size(depth, columns);
}

WeightFacts weigh(const Isa& isa, const Tensor& weights) {
  const bool half = weights.dtype() == DType::float16;
  const Tensor from = half ? weights : ops::to_float32(weights);
  const auto* bytes = static_cast<const std::byte*>(from.raw());
  const int64_t count = from.element_count();
  WeightFacts facts;
  for (int64_t n = 0; n < count; n += weigh_piece) {
    check_load_cancelled();
    const WeightFacts piece =
        isa.kernels->weigh(half, bytes + n * (half ? 2 : 4), std::min(weigh_piece, count - n));
    facts.finite &= piece.finite;
    facts.zeros += piece.zeros;
  }
  return facts;
}

int64_t choose_half_chunk(const Isa& isa, DType dtype, const WeightFacts& facts, int64_t count,
                          int64_t wanted) {
  if (dtype != DType::float16 || isa.half_kernels == nullptr || !facts.finite) return 0;
  // Where most weights are zeros, a result may come from a row's small elements alone, as one of a bank of
  // filters does: fixed point would have rounded them to the size of the large ones.
  if (isa.half_kernels->prepare_rows != nullptr && 4 * facts.zeros > 3 * count) return 0;
  return wanted != 0 ? wanted : isa.half_kernels->default_chunk;
}

}  // namespace spinel::cpu
