// Tools that turn one ONNX file into another: simplifying, and conversion to float16.
#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <spinel/custom_op.hpp>
#include <spinel/limits.hpp>
#include <spinel/tensor.hpp>

namespace spinel {

/// How the new model is compared with the old one, both run by target `cpu` on the same random inputs.
struct CheckOptions {
  int runs = 3;           ///< 0: no check.
  bool required = false;  ///< A model that cannot be run (an operator that is unknown, say) is an Error.
  /// Dims of inputs, by name, for the check alone; others are tried: 1 and 2 for the batch, 64, 224, 16 ...
  std::map<std::string, Dims> input_shape;
  /// Greatest difference over the greatest magnitude of an output that is accepted; below 0: 1e-5 for
  /// float32, 5e-3 for 16-bit floats. Integers, bools and strings must be equal.
  double tolerance = -1;
};

struct CheckReport {
  int runs = 0;
  std::string skipped;             ///< Why nothing was compared; empty: it was, or was not asked for.
  bool bit_equal = false;          ///< Every output of every run.
  double max_difference = 0;       ///< The greatest |new - old|.
  double relative_difference = 0;  ///< The greatest |new - old| of an output over the greatest |old| of it.
  double diff2 = 0;                ///< The greatest ||new - old|| / ||old|| of an output.
};

/// What every tool reports of the files.
struct FileReport {
  std::map<std::string, int64_t> operators_before;  ///< As in the file, subgraphs and functions included.
  std::map<std::string, int64_t> operators_after;
  uint64_t bytes_before = 0;  ///< With external data.
  uint64_t bytes_after = 0;
  std::vector<std::string> files;  ///< What was written.
  std::vector<std::string> notes;  ///< What the user should know, one sentence each.
};

struct SimplifyOptions {
  /// New dims of inputs, by name; 0 or less leaves a dim as it is. A dim's name stands for one number in the
  /// whole model.
  std::map<std::string, Dims> overwrite_input_shape;
  /// Steps of simplify_steps() that are left out.
  std::set<std::string> skip_steps;
  /// Puts the bodies of the model's functions in place of their calls.
  bool inline_functions = false;
  /// Leaves initializers that are listed as inputs, and can thus be overridden by a caller, as they are.
  bool keep_initializer_inputs = false;
  /// A folded constant may exceed the initializers that vanish with it by so many bytes.
  uint64_t max_folded_bytes = uint64_t{1} << 20;
  /// Writes weights into a second file, "<out>.data"; a model beyond 2 GB gets one unasked.
  bool external_data = false;
  CheckOptions check;
  Limits limits;
  /// Operators that the model uses: their shapes become known, what they make of constants is folded, and the
  /// check can run them.
  std::vector<CustomOp> custom_ops;
};

struct SimplifyReport : FileReport {
  std::map<std::string, int64_t> changes;  ///< Places that each step has changed.
  CheckReport check;
};

/// The steps of simplify_model, in order.
std::vector<std::string> simplify_steps();

/// Reads the ONNX file `model` and writes one that computes the same with fewer nodes: constants folded,
/// shapes stated, nodes removed and merged. Names, opset, metadata and whatever is not understood stay as
/// they are. `out` must be another file; it appears whole or not at all. Throws Error; also if the check
/// fails.
SimplifyReport simplify_model(const std::string& model, const std::string& out,
                              const SimplifyOptions& options = {});

struct ConvertOptions {
  DType dtype = DType::float16;       ///< What float32 becomes; float16 alone is supported.
  std::set<std::string> keep_ops;     ///< Operator types that stay in float32, with casts around them.
  std::set<std::string> keep_nodes;   ///< The same of single nodes, by name.
  std::set<std::string> convert_ops;  ///< Operator types that float16_keep_list() or their domain would keep.
  std::set<std::string> keep_inputs;  ///< Inputs of the model that stay float32.
  bool keep_io_types = false;         ///< All inputs and outputs do.
  bool external_data = false;         ///< As SimplifyOptions::external_data.
  CheckOptions check = {1, false, {}, 0.05};
  Limits limits;
  std::vector<CustomOp> custom_ops = {};  ///< Operators that the model uses; see CustomOp::float16.
};

/// A constant whose values float16 could not hold.
struct ClampedTensor {
  std::string name;
  int64_t elements = 0;
  int64_t clamped = 0;  ///< Beyond +-65504, which they became.
  int64_t flushed = 0;  ///< Other than 0, but so small that they became 0.
};

struct ConvertReport : FileReport {
  int64_t converted_tensors = 0;
  std::vector<ClampedTensor> clamped;  ///< Those with at least one such value.
  std::vector<std::string> kept;       ///< Nodes that stay in float32, as "name (operator)".
  CheckReport check;                   ///< Against the model in float32.
};

/// Standard operators that stay in float32 unless ConvertOptions::convert_ops names them: they count, and
/// float16 counts to 2048 only. Operators for which ONNX does not allow float16, and those of other domains
/// but for custom ones with CustomOp::float16, stay as well.
std::vector<std::string> float16_keep_list();

/// Reads the ONNX file `model` and writes one whose float32 values are float16: weights, inputs, outputs and
/// what is computed between them, in subgraphs too. Functions are put in place of their calls. `out` must be
/// another file; it appears whole or not at all. Throws Error: not_found for a name that the model lacks,
/// unsupported for another dtype and where a type that decides is not known; also if the check fails.
ConvertReport convert_model(const std::string& model, const std::string& out,
                            const ConvertOptions& options = {});

}  // namespace spinel
