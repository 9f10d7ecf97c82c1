// The tuned kernels' interface: one table of functions an instruction set.
//
// Kernels never allocate, lock, throw or call the system. Each computes an output element by a sequence of
// operations that depends on the layer's dims alone: not on the batch, nor on where a block of rows begins.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace spinel::cpu {

/// What a product is followed by.
enum class Activation : int32_t {
  none,
  clamp,  ///< To [low, high]; ReLU is clamp to [0, inf].
  sigmoid,
  silu,          ///< x * sigmoid(x)
  hard_sigmoid,  ///< clamp(alpha * x + beta, 0, 1), alpha in `low` and beta in `high`
  hard_swish,    ///< x * clamp(x / 6 + 1 / 2, 0, 1)
  gelu,          ///< x * (1 + erf(x / sqrt 2)) / 2
  gelu_tanh,     ///< its approximation by tanh
  tanh,
};

/// Depth of the blocks that a product is summed in: K order is block after block, element after element.
constexpr int64_t depth_block = 256;

/// activation(product + bias), element by element.
struct Epilogue {
  const float* bias = nullptr;  ///< One a column.
  Activation activation = Activation::none;
  float low = 0;
  float high = 0;
};

/// One depth block of C = A * B for a block of rows.
struct GemmBlock {
  const float* a = nullptr;  ///< rows x depth
  int64_t a_stride = 0;      ///< Floats between rows.
  const float* b = nullptr;  ///< Packed by pack_columns; of a later group of columns: its first panel.
  const uint16_t* half_b = nullptr;  ///< The same as float16, instead of b;
  float* panel = nullptr;            ///< then depth_block * panel_columns floats to widen it in.
  int64_t whole_depth = 0;           ///< Of the packed B.
  int64_t k = 0;                     ///< Where this depth block begins.
  float* c = nullptr;                ///< rows x columns
  int64_t c_stride = 0;              ///< Floats between rows.
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t depth = 0;             ///< Of this block.
  const float* start = nullptr;  ///< rows x columns, added to the product; may be c; nullptr for zeros.
  int64_t start_stride = 0;
  const Epilogue* epilogue = nullptr;  ///< With the last block.
};

/// Rows of a convolution's output computed from planes with their padding around them: element k of an output
/// pixel's patch lies offsets[k] bytes from its first.
struct PlanarRows {
  const float* x = nullptr;          ///< First element of the first output's patch.
  const int32_t* offsets = nullptr;  ///< depth
  int64_t pixel_step = 0;            ///< Floats between the patches of neighbouring outputs,
  int64_t row_step = 0;              ///< and of outputs one below the other.
  const float* b = nullptr;          ///< Packed by pack_columns.
  float* c = nullptr;                ///< [rows, out_width, columns]
  int64_t rows = 0, out_width = 0;
  int64_t depth = 0;  ///< At most depth_block.
  int64_t columns = 0;
  const Epilogue* epilogue = nullptr;
};

/// A convolution's input seen as the matrix of its patches: a row an output pixel, a column a (kd, kh, kw,
/// channel). Of two axes: the depths are 1.
struct Patches {
  bool half = false;         ///< The elements are float16, else float32.
  const void* x = nullptr;   ///< [N, depth, height, width, pixel_stride], first channel of the group.
  int64_t pixel_stride = 0;  ///< Elements between pixels.
  int64_t channels = 0;      ///< Of the group.
  int64_t height = 0, width = 0;
  int64_t out_height = 0, out_width = 0;
  int64_t kernel_h = 0, kernel_w = 0;
  int64_t stride_h = 1, stride_w = 1;
  int64_t dilation_h = 1, dilation_w = 1;
  int64_t pad_top = 0, pad_left = 0;
  int64_t depth = 1, out_depth = 1;  ///< Of those who take them: products of floats, and pools.
  int64_t kernel_d = 1, stride_d = 1, dilation_d = 1, pad_front = 0;
};

/// A block of tiles of Winograd's F(4x4, 3x3); a tile makes 4 x 4 outputs of one image. With dilation d they
/// are every d-th pixel: the image falls into d x d phases, each of which is convolved without dilation.
struct WinogradTiles {
  Patches patches;   ///< Kernel 3x3, stride 1.
  int64_t tile = 0;  ///< First, counted over [N, dilation_h, dilation_w, tiles_h, tiles_w].
  int64_t tiles = 0;
  int64_t tiles_h = 0, tiles_w = 0;  ///< Of a phase.
};

/// Where the outputs of a block of tiles go.
struct WinogradOutput {
  void* y =
      nullptr;  ///< [N, out_height, out_width, pixel_stride], first column of the group; of X's element type.
  const void* residual = nullptr;  ///< Likewise; may be y.
  int64_t pixel_stride = 0;
  int64_t columns = 0;
  const Epilogue* epilogue = nullptr;
};

/// Rows of the output of a convolution of groups of group_channels, as many in as out: `row` counts
/// [N, out_height].
struct DepthwiseRows {
  Patches patches;             ///< Of all channels.
  int64_t group_channels = 1;  ///< 1 (depthwise), 2, 4, 8 or 16.
  /// [kernel_h, kernel_w, group_channels, channels]: of a tap the products with the first input of each
  /// group, with the second, and so on.
  const float* weights = nullptr;
  void* y = nullptr;               ///< [N, out_height, out_width, channels], of X's element type.
  const void* residual = nullptr;  ///< Likewise, with the same strides; may be y.
  /// Elements of Y.
  int64_t y_image_stride = 0, y_row_stride = 0, y_pixel_stride = 0;
  int64_t row = 0;
  int64_t rows = 0;
  int64_t channel = 0;   ///< The first to be computed, a multiple of vector_floats.
  int64_t channels = 0;  ///< To be computed.
  const Epilogue* epilogue = nullptr;
  float* scratch = nullptr;  ///< depthwise_scratch_floats
};

/// Rows of a pool's output: `row` counts [N, out_depth, out_height].
struct PoolRows {
  Patches patches;
  int64_t row = 0;
  int64_t rows = 0;
  bool counts_padding = false;                          ///< Padding counts for the divisor of the mean.
  int64_t pad_back = 0, pad_bottom = 0, pad_right = 0;  ///< What lies beyond never counts.
};

/// What is to be known of weights before they are packed.
struct WeightFacts {
  bool finite = true;  ///< No Inf and no NaN.
  int64_t zeros = 0;   ///< Elements that are 0.
};

/// What rounding to float16 has done to the elements.
struct HalfRounding {
  int64_t clamped = 0;  ///< Finite ones beyond +-65504, which became that.
  int64_t flushed = 0;  ///< Ones other than 0 that became 0.
};

struct VectorKernels;
struct AttentionKernels;

struct Kernels {
  const VectorKernels* vector;        ///< All that are not products: cpu/vector_kernels.hpp.
  const AttentionKernels* attention;  ///< cpu/attention_kernels.hpp.

  int64_t vector_floats;  ///< Columns are padded to a multiple of it.
  int64_t panel_columns;  ///< Columns of a panel of B.
  int64_t tile_rows;      ///< Rows of the register tile; a block of rows is best a multiple of it.

  /// Floats that pack_columns writes.
  int64_t (*packed_size)(int64_t depth, int64_t columns);
  /// Packs B for gemm_block: panels of panel_columns columns, each depth x panel_columns, the last one only
  /// as wide as the vectors that it needs; padded with zeros. b(k, n) = from[k * row_stride + n *
  /// column_stride].
  void (*pack_columns)(const float* from, int64_t row_stride, int64_t column_stride, int64_t depth,
                       int64_t columns, float* to);
  void (*gemm_block)(const GemmBlock& block);
  void (*planar_rows)(const PlanarRows& rows);
  /// Copies rows [row, row + rows), columns [k, k + depth) of the patches to `to` with `to_stride` floats
  /// between rows. Returns false, and copies nothing, if all of them lie on padding.
  bool (*pack_patches)(const Patches& patches, int64_t row, int64_t rows, int64_t k, int64_t depth, float* to,
                       int64_t to_stride);
  /// The same of float16 into float16.
  bool (*pack_half_patches)(const Patches& patches, int64_t row, int64_t rows, int64_t k, int64_t depth,
                            uint16_t* to, int64_t to_stride);

  /// u[point * plane + channel * columns + column] = G g G^T of the filters taps[channels][3 * 3][columns],
  /// for 36 points.
  void (*winograd_weights)(const float* taps, int64_t channels, int64_t columns, float* u, int64_t plane);
  /// v[36][tiles][channels] = B^T d B of the tiles' inputs.
  void (*winograd_input)(const WinogradTiles& tiles, float* v);
  /// y = activation(A^T m A + bias + residual), m[36][tiles][columns].
  void (*winograd_output)(const WinogradTiles& tiles, const float* m, const WinogradOutput& out);

  /// Floats of scratch memory that depthwise_rows needs: by the window alone.
  int64_t (*depthwise_scratch_floats)(const Patches& patches, int64_t group_channels);
  /// Each output is summed tap after tap; bias and residual are added last.
  void (*depthwise_rows)(const DepthwiseRows& rows);

  /// The greatest element of each window, a NaN if there is one; -inf for a window that lies on padding
  /// alone.
  void (*max_pool)(const PoolRows& pool, void* y);
  void (*average_pool)(const PoolRows& pool, void* y);
  /// to[c] = the mean of from[row * columns + c] over all rows, summed in order; both float16 if `half`.
  void (*mean_rows)(bool half, const void* from, int64_t rows, int64_t columns, void* to);

  /// float16 to float and back, `columns` of each row; strides in elements.
  void (*widen_rows)(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
                     int64_t to_stride);
  void (*narrow_rows)(const float* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                      int64_t to_stride);

  /// Of float32, or of float16 if `half`; at most 2^30 elements.
  WeightFacts (*weigh)(bool half, const void* from, int64_t count);
  /// To float16, saturating instead of overflowing; at most 2^30 elements.
  HalfRounding (*round_weights)(const float* from, int64_t count, uint16_t* to);
};

namespace portable {
extern const Kernels kernels;
}
namespace avx2 {
extern const Kernels kernels;
}
namespace avx512 {
extern const Kernels kernels;
}

}  // namespace spinel::cpu
