// spinel info MODEL
#include <algorithm>
#include <map>
#include <memory>

#include <spinel/engine.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "onnx/model.hpp"
#include "onnx/operator_counts.hpp"

namespace spinel::cli {
namespace {

struct InfoCommand {
  std::string model;
  EngineFlags engine;
  bool json = false;
  bool graph = false;

  int run() const;
};

std::string bytes_text(uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  if (bytes < (1u << 20)) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

using OperatorCounts = std::map<std::string, int64_t>;

/// The nodes of the file as it is, those of subgraphs and functions included. An engine file has none of
/// ONNX.
OperatorCounts operators_of(const std::string& path) {
  if (is_engine_file(path)) return {};
  const Bytes bytes = read_file(path, "model");
  return onnx::operator_counts(onnx::parse_model(bytes.data, {}));
}

/// Passes that changed, refused or counted something, in order.
Json passes_json(const std::vector<PassReport>& reports) {
  Json out = Json::array();
  for (const PassReport& report : reports) {
    Json notes = Json::array();
    for (const PassNote& note : report.notes)
      notes.push_back({{"node", note.node}, {"text", note.text}, {"refused", note.refused}});
    out.push_back({{"pass", report.pass},
                   {"enabled", report.enabled},
                   {"changes", report.changes},
                   {"counts", report.counts},
                   {"notes", std::move(notes)},
                   {"notes_left_out", report.notes_left_out}});
  }
  return out;
}

void print_passes(const std::vector<PassReport>& reports) {
  for (const PassReport& report : reports) {
    std::string counts;
    for (const auto& [op, count] : report.counts)
      if (count > 0) counts += fmt::format(", {} x{} now", op, count);
    const auto refused =
        std::ranges::count_if(report.notes, [](const PassNote& note) { return note.refused; });
    if (!report.enabled)
      fmt::print("pass     {}: off\n", report.pass);
    else if (report.changes > 0 || !counts.empty() || refused > 0)
      fmt::print("pass     {}: {} change{}{}\n", report.pass, report.changes, report.changes == 1 ? "" : "s",
                 counts);
    for (const PassNote& note : report.notes)
      if (note.refused) fmt::print("         left alone at '{}': {}\n", note.node, note.text);
  }
}

Json info_json(const std::string& model, const InferEngine& engine) {
  Json inputs = Json::array();
  for (const TensorInfo& info : engine.inputs()) inputs.push_back(to_json(info));
  Json outputs = Json::array();
  for (const TensorInfo& info : engine.outputs()) outputs.push_back(to_json(info));
  const BatchReport batch = engine.batch_report();
  const MemoryReport memory = engine.memory_report();
  return {{"model", model},
          {"target", engine.target()},
          {"compute_dtype", dtype_name(engine.compute_dtype())},
          {"arithmetic", engine.arithmetic()},
          {"spas", engine.spas()},
          {"threads_per_spa", engine.threads_per_spa()},
          {"inputs", inputs},
          {"outputs", outputs},
          {"batch",
           {{"splittable", batch.splittable},
            {"fixed_batch", batch.fixed_batch},
            {"blocking_node", batch.blocking_node},
            {"reason", batch.reason}}},
          {"memory",
           {{"weight_bytes", memory.weight_bytes},
            {"arena_bytes_per_spa", memory.arena_bytes_per_spa},
            {"total_bytes", memory.total_bytes},
            {"unplanned", memory.unplanned}}},
          {"operators", operators_of(model)},
          {"passes", passes_json(engine.pass_report())}};
}

void print_info(const std::string& model, const InferEngine& engine) {
  fmt::print("model    {}\n", model);
  fmt::print("target   {}, computes in {}, {} SPA{} with {} thread{} each\n", engine.target(),
             engine.arithmetic(), engine.spas(), engine.spas() == 1 ? "" : "s", engine.threads_per_spa(),
             engine.threads_per_spa() == 1 ? "" : "s");
  for (const TensorInfo& info : engine.inputs()) fmt::print("input    {}: {}\n", info.name, describe(info));
  for (const TensorInfo& info : engine.outputs()) fmt::print("output   {}: {}\n", info.name, describe(info));

  const BatchReport batch = engine.batch_report();
  if (batch.splittable)
    fmt::print("batch    split over the SPAs{}\n",
               batch.fixed_batch > 0 ? fmt::format(", in parts of {}", batch.fixed_batch) : "");
  else
    fmt::print("batch    not split: {}{}\n", batch.reason,
               batch.blocking_node.empty() ? "" : fmt::format(" (node '{}')", batch.blocking_node));

  const MemoryReport memory = engine.memory_report();
  fmt::print("memory   {}: weights {}, activations {} for each SPA\n", bytes_text(memory.total_bytes),
             bytes_text(memory.weight_bytes), bytes_text(memory.arena_bytes_per_spa));
  if (!memory.unplanned.empty())
    fmt::print("         of a size that only running tells: {}\n", fmt::join(memory.unplanned, ", "));
  std::string operators;
  for (const auto& [name, count] : operators_of(model))
    operators += fmt::format("{}{} x{}", operators.empty() ? "" : ", ", name, count);
  if (!is_engine_file(model)) fmt::print("nodes    {}\n", operators.empty() ? "none" : operators);
  print_passes(engine.pass_report());
}

int InfoCommand::run() const {
  const InferEngine loaded(engine.options(model));
  if (json) {
    Json document = info_json(model, loaded);
    if (graph) document["graph"] = loaded.graph_text();
    print_json(document);
    return exit_ok;
  }
  print_info(model, loaded);
  if (graph) fmt::print("{}", loaded.graph_text());
  return exit_ok;
}

}  // namespace

Action set_up_info(CLI::App& app) {
  auto command = std::make_shared<InfoCommand>();
  app.add_option("model", command->model, "ONNX file")->required();
  command->engine.add_to(app);
  app.add_flag("--graph", command->graph, "Print the compiled graph too");
  app.add_flag("--json", command->json, "Machine-readable");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
