#include "cpu/isa.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/text.hpp"
#include "cpu/byte_kernels.hpp"
#include "cpu/half_kernels.hpp"
#include "cpu/kernels.hpp"

namespace spinel::cpu {
namespace {

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
// F16C is not among the names that the compilers know; every processor with AVX2 has it.
#if defined(SPINEL_HAS_AVX512_VNNI)
bool has_avx512_vnni() { return has_avx512() && __builtin_cpu_supports("avx512vnni"); }
#endif
#if defined(SPINEL_HAS_AVX512_FP16)
// Clang 14 compiles AVX512-FP16 without knowing its name here: bit 23 of EDX.
bool has_avx512_fp16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return has_avx512() && __builtin_cpu_supports("avx512vnni") &&
         __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d >> 23 & 1U) != 0;
}
#endif
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#endif
bool always() { return true; }

const Isa isa_table[] = {
#if defined(__x86_64__)
#if defined(SPINEL_HAS_AVX512_FP16)
    {"avx512_fp16", has_avx512_fp16, &avx512::kernels, &avx512_fp16::half_kernels,
     &avx512_vnni::byte_kernels},
#endif
#if defined(SPINEL_HAS_AVX512_VNNI)
    {"avx512_vnni", has_avx512_vnni, &avx512::kernels, &avx512_vnni::half_kernels,
     &avx512_vnni::byte_kernels},
#endif
    {"avx512", has_avx512, &avx512::kernels, nullptr, &avx512::byte_kernels},
    {"avx2", has_avx2, &avx2::kernels, nullptr, &avx2::byte_kernels},
#endif
    {"portable", always, &portable::kernels, nullptr, &portable::byte_kernels},
};

}  // namespace

std::span<const Isa> isas() { return isa_table; }

bool has_isa(std::string_view name) {
  for (const Isa& isa : isa_table)
    if (name == isa.name) return isa.available();
  return false;
}

const Isa& best_isa() {
  for (const Isa& isa : isa_table)
    if (isa.available()) return isa;
  return isa_table[std::size(isa_table) - 1];
}

const Isa& find_isa(std::string_view name) {
  if (name.empty()) return best_isa();
  std::string names;
  for (const Isa& isa : isa_table) {
    if (name == isa.name) {
      if (!isa.available())
        fail(ErrorCode::unsupported, "this machine lacks the instruction set '{}'; its best is '{}'", name,
             best_isa().name);
      return isa;
    }
    names += (names.empty() ? "" : ", ") + std::string(isa.name);
  }
  fail(ErrorCode::not_found, "there are no kernels for the instruction set '{}'; this build has: {}", name,
       names);
}

}  // namespace spinel::cpu
