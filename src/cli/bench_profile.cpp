#include "cli/bench_profile.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <numeric>
#include <utility>

#include "base/text.hpp"
#include "cli/bench_peak.hpp"

namespace spinel::cli {
namespace {

/// Layers below this share of the time are summed up in one line.
constexpr double least_share = 0.001;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// What a line of the tables says of one or several layers.
struct Cost {
  double ms = 0;
  double flops = 0;
  int64_t layers = 0;

  void add(double layer_ms, double layer_flops) {
    ms += layer_ms;
    flops += layer_flops;
    ++layers;
  }
  double flops_per_second() const { return ms > 0 ? flops / ms * 1e3 : 0; }
};

std::string share_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f}%", 100 * part / whole) : "-";
}

void print_row(const BatchProfile& profile, const Cost& cost, const std::string& what) {
  const bool computes = cost.flops > 0 && cost.ms > 0;
  fmt::print("{:>10.3f}{:>8}{:>10}{:>9}  {}\n", cost.ms, share_text(cost.ms, profile.total_ms),
             computes ? fmt::format("{:.1f}", cost.flops_per_second() / 1e9) : "-",
             computes && profile.peak_flops ? share_text(cost.flops_per_second(), *profile.peak_flops) : "-",
             what);
}

void print_head(const char* what) {
  fmt::print("{:>10}{:>8}{:>10}{:>9}  {}\n", "ms", "share", "GFLOP/s", "of peak", what);
}

std::string output_text(const LayerTime& layer) {
  return layer.outputs.empty() || layer.outputs[0].empty() ? "" : dims_text(layer.outputs[0]);
}

}  // namespace

std::optional<BatchProfile> profile_batch(const InferEngine& engine, const BenchBatch& batch,
                                          const Budget& budget, const Interrupt& interrupt) {
  BatchProfile result;
  result.batch = batch.size;
  result.threads = engine.spas() * engine.threads_per_spa();
  result.peak_flops = measure_peak_flops(result.threads);
  std::vector<std::vector<double>> layers_ms;
  std::vector<double> between_ms;
  Countdown countdown(budget);
  while (!interrupt.requested() && countdown.next()) {
    RunProfile profile;
    try {
      profile = engine.profile(batch.inputs, &interrupt.token());
    } catch (const Error& error) {
      if (error.code() != ErrorCode::cancelled) throw;
      break;
    }
    layers_ms.resize(profile.layers.size());
    int64_t between_ns = profile.duration_ns;
    for (size_t i = 0; i < profile.layers.size(); ++i) {
      between_ns -= profile.layers[i].duration_ns;
      layers_ms[i].push_back(static_cast<double>(profile.layers[i].duration_ns) * 1e-6);
    }
    between_ms.push_back(static_cast<double>(between_ns) * 1e-6);
    if (result.runs++ == 0 || profile.duration_ns < result.fastest.duration_ns)
      result.fastest = std::move(profile);
  }
  if (result.runs == 0) return std::nullopt;
  for (std::vector<double>& values : layers_ms) result.layers_ms.push_back(median(std::move(values)));
  result.between_ms = median(std::move(between_ms));
  result.total_ms = std::accumulate(result.layers_ms.begin(), result.layers_ms.end(), result.between_ms);
  return result;
}

void print_profile(const BatchProfile& profile) {
  const std::vector<LayerTime>& layers = profile.fastest.layers;
  Cost total;
  std::map<std::pair<std::string, std::string>, Cost> kinds;
  for (size_t i = 0; i < layers.size(); ++i) {
    total.add(profile.layers_ms[i], layers[i].flops);
    kinds[{layers[i].op, layers[i].kernel}].add(profile.layers_ms[i], layers[i].flops);
  }
  fmt::print(
      "\nbatch {} on {} thread{}, medians of {} run{}: {:.3f} ms, {:.2f} GFLOP{}\n", profile.batch,
      profile.threads, profile.threads == 1 ? "" : "s", profile.runs, profile.runs == 1 ? "" : "s",
      profile.total_ms, total.flops / 1e9,
      profile.peak_flops ? fmt::format(", peak {:.0f} GFLOP/s in float32", *profile.peak_flops / 1e9) : "");

  print_head("operator, kernel, layers");
  std::vector<std::pair<std::string, Cost>> sorted;
  for (const auto& [kind, cost] : kinds)
    sorted.emplace_back(fmt::format("{}, {}, {}", kind.first, kind.second, cost.layers), cost);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.ms > b.second.ms; });
  for (const auto& [what, cost] : sorted) print_row(profile, cost, what);
  print_row(profile, {profile.between_ms, 0, 0}, "between layers");

  fmt::print("\n");
  print_head("layer: operator, kernel, output");
  std::vector<size_t> order(layers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return profile.layers_ms[a] > profile.layers_ms[b]; });
  Cost rest;
  for (size_t i : order) {
    Cost cost;
    cost.add(profile.layers_ms[i], layers[i].flops);
    if (cost.ms >= least_share * profile.total_ms)
      print_row(profile, cost,
                fmt::format("{}: {}, {}, {}", layers[i].name, layers[i].op, layers[i].kernel,
                            output_text(layers[i])));
    else
      rest.add(cost.ms, cost.flops);
  }
  if (rest.layers > 0)
    print_row(profile, rest, fmt::format("{} layers of less than {}% each", rest.layers, least_share * 100));
}

Json to_json(const BatchProfile& profile) {
  Json layers = Json::array();
  for (size_t i = 0; i < profile.fastest.layers.size(); ++i) {
    const LayerTime& layer = profile.fastest.layers[i];
    const double ms = profile.layers_ms[i];
    const double rate = ms > 0 ? layer.flops / ms * 1e3 : 0;
    layers.push_back(
        {{"name", layer.name},
         {"op", layer.op},
         {"kernel", layer.kernel},
         {"sources", layer.sources},
         {"inputs", layer.inputs},
         {"outputs", layer.outputs},
         {"ms", ms},
         {"share", profile.total_ms > 0 ? ms / profile.total_ms : 0},
         {"gflops_per_s", rate / 1e9},
         {"share_of_peak", profile.peak_flops ? Json(rate / *profile.peak_flops) : Json(nullptr)}});
  }
  return {{"batch", profile.batch},
          {"threads", profile.threads},
          {"runs", profile.runs},
          {"total_ms", profile.total_ms},
          {"between_layers_ms", profile.between_ms},
          {"peak_gflops_per_s", profile.peak_flops ? Json(*profile.peak_flops / 1e9) : Json(nullptr)},
          {"layers", layers}};
}

void write_trace(const std::string& file, const std::string& model,
                 const std::vector<BatchProfile>& profiles) {
  Json events = Json::array();
  for (const BatchProfile& profile : profiles) {
    events.push_back({{"name", "process_name"},
                      {"ph", "M"},
                      {"pid", profile.batch},
                      {"args", {{"name", fmt::format("{}, batch {}", model, profile.batch)}}}});
    for (const LayerTime& layer : profile.fastest.layers)
      events.push_back({{"name", layer.name},
                        {"cat", layer.op},
                        {"ph", "X"},
                        {"pid", profile.batch},
                        {"tid", 1},
                        {"ts", static_cast<double>(layer.start_ns) * 1e-3},
                        {"dur", static_cast<double>(layer.duration_ns) * 1e-3},
                        {"args",
                         {{"op", layer.op},
                          {"kernel", layer.kernel},
                          {"output", output_text(layer)},
                          {"gflop", layer.flops / 1e9},
                          {"sources", layer.sources}}}});
  }
  const Json document = {{"traceEvents", events}, {"displayTimeUnit", "ms"}};
  std::ofstream out(file, std::ios::binary);
  out << document.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  out.close();
  if (!out) fail(ErrorCode::io, "{}: the trace cannot be written", file);
}

}  // namespace spinel::cli
