// Timing an engine through the public API: latency, throughput, memory.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include <spinel/engine.hpp>

#include "cli/interrupt.hpp"

namespace spinel::cli {

/// How long to measure: `iterations` runs, or, if that is 0, for `seconds` (at least one run).
struct Budget {
  int64_t iterations = 0;
  double seconds = 2;
};

/// Whether another run fits into the budget; the time begins with the construction.
class Countdown {
 public:
  explicit Countdown(const Budget& budget) : budget_(budget) {}
  /// Counts a run that begins now, or says false.
  bool next();

 private:
  const Budget budget_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  int64_t started_ = 0;
};

/// Milliseconds; percentiles by nearest rank.
struct Latency {
  double mean = 0;
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double p999 = 0;
  int64_t runs = 0;
};

/// `runs_ms` must not be empty.
Latency summarise(std::vector<double> runs_ms);

/// Measures one engine on one set of inputs. Results are written into buffers that are kept between runs.
/// Every measurement ends early once the interrupt is requested. Not thread-safe. Methods throw Error.
class Measurement {
 public:
  Measurement(const InferEngine& engine, std::vector<Tensor> inputs, const Interrupt& interrupt);

  /// One run; its milliseconds, or nothing if it was interrupted.
  std::optional<double> run_once();
  /// Runs one after another. Nothing if not a single one was finished.
  std::optional<Latency> latency(const Budget& budget);
  /// Runs finished per second with `depth` of them queued at any time. Nothing if not a single one was
  /// finished.
  std::optional<double> runs_per_second(const Budget& budget, int64_t depth);

 private:
  const InferEngine& engine_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  const Interrupt& interrupt_;
};

/// The greatest resident memory of this process so far, in bytes; 0 where the system does not tell.
uint64_t peak_resident_bytes();

}  // namespace spinel::cli
