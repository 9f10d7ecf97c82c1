#include "cli/bench_peak.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace spinel::cli {

#if defined(__x86_64__)
namespace {

constexpr int chains = 12;  // Hides 4 to 5 cycles of latency on two units, and fits into 16 registers.
constexpr int64_t rounds = 20'000;
constexpr int repeats = 100;

/// Runs `rounds` times `chains` multiply-adds; returns what keeps them from being left out.
__attribute__((target("avx512f"))) float multiply_add_512() {
  __m512 sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  __m512 a = _mm512_set1_ps(0.999F);
  __m512 b = _mm512_set1_ps(0.001F);
  for (int64_t round = 0; round < rounds; ++round) {
    asm("" : "+v"(a), "+v"(b));
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm512_fmadd_ps(sums[i], a, b);
  }
  for (int i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  return _mm512_cvtss_f32(sums[0]);
}

__attribute__((target("avx2,fma"))) float multiply_add_256() {
  __m256 sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  __m256 a = _mm256_set1_ps(0.999F);
  __m256 b = _mm256_set1_ps(0.001F);
  for (int64_t round = 0; round < rounds; ++round) {
    asm("" : "+x"(a), "+x"(b));
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = _mm256_fmadd_ps(sums[i], a, b);
  }
  for (int i = 1; i < chains; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  return _mm256_cvtss_f32(sums[0]);
}

}  // namespace

std::optional<double> measure_peak_flops(int threads) {
  const bool wide = __builtin_cpu_supports("avx512f");
  if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return std::nullopt;
  const double flops = 2.0 * chains * (wide ? 16 : 8) * static_cast<double>(rounds);

  std::atomic<int> waiting{threads};
  std::vector<double> rates(static_cast<size_t>(threads));
  const auto work = [&](size_t index) {
    // The cores' speed counts with all of them at work.
    for (waiting.fetch_sub(1); waiting.load() > 0;) std::this_thread::yield();
    double best_s = 1e9;
    volatile float kept = 0;
    for (int i = 0; i < repeats; ++i) {
      const auto start = std::chrono::steady_clock::now();
      kept = wide ? multiply_add_512() : multiply_add_256();
      best_s =
          std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    rates[index] = flops / best_s + 0 * kept;
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < rates.size(); ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& thread : others) thread.join();
  double sum = 0;
  for (double rate : rates) sum += rate;
  return sum;
}
#else
std::optional<double> measure_peak_flops(int) { return std::nullopt; }
#endif

}  // namespace spinel::cli
