// `spinel bench --profile`: where the time of a run goes.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include <spinel/engine.hpp>

#include "cli/bench_inputs.hpp"
#include "cli/bench_measure.hpp"
#include "cli/output.hpp"

namespace spinel::cli {

/// Runs of one batch: the fastest one's timeline, and for each layer the median over all of them.
struct BatchProfile {
  int64_t batch = 1;
  int64_t runs = 0;
  RunProfile fastest;
  std::vector<double> layers_ms;  ///< Medians, in the order of fastest.layers.
  double between_ms = 0;          ///< Median of what a run takes outside its layers.
  double total_ms = 0;            ///< All of these.
  int threads = 1;
  std::optional<double> peak_flops;  ///< A second, of all threads.
};

/// Nothing if interrupted before the first run was finished. Throws Error.
std::optional<BatchProfile> profile_batch(const InferEngine& engine, const BenchBatch& batch,
                                          const Budget& budget, const Interrupt& interrupt);

/// A line an operator and kernel, then a line a layer, the slowest first.
void print_profile(const BatchProfile& profile);

Json to_json(const BatchProfile& profile);

/// The timelines as Chrome's trace events, which Perfetto and chrome://tracing open. Throws Error(io).
void write_trace(const std::string& file, const std::string& model,
                 const std::vector<BatchProfile>& profiles);

}  // namespace spinel::cli
