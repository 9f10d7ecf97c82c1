// What a user says of the passes: which of them run, and what float16 conversion leaves out.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spinel/tensor.hpp>

namespace spinel::passes {

/// Operators are named by node ("/encoder/Add") or by type ("Softmax"), as the ONNX file has them.
struct PassConfig {
  std::map<std::string, bool> passes;        ///< By name; one that is not named runs.
  std::optional<bool> need_convert;          ///< To float16. Empty: EngineOptions::dtype decides.
  bool convert_all = false;                  ///< Also what is_kept_by_default() names.
  std::vector<std::string> skip_ops;         ///< Operators that compute in float32.
  std::vector<std::string> skip_input_name;  ///< Inputs that keep the file's type.
  std::map<std::string, DType>
      specified_op_dtype;  ///< Operators and what they compute in; goes before the rest.
};

/// The configuration in a JSON object. `origin` names it in messages. Throws Error(bad_data) for what it does
/// not know, listing what there is.
PassConfig parse_pass_config(std::string_view json, std::string_view origin);
/// The same from a file. Throws Error(unsupported) for Python and YAML files, naming what to write instead.
PassConfig load_pass_config(const std::filesystem::path& path);

/// Operator types that stay in float32 unless convert_all: they count, and float16 counts to 2048 only.
bool is_kept_by_default(std::string_view op);

}  // namespace spinel::passes
