// Products of 16-bit integers that sums of 32 bits hold: what widened 8-bit operands need. Two neighbouring
// elements of the depth are multiplied at once, so that nothing saturates on the way. The rules of
// cpu/kernels.hpp hold.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace spinel::cpu {

/// C = A * B for a block of rows.
struct IntBlock {
  const int16_t* a = nullptr;  ///< rows x depth, the depth even
  const int16_t* b = nullptr;  ///< Panels of panel_columns columns, each [depth / 2][panel_columns][2].
  int32_t* c = nullptr;        ///< rows x columns
  int64_t c_stride = 0;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t depth = 0;
};

struct IntKernels {
  int64_t panel_columns;
  void (*multiply)(const IntBlock& block);
};

namespace portable {
extern const IntKernels int_kernels;
}
namespace avx2 {
extern const IntKernels int_kernels;
}
namespace avx512 {
extern const IntKernels int_kernels;
}
/// avx512 on a machine with AVX512-VNNI.
namespace avx512_vnni {
extern const IntKernels int_kernels;
}

}  // namespace spinel::cpu
