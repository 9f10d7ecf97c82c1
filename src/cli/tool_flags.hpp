// What the commands that write ONNX files share.
#pragma once
#include <CLI/CLI.hpp>

#include <map>
#include <string>
#include <vector>

#include <spinel/model_tools.hpp>

#include "cli/arguments.hpp"
#include "cli/output.hpp"

namespace spinel::cli {

/// "NAME:1,3,224,224" each, where NAME may hold ':'. Throws UsageError naming the flag.
std::map<std::string, Dims> parse_shapes(std::string_view flag, const std::vector<std::string>& arguments);

/// The model, -o, --check, --check_shape, --tolerance, --external_data, --max_model_bytes, --custom_op and
/// --json.
class ToolFlags {
 public:
  /// `runs` is how often the result is compared unless --check says otherwise.
  void add_to(CLI::App& app, int runs);
  CheckOptions check() const;
  Limits limits() const;
  std::vector<CustomOp> custom_ops() const { return custom_ops_.load(); }

  std::string model;
  std::string out;
  bool external_data = false;
  bool json = false;

 private:
  CLI::Option* check_flag_ = nullptr;
  int runs_ = 0;
  std::vector<std::string> shapes_;
  double tolerance_ = -1;
  CustomOpFlags custom_ops_;
  uint64_t max_model_bytes_ = Limits{}.max_model_bytes;
};

Json to_json(const CheckReport& check);
/// {"model", "files", "bytes_before", "bytes_after", "operators_before", "operators_after", "notes"}
Json to_json(const std::string& model, const FileReport& report);

/// A table of operators, before and after, sizes, notes (on stderr) and what the check found.
void print_report(const FileReport& report, const CheckReport& check);

}  // namespace spinel::cli
