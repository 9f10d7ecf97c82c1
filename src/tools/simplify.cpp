#include <algorithm>
#include <optional>

#include <spinel/model_tools.hpp>

#include "base/text.hpp"
#include "onnx/operator_counts.hpp"
#include "tools/check.hpp"
#include "tools/destination.hpp"
#include "tools/edit.hpp"
#include "tools/input_shapes.hpp"

namespace spinel {
namespace {

using tools::Analysis;

/// Differences, over an output's greatest magnitude, that are accepted unasked: kernels are chosen anew for
/// what is left of the model, and folding a BatchNormalization rounds its product with the weights.
constexpr double tolerance = 1e-5;
constexpr double folded_tolerance = 1e-4;

/// Each round may make room for the next; a model that needs more is left as it is by then.
constexpr int max_rounds = 50;

struct NamedStep {
  const char* name;
  tools::Step run;
};

constexpr NamedStep steps[] = {
    {"inline_ifs", tools::inline_ifs},                                // branches whose condition is known
    {"fold_constants", tools::fold_constants},                        // what depends on constants and shapes
    {"remove_identities", tools::remove_identities},                  // nodes that pass their input on
    {"merge_nodes", tools::merge_nodes},                              // chains of Transpose, Reshape, Cast
    {"fix_reshapes", tools::fix_reshapes},                            // shapes that are computed but known
    {"fold_batch_normalizations", tools::fold_batch_normalizations},  // into the convolution before
    {"fold_biases", tools::fold_biases},                              // sums into Conv and Gemm
    {"merge_duplicates", tools::merge_duplicates},                    // equal nodes and initializers
    {"remove_dead", tools::remove_dead},                              // what no output needs
};

void simplify(onnx::EditableModel& model, const SimplifyOptions& options,
              const ops::CustomOpTable& custom_ops, SimplifyReport& report) {
  const tools::StepOptions step_options{options.max_folded_bytes};
  std::optional<Analysis> analysis;
  for (int round = 0; round < max_rounds; ++round) {
    size_t changes = 0;
    for (const NamedStep& step : steps) {
      if (options.skip_steps.contains(step.name)) continue;
      if (!analysis) analysis.emplace(model, custom_ops);
      tools::Edit edit{model, *analysis, step_options};
      const size_t count = tools::for_each_graph(
          model.model().graph, analysis->top(),
          [&](onnx::Graph& graph, tools::Scope& scope) { return step.run(edit, graph, scope); });
      if (count == 0) continue;
      report.changes[step.name] += static_cast<int64_t>(count);
      changes += count;
      analysis.reset();
    }
    if (changes == 0) return;
  }
}

/// Drops functions that nobody calls any more.
void remove_unused_functions(onnx::Model& model) {
  while (true) {
    const std::map<std::string, int64_t> used = onnx::operator_counts(model);
    const size_t removed = std::erase_if(model.functions, [&](const onnx::Function& function) {
      return !used.contains(fmt::format("{}::{}", function.domain, function.name));
    });
    if (removed == 0) return;
  }
}

void require_known_steps(const std::set<std::string>& names) {
  const std::vector<std::string> known = simplify_steps();
  for (const std::string& name : names)
    if (std::ranges::find(known, name) == known.end())
      fail(ErrorCode::not_found, "there is no step '{}'; the steps are {}", name, fmt::join(known, ", "));
}

}  // namespace

std::vector<std::string> simplify_steps() {
  std::vector<std::string> names;
  for (const NamedStep& step : steps) names.emplace_back(step.name);
  return names;
}

SimplifyReport simplify_model(const std::string& path, const std::string& out,
                              const SimplifyOptions& options) {
  require_known_steps(options.skip_steps);
  tools::check_destination(path, out);
  const ops::CustomOpTable custom_ops(options.custom_ops);
  SimplifyReport report;
  std::string written;
  std::string original = path;
  std::optional<tools::Destination> reference;
  std::optional<tools::Destination> destination;
  bool is_random = false;
  {
    onnx::EditableModel model(path, options.limits);
    tools::check_external_data(path, out, model);
    destination.emplace(out);
    report.operators_before = onnx::operator_counts(model.model());
    tools::refuse_gradients(report.operators_before);
    report.bytes_before = model.size_bytes();
    if (!options.keep_initializer_inputs)
      if (const size_t count = tools::drop_initializer_inputs(model); count > 0)
        report.notes.push_back(fmt::format("{} weights that were listed as inputs are constants now", count));
    const bool changes_fixed = tools::overwrite_input_shapes(model, options.overwrite_input_shape);
    tools::sort_nodes(model.model().graph);
    if (changes_fixed && options.check.runs > 0) {
      // The original does not take the new dims; what it is compared with is itself under these.
      FileReport ignored;
      original = reference.emplace(out).write(model.model(), options.external_data, ignored);
    }
    if (options.inline_functions)
      report.changes["inline_functions"] = static_cast<int64_t>(tools::inline_functions(model));
    simplify(model, options, custom_ops, report);
    remove_unused_functions(model.model());
    Analysis analysis(model, custom_ops);
    is_random = analysis.is_random();
    if (!analysis.contradictions().empty()) {
      const std::string& first = analysis.contradictions().front();
      if (!options.overwrite_input_shape.empty())
        fail(ErrorCode::invalid_argument, "the model does not take these input shapes: {}", first);
      report.notes.push_back(fmt::format("shapes are not known everywhere: {}", first));
    }
    for (const std::string& name : analysis.unknown_operators())
      report.notes.push_back(fmt::format("{} is not known and was left as it is", name));
    tools::write_shapes(model, analysis);
    written = destination->write(model.model(), options.external_data, report);
  }
  if (is_random && options.check.runs > 0) {
    if (options.check.required)
      fail(ErrorCode::unsupported, "the result cannot be checked: the model draws random numbers");
    report.check.skipped = "the model draws random numbers";
  } else {
    const bool is_folded = report.changes.contains("fold_batch_normalizations");
    report.check =
        tools::check_equal(original, written, options.check, is_folded ? folded_tolerance : tolerance,
                           options.limits, options.custom_ops);
  }
  destination->commit();
  return report;
}

}  // namespace spinel
