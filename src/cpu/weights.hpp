// Weights on their way from the model's order to that of products: packed in panels of columns.
#pragma once
#include "cpu/half_kernels.hpp"
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "graph/op.hpp"

namespace spinel::cpu {

/// A matrix B [taps * channels, columns] of weights where the model has it. Strides in elements: the taps of
/// a channel are neighbours, and so are either its columns (then there is one tap) or its channels.
struct WeightMatrix {
  const void* from = nullptr;
  bool half = false;  ///< float16, else float32.
  int64_t columns = 0;
  int64_t channels = 0;
  int64_t taps = 1;
  int64_t column_stride = 1;
  int64_t channel_stride = 1;

  int64_t depth() const { return taps * channels; }
};

/// Some columns and channels of a WeightMatrix, all taps.
struct WeightBlock {
  int64_t first_column, columns;
  int64_t first_channel, channels;
};

/// to[(channel * taps + tap) * width + column] = an element of the block, of a matrix whose channels are
/// neighbours.
void turn_weights(const Kernels& kernels, const WeightMatrix& matrix, const WeightBlock& block, void* to,
                  int64_t width);

/// Packs B, in the order (tap, channel) of K, as Kernels::pack_columns does, in the matrix's type. Throws
/// Error(cancelled).
void pack_weights(const Kernels& kernels, const WeightMatrix& matrix, void* to);
/// The same as a product with this half_chunk reads it: into
/// packed_weights_size() elements of the matrix's type. Throws Error(cancelled).
void pack_weights(const Isa& isa, int64_t half_chunk, const WeightMatrix& matrix, void* to);
/// Elements of the result.
int64_t packed_weights_size(const Isa& isa, int64_t half_chunk, int64_t depth, int64_t columns);

/// Looks through a tensor of any float type. Throws Error(cancelled).
WeightFacts weigh(const Isa& isa, const Tensor& weights);
/// `half_chunk` of a layer of that type and those weights, of `count` elements: 0 unless the instruction set
/// has 16-bit arithmetic for it, else `wanted`, or what is usual there if that is 0.
int64_t choose_half_chunk(const Isa& isa, DType dtype, const WeightFacts& facts, int64_t count,
                          int64_t wanted);

}  // namespace spinel::cpu
