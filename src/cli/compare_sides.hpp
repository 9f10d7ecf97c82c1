// Flags that may be given once for each of two engines.
#pragma once
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include <spinel/engine.hpp>

namespace spinel::cli {

/// --target, --dtype, --isa, --pass_path: given twice, the first is the examined side's and the second the
/// reference's; given once, the examined side's. --onnxruntime is for both.
class SideFlags {
 public:
  enum Side : size_t { examined, reference };

  void add_to(CLI::App& app);
  /// The options to load `model` with as that side: one SPA on which all cores work, ready to be inspected.
  /// The reference's target is `onnx` unless given. Throws UsageError.
  EngineOptions options(Side side, const std::string& model) const;

 private:
  struct Flag {
    const char* name;
    std::vector<std::string> values;
  };
  std::vector<Flag> flags_;
  std::string onnxruntime_;
};

}  // namespace spinel::cli
