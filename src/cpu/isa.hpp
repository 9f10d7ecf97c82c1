// Instruction sets: which kernels this machine can run.
#pragma once
#include <span>
#include <string_view>

namespace spinel::cpu {

struct Kernels;
struct HalfKernels;
struct ByteKernels;

/// One instruction set that the tuned kernels were compiled for.
struct Isa {
  const char* name;  ///< "avx512_fp16", "avx512_vnni", "avx512", "avx2", "portable".
  bool (*available)();
  const Kernels* kernels;
  /// Products of float16 matrices in 16 bits; nullptr: float16 is stored and computed in float32.
  const HalfKernels* half_kernels;
  const ByteKernels* byte_kernels;
};

/// Those of this build, best first; the last runs everywhere.
std::span<const Isa> isas();
/// Whether there are kernels of that name that this machine can run.
bool has_isa(std::string_view name);
/// The best that this machine has.
const Isa& best_isa();
/// Throws Error(not_found) that lists the names, or Error(unsupported) if this machine lacks it. Empty: the
/// best.
const Isa& find_isa(std::string_view name);

}  // namespace spinel::cpu
