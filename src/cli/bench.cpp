// spinel bench MODEL
#include <chrono>
#include <memory>

#include <spinel/engine.hpp>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/bench_inputs.hpp"
#include "cli/bench_measure.hpp"
#include "cli/bench_profile.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"

namespace spinel::cli {
namespace {

/// What was measured of one batch; empty where an interrupt came first.
struct BenchResult {
  int64_t batch = 1;
  std::optional<Latency> latency;
  std::optional<double> samples_per_second;
  std::optional<double> first_run_ms;
  uint64_t arena_bytes = 0;
  uint64_t peak_rss_bytes = 0;
};

struct BenchCommand {
  std::string model;
  std::vector<std::string> shapes;
  std::vector<std::string> files;
  std::vector<int64_t> batches;
  int64_t warmup = 3;
  int64_t depth = 2;
  Budget budget;
  EngineFlags engine;
  bool profile = false;
  std::string trace;
  bool json = false;

  int run() const;
  std::vector<std::optional<int64_t>> wanted_batches() const;
  void profile_all(const InferEngine& loaded, const BenchInputs& inputs, const Interrupt& interrupt) const;
  BenchResult measure(const InferEngine& loaded, const BenchInputs& inputs, std::optional<int64_t> batch,
                      const Interrupt& interrupt) const;
  void print(const InferEngine& loaded, double load_ms, const std::vector<BenchResult>& results,
             bool interrupted) const;
};

Json json_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json result_json(const InferEngine& loaded, double load_ms, const BenchResult& result) {
  Json latency = nullptr;
  if (result.latency)
    latency = {{"mean", result.latency->mean},
               {"p50", result.latency->p50},
               {"p90", result.latency->p90},
               {"p99", result.latency->p99},
               {"p999", result.latency->p999}};
  return {{"target", loaded.target()},
          {"dtype", dtype_name(loaded.compute_dtype())},
          {"batch", result.batch},
          {"spas", loaded.spas()},
          {"threads_per_spa", loaded.threads_per_spa()},
          {"latency_ms", latency},
          {"throughput_samples_per_s", json_or_null(result.samples_per_second)},
          {"load_ms", load_ms},
          {"first_run_ms", json_or_null(result.first_run_ms)},
          {"arena_bytes", result.arena_bytes},
          {"peak_rss_bytes", result.peak_rss_bytes}};
}

std::string number_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f}", *value) : "-";
}

std::string mebibytes_text(uint64_t bytes) {
  return fmt::format("{:.1f}", static_cast<double>(bytes) / (1 << 20));
}

BenchResult BenchCommand::measure(const InferEngine& loaded, const BenchInputs& inputs,
                                  std::optional<int64_t> batch, const Interrupt& interrupt) const {
  BenchBatch made = inputs.make(batch);
  BenchResult result;
  result.batch = made.size;
  result.arena_bytes =
      loaded.memory_report(made.part_dims).arena_bytes_per_spa * static_cast<uint64_t>(made.parts);
  Measurement measurement(loaded, std::move(made.inputs), interrupt);
  fmt::print(stderr, "batch {}: first run\n", result.batch);
  result.first_run_ms = measurement.run_once();
  for (int64_t i = 0; i < warmup; ++i) measurement.run_once();
  fmt::print(stderr, "batch {}: latency\n", result.batch);
  result.latency = measurement.latency(budget);
  fmt::print(stderr, "batch {}: throughput\n", result.batch);
  if (const auto runs = measurement.runs_per_second(budget, depth))
    result.samples_per_second = *runs * static_cast<double>(result.batch);
  result.peak_rss_bytes = peak_resident_bytes();
  return result;
}

void BenchCommand::print(const InferEngine& loaded, double load_ms, const std::vector<BenchResult>& results,
                         bool interrupted) const {
  if (json) {
    Json document = {{"model", model}, {"results", Json::array()}};
    for (const BenchResult& result : results)
      document["results"].push_back(result_json(loaded, load_ms, result));
    if (interrupted) document["interrupted"] = true;
    print_json(document);
    return;
  }
  fmt::print("{} on {}, computed in {}, {} SPA{} with {} thread{} each, loaded in {:.1f} ms{}\n", model,
             loaded.target(), dtype_name(loaded.compute_dtype()), loaded.spas(),
             loaded.spas() == 1 ? "" : "s", loaded.threads_per_spa(),
             loaded.threads_per_spa() == 1 ? "" : "s", load_ms, interrupted ? " (interrupted)" : "");
  constexpr const char* row = "{:>6}{:>10}{:>10}{:>10}{:>10}{:>10}{:>8}{:>12}{:>14}{:>12}{:>11}\n";
  fmt::print(fmt::runtime(row), "batch", "mean ms", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "runs",
             "samples/s", "first run ms", "arena MiB", "peak MiB");
  for (const BenchResult& result : results) {
    const auto figure = [&](double Latency::*member) {
      return result.latency ? number_text((*result.latency).*member) : "-";
    };
    fmt::print(fmt::runtime(row), result.batch, figure(&Latency::mean), figure(&Latency::p50),
               figure(&Latency::p90), figure(&Latency::p99), figure(&Latency::p999),
               result.latency ? result.latency->runs : 0, number_text(result.samples_per_second),
               number_text(result.first_run_ms), mebibytes_text(result.arena_bytes),
               mebibytes_text(result.peak_rss_bytes));
  }
}

/// Nothing stands for the batch that the inputs have.
std::vector<std::optional<int64_t>> BenchCommand::wanted_batches() const {
  std::vector<std::optional<int64_t>> wanted(batches.begin(), batches.end());
  if (wanted.empty()) wanted.emplace_back();
  return wanted;
}

void BenchCommand::profile_all(const InferEngine& loaded, const BenchInputs& inputs,
                               const Interrupt& interrupt) const {
  std::vector<BatchProfile> profiles;
  for (const std::optional<int64_t>& batch : wanted_batches()) {
    if (interrupt.requested()) break;
    const BenchBatch made = inputs.make(batch);
    fmt::print(stderr, "batch {}: profile\n", made.size);
    if (std::optional<BatchProfile> done = profile_batch(loaded, made, budget, interrupt))
      profiles.push_back(std::move(*done));
  }
  if (!trace.empty()) write_trace(trace, model, profiles);
  if (!json) {
    for (const BatchProfile& each : profiles) print_profile(each);
    return;
  }
  Json document = {{"model", model},
                   {"target", loaded.target()},
                   {"dtype", dtype_name(loaded.compute_dtype())},
                   {"profiles", Json::array()}};
  for (const BatchProfile& each : profiles) document["profiles"].push_back(to_json(each));
  if (interrupt.requested()) document["interrupted"] = true;
  print_json(document);
}

int BenchCommand::run() const {
  const EngineOptions options = engine.options(model);
  const auto start = std::chrono::steady_clock::now();
  const InferEngine loaded(options);
  const double load_ms =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  fmt::print(stderr, "loaded {} in {:.1f} ms\n", model, load_ms);

  const BenchInputs inputs(loaded, shapes, files);
  const Interrupt interrupt;
  if (profile) {
    profile_all(loaded, inputs, interrupt);
  } else {
    std::vector<BenchResult> results;
    for (const std::optional<int64_t>& batch : wanted_batches())
      if (!interrupt.requested()) results.push_back(measure(loaded, inputs, batch, interrupt));
    print(loaded, load_ms, results, interrupt.requested());
  }
  return interrupt.requested() ? exit_failure : exit_ok;
}

}  // namespace

Action set_up_bench(CLI::App& app) {
  auto command = std::make_shared<BenchCommand>();
  app.add_option("model", command->model, "ONNX file")->required();
  app.add_option("--shape", command->shapes,
                 "NAME:8x3x224x224, dims of an input; without NAME in the model's order")
      ->allow_extra_args(false);
  app.add_option("--input", command->files, "NAME:FILE.npy instead of random numbers")
      ->allow_extra_args(false);
  app.add_option("--batch", command->batches,
                 "Samples a run, several after commas (default: the shapes', else 1)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::PositiveNumber);
  app.add_option("--warmup", command->warmup, "Runs that are not counted, after the first")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  auto* iterations = app.add_option("--iterations", command->budget.iterations, "Runs a measurement")
                         ->check(CLI::PositiveNumber);
  app.add_option("--seconds", command->budget.seconds, "Time a measurement, of which there are two a batch")
      ->check(CLI::PositiveNumber)
      ->capture_default_str()
      ->excludes(iterations);
  app.add_option("--depth", command->depth, "Runs queued at a time while throughput is measured")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->engine.add_to(app);
  auto* profile =
      app.add_flag("--profile", command->profile,
                   "Time, rate and kernel of each layer instead: the whole batch as one part, on all of "
                   "the engine's threads (--spas 1: as one SPA runs it)");
  app.add_option("--trace", command->trace, "With --profile: file for the timeline, which Perfetto opens")
      ->needs(profile);
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "Latency is that of runs one after another, throughput that of asynchronous runs. Random floats are "
      "normally "
      "distributed, integers 0 or 1, the same in every call. Arena bytes are the activations of all SPAs "
      "that get a "
      "part, peak bytes the process's so far. Ctrl-C prints what was measured and ends with status 1.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
