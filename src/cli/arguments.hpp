// Flags as users write them, values as options take them, and the environment.
#pragma once
#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include <spinel/engine.hpp>
#include <spinel/preprocess.hpp>

namespace spinel::cli {

/// Makes `-` and `_` in long flags the same: "--threads-per-spa=2" becomes "--threads_per_spa=2". What
/// follows
/// "--" stays.
void normalise_flags(std::vector<std::string>& arguments);

/// Whether commands take the file for an engine file: its name ends in ".spinel".
bool is_engine_file(const std::string& path);

/// Checks that a value is a name that parse_dtype knows.
CLI::Validator dtype_check();

/// --custom_op: shared libraries of custom operators.
class CustomOpFlags {
 public:
  void add_to(CLI::App& app);
  /// The operators of every library. Throws Error.
  std::vector<CustomOp> load() const;

 private:
  std::vector<std::string> libraries_;
};

/// The flags of every subcommand that loads a model: --target, --onnxruntime, --dtype, --keep_io_types,
/// --spas, --threads_per_spa, --split, --pass_path, --custom_op.
class EngineFlags {
 public:
  void add_to(CLI::App& app);
  /// The options to load `model` with; a name that ends in ".spinel" is that of an engine file. What the
  /// flags leave open is taken from the environment: MAX_ENGINE_NUMS (number of SPAs),
  /// OMPI_COMM_WORLD_LOCAL_SIZE (ranks that share the machine), SPINEL_ONNXRUNTIME (as --onnxruntime),
  /// SPINEL_ISA (as --isa) and SPINEL_LOG (debug, info, warning or error: what is printed to stderr). Throws
  /// UsageError.
  EngineOptions options(const std::string& model) const;

 private:
  std::string target_ = "cpu";
  std::string onnxruntime_;
  std::string isa_;
  bool tune_ = false;
  std::string load_engine_;
  std::string verify_ = "program";
  std::string dtype_;
  std::string split_ = "proven";
  std::string pass_path_;
  CustomOpFlags custom_ops_;
  bool keep_io_types_ = false;
  int spas_ = 0;
  int threads_per_spa_ = 1;
};

/// Height and width of a network's input; 0 where it leaves them open.
struct InputSize {
  int64_t height = 0;
  int64_t width = 0;
};

/// --preset, --resize, --crop, --interpolation: how images become tensors.
class PreprocessFlags {
 public:
  void add_to(CLI::App& app);
  bool has_preset() const { return !preset_.empty(); }
  /// The preset, by default `fallback`, with the flags that were given applied. A named preset is fitted to
  /// `size` where that is given. Throws Error.
  PreprocessOptions options(const PreprocessOptions& fallback, InputSize size = {}) const;

 private:
  std::string preset_;
  int64_t resize_ = -1;
  std::string crop_;
  std::string interpolation_;
};

}  // namespace spinel::cli
