#include "cli/tool_flags.hpp"

#include <charconv>
#include <cstdio>
#include <set>

#include "base/text.hpp"
#include "cli/command.hpp"

namespace spinel::cli {
namespace {

int64_t total(const std::map<std::string, int64_t>& counts) {
  int64_t sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

int64_t count_of(const std::map<std::string, int64_t>& counts, const std::string& name) {
  const auto found = counts.find(name);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

std::map<std::string, Dims> parse_shapes(std::string_view flag, const std::vector<std::string>& arguments) {
  std::map<std::string, Dims> shapes;
  for (const std::string& argument : arguments) {
    const auto refuse = [&]() {
      return UsageError(fmt::format("{} {}: not of the form NAME:1,3,224,224", flag, argument));
    };
    const size_t colon = argument.rfind(':');
    if (colon == std::string::npos || colon == 0) throw refuse();
    Dims dims;
    const char* at = argument.data() + colon + 1;
    const char* const end = argument.data() + argument.size();
    while (at != end) {
      int64_t dim = 0;
      const auto [stop, error] = std::from_chars(at, end, dim);
      const bool ends_with_comma = stop != end && *stop == ',' && stop + 1 != end;
      if (error != std::errc{} || (stop != end && !ends_with_comma)) throw refuse();
      dims.push_back(dim);
      at = stop == end ? end : stop + 1;
    }
    if (!shapes.emplace(argument.substr(0, colon), std::move(dims)).second)
      throw UsageError(fmt::format("{} {} is given twice", flag, argument.substr(0, colon)));
  }
  return shapes;
}

void ToolFlags::add_to(CLI::App& app, int runs) {
  runs_ = runs;
  app.add_option("model", model, "ONNX file")->required();
  app.add_option("-o,--out", out, "ONNX file to write; appears whole or not at all")->required();
  check_flag_ = app.add_option("--check", runs_,
                               "Times that old and new model are compared on random inputs; 0: not at all")
                    ->check(CLI::NonNegativeNumber)
                    ->capture_default_str();
  app.add_option("--check_shape", shapes_, "NAME:1,3,224,224: dims of an input for the check alone")
      ->allow_extra_args(false);
  app.add_option("--tolerance", tolerance_,
                 "Greatest difference accepted, over the greatest magnitude of an output")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("--external_data", external_data,
               "Write weights into a second file, OUT.data; a model beyond 2 GB gets one unasked");
  app.add_option("--max_model_bytes", max_model_bytes_, "Refuse larger models; 0: no limit")
      ->capture_default_str();
  custom_ops_.add_to(app);
  app.add_flag("--json", json, "Machine-readable");
}

CheckOptions ToolFlags::check() const {
  CheckOptions options;
  options.runs = runs_;
  options.required = check_flag_->count() > 0;
  options.input_shape = parse_shapes("--check_shape", shapes_);
  options.tolerance = tolerance_;
  return options;
}

Limits ToolFlags::limits() const {
  Limits limits;
  limits.max_model_bytes = max_model_bytes_;
  return limits;
}

Json to_json(const CheckReport& check) {
  return {{"runs", check.runs},
          {"skipped", check.skipped},
          {"bit_equal", check.bit_equal},
          {"max_difference", check.max_difference},
          {"relative_difference", check.relative_difference},
          {"diff2", check.diff2}};
}

Json to_json(const std::string& model, const FileReport& report) {
  return {{"model", model},
          {"files", report.files},
          {"bytes_before", report.bytes_before},
          {"bytes_after", report.bytes_after},
          {"operators_before", report.operators_before},
          {"operators_after", report.operators_after},
          {"notes", report.notes}};
}

void print_report(const FileReport& report, const CheckReport& check) {
  std::set<std::string> names;
  for (const auto& [name, count] : report.operators_before) names.insert(name);
  for (const auto& [name, count] : report.operators_after) names.insert(name);
  fmt::print("{:<40}{:>10}{:>10}\n", "operator", "before", "after");
  for (const std::string& name : names)
    fmt::print("{:<40}{:>10}{:>10}\n", name, count_of(report.operators_before, name),
               count_of(report.operators_after, name));
  fmt::print("{:<40}{:>10}{:>10}\n", "all", total(report.operators_before), total(report.operators_after));
  fmt::print("{:<40}{:>10}{:>10}\n", "KiB", (report.bytes_before + 1023) / 1024,
             (report.bytes_after + 1023) / 1024);
  if (!check.skipped.empty())
    fmt::print("check    not made: {}\n", check.skipped);
  else if (check.runs == 0)
    fmt::print("check    off\n");
  else if (check.bit_equal)
    fmt::print("check    {} run{}, bit-equal\n", check.runs, check.runs == 1 ? "" : "s");
  else
    fmt::print(
        "check    {} run{}, greatest difference {:.3g} ({:.3g} of the output's greatest value), diff2 "
        "{:.3g}\n",
        check.runs, check.runs == 1 ? "" : "s", check.max_difference, check.relative_difference, check.diff2);
  fmt::print("written  {}\n", fmt::join(report.files, ", "));
  for (const std::string& note : report.notes) fmt::print(stderr, "note: {}\n", note);
}

}  // namespace spinel::cli
