// spinel convert MODEL -o OUT --dtype float16
#include <memory>

#include "base/text.hpp"
#include "cli/arguments.hpp"
#include "cli/command.hpp"
#include "cli/tool_flags.hpp"

namespace spinel::cli {
namespace {

struct ConvertCommand {
  ToolFlags tool;
  std::string dtype;
  std::vector<std::string> keep_ops, keep_nodes, keep_inputs, convert_ops;
  bool keep_io_types = false;

  int run() const;
};

void print_tensors(const ConvertReport& report) {
  fmt::print("float16  {} constants converted, {} nodes kept in float32\n", report.converted_tensors,
             report.kept.size());
  for (const std::string& kept : report.kept) fmt::print("kept     {}\n", kept);
  for (const ClampedTensor& each : report.clamped)
    fmt::print("range    '{}': of {} values {} clamped to +-65504, {} flushed to 0\n", each.name,
               each.elements, each.clamped, each.flushed);
}

int ConvertCommand::run() const {
  ConvertOptions options;
  options.dtype = parse_dtype(dtype);
  options.keep_ops = {keep_ops.begin(), keep_ops.end()};
  options.keep_nodes = {keep_nodes.begin(), keep_nodes.end()};
  options.keep_inputs = {keep_inputs.begin(), keep_inputs.end()};
  options.convert_ops = {convert_ops.begin(), convert_ops.end()};
  options.keep_io_types = keep_io_types;
  options.external_data = tool.external_data;
  const double tolerance = options.check.tolerance;
  options.check = tool.check();
  if (options.check.tolerance < 0) options.check.tolerance = tolerance;
  options.limits = tool.limits();
  options.custom_ops = tool.custom_ops();
  const ConvertReport report = convert_model(tool.model, tool.out, options);
  if (!tool.json) {
    print_report(report, report.check);
    print_tensors(report);
    return exit_ok;
  }
  Json document = to_json(tool.model, report);
  document["converted_tensors"] = report.converted_tensors;
  document["kept"] = report.kept;
  Json clamped = Json::array();
  for (const ClampedTensor& each : report.clamped)
    clamped.push_back({{"name", each.name},
                       {"elements", each.elements},
                       {"clamped", each.clamped},
                       {"flushed", each.flushed}});
  document["clamped"] = clamped;
  document["check"] = to_json(report.check);
  print_json(document);
  return exit_ok;
}

}  // namespace

Action set_up_convert(CLI::App& app) {
  auto command = std::make_shared<ConvertCommand>();
  command->tool.add_to(app, ConvertOptions{}.check.runs);
  app.add_option("--dtype", command->dtype, "What float32 becomes: float16")
      ->required()
      ->check(dtype_check());
  app.add_option("--keep_op", command->keep_ops, "Operator type that stays in float32; repeatable")
      ->allow_extra_args(false);
  app.add_option("--keep_node", command->keep_nodes, "Node that stays in float32, by name; repeatable")
      ->allow_extra_args(false);
  app.add_option("--keep_input", command->keep_inputs, "Input that stays float32; repeatable")
      ->allow_extra_args(false);
  app.add_option("--convert_op", command->convert_ops,
                 "Operator type that is converted though it would be kept; repeatable")
      ->allow_extra_args(false);
  app.add_flag("--keep_io_types", command->keep_io_types, "All inputs and outputs stay float32");
  app.footer(fmt::format(
      "Kept in float32 unless --convert_op names them: {}, and operators of other domains; always those for "
      "which ONNX does not allow float16.",
      fmt::join(float16_keep_list(), ", ")));
  return [command] { return command->run(); };
}

}  // namespace spinel::cli
