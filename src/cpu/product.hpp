// The product that convolutions and linear layers come down to, cut into tasks.
#pragma once
#include "cpu/kernels.hpp"
#include "graph/op.hpp"

namespace spinel::cpu {

/// C = activation(A * B + bias + residual) with A either a matrix or the patches of a convolution's input.
struct Product {
  const float* a = nullptr;   ///< rows x depth; unused with patches.
  int64_t a_stride = 0;       ///< Floats between rows.
  bool from_patches = false;  ///< A is the patches.
  Patches patches = {};
  const float* b = nullptr;  ///< Packed by Kernels::pack_columns.
  float* c = nullptr;
  int64_t c_stride = 0;
  const float* residual = nullptr;  ///< May be c.
  int64_t residual_stride = 0;
  int64_t rows = 0;
  int64_t depth = 0;
  int64_t columns = 0;
  Epilogue epilogue = {};
};

/// Scratch of a task of run_products for products with patches.
uint64_t patch_scratch_bytes(const Kernels& kernels, int64_t depth);

/// Runs `count` products of equal sizes, which `make(i)` describes, on the context's threads. Each element is
/// summed over depth_block after depth_block, however the work is cut.
void run_products(graph::RunContext& context, const Kernels& kernels, int64_t count,
                  FunctionRef<Product(int64_t index)> make);

}  // namespace spinel::cpu
