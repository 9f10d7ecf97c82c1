// The product that convolutions and linear layers come down to, cut into tasks.
#pragma once
#include "cpu/half_kernels.hpp"
#include "cpu/isa.hpp"
#include "cpu/kernels.hpp"
#include "graph/op.hpp"

namespace spinel::cpu {

/// Where the rows of C lie if they are not all c_stride apart: in lines of `rows`, `per_image` of them in an
/// image. Strides in elements.
struct OutputLines {
  int64_t rows = 0;  ///< 0: one line.
  int64_t stride = 0;
  int64_t per_image = 0;
  int64_t image_stride = 0;
};

/// C = activation(A * B + bias + residual) with A either a matrix or the patches of a convolution's input.
struct Product {
  bool half = false;          ///< A, C, the residual and the patches are float16, else float32.
  bool half_weights = false;  ///< B is float16.
  /// Not 0: arithmetic in 16 bits, in sums of at most as many products; B as HalfKernels::pack_columns has
  /// it.
  int64_t half_chunk = 0;
  const HalfKernels* half_kernels = nullptr;
  bool from_patches = false;  ///< A is the patches.
  Patches patches = {};
  /// B has no Inf and no NaN: then products with zeros change no sum (which began with +0, so that it is
  /// never -0), and depth blocks of patches that lie on padding alone are left out.
  bool finite_weights = false;
  const void* a = nullptr;  ///< rows x depth; unused with patches.
  int64_t a_stride = 0;     ///< Elements between rows.
  const void* b = nullptr;  ///< Packed by Kernels::pack_columns.
  void* c = nullptr;
  int64_t c_stride = 0;
  OutputLines c_lines = {};        ///< With lines there is no residual.
  const void* residual = nullptr;  ///< May be c.
  int64_t residual_stride = 0;
  int64_t rows = 0;
  int64_t depth = 0;
  int64_t columns = 0;
  Epilogue epilogue = {};
};

/// Scratch that a task of run_products needs.
uint64_t product_scratch_bytes(const Kernels& kernels, const Product& product);

/// Runs `count` products of equal sizes, which `make(i)` describes, on the context's threads. Each element is
/// summed over depth_block after depth_block (half_chunk after half_chunk), however the work is cut.
void run_products(graph::RunContext& context, const Kernels& kernels, int64_t count,
                  FunctionRef<Product(int64_t index)> make);

/// The same of one product on the calling thread, with product_scratch_bytes of memory.
void run_product(const Kernels& kernels, const Product& product, std::byte* scratch);

}  // namespace spinel::cpu
