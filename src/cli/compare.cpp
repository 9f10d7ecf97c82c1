// spinel compare MODEL --target A --target B: how far two engines' results are apart, and from which layer
// on.
#include <algorithm>
#include <map>
#include <memory>

#include <spinel/engine.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "cli/bench_inputs.hpp"
#include "cli/command.hpp"
#include "cli/compare_engines.hpp"
#include "cli/compare_sides.hpp"
#include "cli/output.hpp"
#include "cli/suggest.hpp"
#include "onnx/model.hpp"

namespace spinel::cli {
namespace {

struct CompareCommand {
  std::string model;
  std::string reference_model;
  SideFlags sides;
  std::vector<std::string> inputs;
  std::vector<std::string> shapes;
  unsigned seed = 1;
  double threshold = 0;
  int max_trials = 100;
  bool layers = false;
  bool suggest = false;
  bool json = false;

  int run() const;
};

/// What a comparison found.
struct Findings {
  double limit = 0;
  std::vector<Compared> outputs;
  std::vector<ComparedLayer> layers;
  const ComparedLayer* first_bad = nullptr;
  const ComparedLayer* worst_alone = nullptr;  ///< By ComparedLayer::own.
  bool passed = false;
};

/// What --suggest found.
struct Advice {
  Suggestion found;
  Json pass;                  ///< The pass configuration with the list in it.
  double verified_diff2 = 0;  ///< Of a last run with it.
  double other_diff2 = 0;     ///< The same on other random inputs.
  size_t model_nodes = 0;
};

double worst_of(const std::vector<Compared>& outputs) {
  double worst = 0;
  for (const Compared& output : outputs) worst = std::max(worst, output.error());
  return worst;
}

/// The pass configuration of the options, and `nodes` beside the operators that it keeps in float32.
Json pass_with(const EngineOptions& options, const std::vector<std::string>& nodes) {
  Json pass = Json::object();
  std::string text = options.pass_json;
  if (!options.pass_path.empty()) {
    const Bytes bytes = read_file(options.pass_path, "pass_path");
    text.assign(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size());
  }
  if (!text.empty()) pass = Json::parse(text);
  Json& skipped = pass["skip_ops"];
  if (!skipped.is_array()) skipped = Json::array();
  for (const std::string& node : nodes)
    if (std::find(skipped.begin(), skipped.end(), Json(node)) == skipped.end()) skipped.push_back(node);
  return pass;
}

/// The file's main graph: operators by node, as the compiled model names nodes.
std::map<std::string, std::string> operators_of(const std::string& model) {
  const Bytes bytes = read_file(model, "model");
  const onnx::Model file = onnx::parse_model(bytes.data, {});
  std::map<std::string, std::string> operators;
  for (size_t i = 0; i < file.graph.nodes.size(); ++i) {
    const onnx::Node& node = file.graph.nodes[i];
    operators[node.name.empty() ? fmt::format("{}_{}", node.op_type, i) : std::string(node.name)] =
        node.op_type;
  }
  return operators;
}

/// Nodes by the name of their operator where the list has every node of it.
std::vector<std::string> shortened(const std::vector<std::string>& nodes,
                                   const std::map<std::string, std::string>& operators) {
  std::map<std::string, size_t> all;
  std::map<std::string, size_t> listed;
  for (const auto& [node, op] : operators) ++all[op];
  for (const std::string& node : nodes)
    if (const auto found = operators.find(node); found != operators.end()) ++listed[found->second];
  std::vector<std::string> out;
  for (const auto& [op, count] : listed)
    if (count == all[op]) out.push_back(op);
  for (const std::string& node : nodes) {
    const auto found = operators.find(node);
    if (found == operators.end() || listed[found->second] != all[found->second]) out.push_back(node);
  }
  return out;
}

/// Both sides' inputs of one seed, and the reference's results.
struct Sample {
  FedEngine actual;
  FedEngine expected;
  std::vector<Tensor> expected_results;

  Sample(const CompareCommand& command, const InferEngine& examined, const InferEngine& reference,
         unsigned seed)
      : actual{&examined,
               BenchInputs(examined, command.shapes, command.inputs, seed).make(std::nullopt).inputs},
        expected{&reference, {}} {
    share_inputs(actual, expected);
    expected_results = reference.run(expected.inputs);
  }
  std::vector<Compared> outputs_of(const InferEngine& engine) const {
    return compare_outputs(engine, engine.run(actual.inputs), *expected.engine, expected_results);
  }
};

/// The worst diff2 of the examined model under another pass configuration.
double measure(EngineOptions options, const Json& pass, std::span<const Sample> samples) {
  options.pass_path.clear();
  options.pass_json = pass.dump();
  options.log = nullptr;
  const InferEngine engine(options);
  double worst = 0;
  for (const Sample& sample : samples) worst = std::max(worst, worst_of(sample.outputs_of(engine)));
  return worst;
}

/// A list that fits one input alone is no advice: random inputs are taken several times, and the result is
/// tried on others.
Advice advise(const CompareCommand& command, const EngineOptions& options, const Sample& first,
              const Findings& findings) {
  constexpr unsigned sample_count = 3;
  const auto sample = [&](unsigned number) {
    return Sample(command, *first.actual.engine, *first.expected.engine, command.seed + number);
  };
  std::vector<Sample> samples{first};
  for (unsigned i = 1; i < sample_count; ++i) samples.push_back(sample(i));
  Advice advice;
  int trial = 0;
  advice.found = suggest_float32(
      findings.layers, findings.limit, command.max_trials, [&](const std::vector<std::string>& nodes) {
        const double diff2 = measure(options, pass_with(options, nodes), samples);
        fmt::print(stderr, "trial {}: {} nodes in float32, diff2 {:.3g}\n", ++trial, nodes.size(), diff2);
        return diff2;
      });
  const auto operators = operators_of(options.ckpt);
  advice.model_nodes = operators.size();
  advice.pass = pass_with(options, shortened(advice.found.nodes, operators));
  advice.verified_diff2 = measure(options, advice.pass, samples);
  const Sample other = sample(sample_count);
  advice.other_diff2 = measure(options, advice.pass, {&other, 1});
  return advice;
}

void print_layers(const Findings& findings) {
  for (const ComparedLayer& layer : findings.layers) {
    const std::string own = !layer.own ? ""
                            : !layer.own->mismatch.empty()
                                ? ", alone: " + layer.own->mismatch
                                : fmt::format(", alone diff2 {:.3g}", layer.own->difference.diff2);
    fmt::print("layer {:>4} {} {} '{}' {}: {}{}\n", layer.layer.layer,
               layer.compared.passes(findings.limit) ? "ok " : "BAD", layer.layer.op, layer.layer.name,
               dtype_name(layer.compared.dtype), text_of(layer.compared), own);
  }
}

std::string sources_text(const LayerValue& layer) {
  return layer.sources.empty() ? "none of the file's nodes"
                               : fmt::format("{}", fmt::join(layer.sources, ", "));
}

void print_findings(const Findings& findings, bool with_layers) {
  if (with_layers) print_layers(findings);
  for (const Compared& output : findings.outputs)
    fmt::print("output {} '{}': {}\n", output.passes(findings.limit) ? "ok " : "BAD", output.name,
               text_of(output));
  if (findings.first_bad != nullptr)
    fmt::print("first bad layer: {} '{}', value '{}' (nodes {})\n", findings.first_bad->layer.op,
               findings.first_bad->layer.node, findings.first_bad->layer.name,
               sources_text(findings.first_bad->layer));
  else if (!findings.layers.empty())
    fmt::print("first bad layer: none\n");
  if (findings.worst_alone != nullptr)
    fmt::print("greatest error of its own: {} '{}', value '{}', diff2 {:.3g} (nodes {})\n",
               findings.worst_alone->layer.op, findings.worst_alone->layer.node,
               findings.worst_alone->layer.name, error_of_layer(*findings.worst_alone),
               sources_text(findings.worst_alone->layer));
  fmt::print("{}: worst diff2 {:.3g}, limit {:g}\n", findings.passed ? "pass" : "FAIL",
             worst_of(findings.outputs), findings.limit);
}

void print_advice(const Advice& advice, double limit) {
  const Suggestion& found = advice.found;
  if (!found.met) {
    fmt::print("suggest: no list helps: with every layer in float32 diff2 is {:.3g}, limit {:g}\n",
               found.diff2, limit);
    return;
  }
  fmt::print(
      "suggest: {} of {} nodes in float32, {} trials, diff2 {:.3g} -> {:.3g} (on other random inputs "
      "{:.3g}){}\n",
      found.nodes.size(), advice.model_nodes, found.trials, found.diff2_before, advice.verified_diff2,
      advice.other_diff2,
      found.minimal ? "" : "; --max_trials ended the search before every entry was tried");
  fmt::print("{}\n", advice.pass.dump(2, ' ', false, Json::error_handler_t::replace));
}

Json side_json(const std::string& model, const InferEngine& engine) {
  return {{"model", model}, {"target", engine.target()}, {"arithmetic", engine.arithmetic()}};
}

Json layer_json(const ComparedLayer& layer) {
  Json json = {{"layer", layer.layer.layer},
               {"node", layer.layer.node},
               {"op", layer.layer.op},
               {"sources", layer.layer.sources},
               {"value", to_json(layer.compared)}};
  if (layer.own) json["alone"] = to_json(*layer.own);
  return json;
}

Json to_json(const Findings& findings) {
  Json json = {{"limit", findings.limit}, {"passed", findings.passed}, {"outputs", Json::array()}};
  for (const Compared& output : findings.outputs) {
    json["outputs"].push_back(to_json(output));
    json["outputs"].back()["passed"] = output.passes(findings.limit);
  }
  if (findings.layers.empty()) return json;
  json["layers"] = Json::array();
  for (const ComparedLayer& layer : findings.layers) {
    json["layers"].push_back(layer_json(layer));
    json["layers"].back()["passed"] = layer.compared.passes(findings.limit);
  }
  json["worst_alone"] = findings.worst_alone == nullptr ? Json(nullptr) : layer_json(*findings.worst_alone);
  json["first_bad_layer"] = findings.first_bad == nullptr ? Json(nullptr) : layer_json(*findings.first_bad);
  return json;
}

Json to_json(const Advice& advice) {
  return {{"met", advice.found.met},
          {"minimal", advice.found.minimal},
          {"nodes", advice.found.nodes},
          {"model_nodes", advice.model_nodes},
          {"trials", advice.found.trials},
          {"diff2_before", advice.found.diff2_before},
          {"diff2", advice.verified_diff2},
          {"diff2_other_inputs", advice.other_diff2},
          {"pass", advice.pass}};
}

int CompareCommand::run() const {
  const EngineOptions options = sides.options(SideFlags::examined, model);
  const std::string& other = reference_model.empty() ? model : reference_model;
  const InferEngine reference(sides.options(SideFlags::reference, other));
  const InferEngine examined(options);
  const bool is_cpu = options.target == "cpu";
  if (suggest && (!is_cpu || examined.compute_dtype() != DType::float16 || options.ckpt.empty()))
    throw UsageError(
        "--suggest looks for what float16 breaks: the examined side must be an ONNX file with "
        "--target cpu and --dtype float16");

  const Sample sample(*this, examined, reference, seed);
  Findings findings;
  findings.limit =
      threshold > 0 ? threshold : default_limit(examined.compute_dtype(), reference.compute_dtype());
  findings.outputs = sample.outputs_of(examined);
  findings.passed = worst_of(findings.outputs) <= findings.limit;
  if (layers || suggest) findings.layers = compare_layers(sample.actual, sample.expected, is_cpu);
  const auto bad = std::ranges::find_if(
      findings.layers, [&](const ComparedLayer& layer) { return !layer.compared.passes(findings.limit); });
  if (bad != findings.layers.end()) findings.first_bad = &*bad;

  for (const ComparedLayer& layer : findings.layers)
    if (layer.own &&
        (findings.worst_alone == nullptr || error_of_layer(layer) > error_of_layer(*findings.worst_alone)))
      findings.worst_alone = &layer;

  std::optional<Advice> advice;
  if (suggest) advice = advise(*this, options, sample, findings);
  if (json) {
    Json document = {{"examined", side_json(model, examined)}, {"reference", side_json(other, reference)}};
    document.update(to_json(findings));
    if (advice) document["suggestion"] = to_json(*advice);
    print_json(document);
  } else {
    fmt::print("examined  {}, {}\nreference {}, {}\n", examined.target(), examined.arithmetic(),
               reference.target(), reference.arithmetic());
    print_findings(findings, layers);
    if (advice) print_advice(*advice, findings.limit);
  }
  return findings.passed || (advice && advice->verified_diff2 <= findings.limit) ? exit_ok : exit_failure;
}

}  // namespace

Action set_up_compare(CLI::App& app) {
  auto command = std::make_shared<CompareCommand>();
  app.add_option("model", command->model, "ONNX file, or engine file")->required();
  app.add_option("--reference_model", command->reference_model,
                 "Another file for the reference side, with inputs and outputs of the same names");
  command->sides.add_to(app);
  app.add_option(
         "--input", command->inputs,
         "NAME:FILE.npy, once for each input that is not to be random; without NAME in the model's order")
      ->allow_extra_args(false);
  app.add_option("--shape", command->shapes,
                 "NAME:DIMxDIM..., dims of a random input that the model leaves open")
      ->allow_extra_args(false);
  app.add_option("--seed", command->seed, "Of the random inputs")->capture_default_str();
  app.add_option("--threshold", command->threshold,
                 "Greatest diff2 that passes (default: 0.003 if a side computes in float16, else 0.001)")
      ->check(CLI::PositiveNumber);
  app.add_flag("--layers", command->layers,
               "Compare the values between layers too, and name the first bad layer");
  app.add_flag("--suggest", command->suggest,
               "Search the operators that must stay in float32 for the threshold to be met");
  app.add_option("--max_trials", command->max_trials,
                 "With --suggest: engines that are compiled and run at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--json", command->json, "Machine-readable");
  app.footer(
      "--target, --dtype, --isa and --pass_path may be given twice: first for the side that is examined, "
      "then "
      "for the reference. Random floats are normally distributed, integers and bools 0 or 1. The exit status "
      "is "
      "1 if an output exceeds the threshold.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
