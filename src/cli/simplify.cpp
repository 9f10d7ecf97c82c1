// spinel simplify MODEL -o OUT
#include <memory>

#include "base/text.hpp"
#include "cli/command.hpp"
#include "cli/tool_flags.hpp"

namespace spinel::cli {
namespace {

struct SimplifyCommand {
  ToolFlags tool;
  std::vector<std::string> shapes;
  SimplifyOptions options;
  std::map<std::string, bool> skipped;

  int run();
};

int SimplifyCommand::run() {
  options.overwrite_input_shape = parse_shapes("--overwrite_input_shape", shapes);
  options.external_data = tool.external_data;
  options.check = tool.check();
  options.limits = tool.limits();
  options.custom_ops = tool.custom_ops();
  for (const auto& [name, is_skipped] : skipped)
    if (is_skipped) options.skip_steps.insert(name);
  const SimplifyReport report = simplify_model(tool.model, tool.out, options);
  if (!tool.json) {
    print_report(report, report.check);
    return exit_ok;
  }
  Json document = to_json(tool.model, report);
  document["changes"] = report.changes;
  document["check"] = to_json(report.check);
  print_json(document);
  return exit_ok;
}

}  // namespace

Action set_up_simplify(CLI::App& app) {
  auto command = std::make_shared<SimplifyCommand>();
  command->tool.add_to(app, command->options.check.runs);
  app.add_option("--overwrite_input_shape", command->shapes,
                 "NAME:1,3,224,224, once for each input; 0 leaves a dim as it is")
      ->allow_extra_args(false);
  app.add_flag("--inline_functions", command->options.inline_functions,
               "Put the bodies of the model's functions in place of their calls");
  app.add_flag("--keep_initializer_inputs", command->options.keep_initializer_inputs,
               "Leave weights that are listed as inputs as they are");
  app.add_option("--fold_limit", command->options.max_folded_bytes,
                 "Bytes by which a folded constant may exceed the weights that it replaces")
      ->capture_default_str();
  for (const std::string& step : simplify_steps())
    if (step != "remove_dead")
      app.add_flag("--no_" + step, command->skipped[step], fmt::format("Leave out the step {}", step));
  app.footer(
      "Names, opset, metadata and operators that are not known stay as they are. If the check fails, nothing "
      "is written.");
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
