// Where a tool's result goes.
#pragma once
#include <string>

#include <spinel/model_tools.hpp>

#include "onnx/editable_model.hpp"
#include "onnx/write.hpp"

namespace spinel::tools {

/// Throws Error(invalid_argument) if writing to `out` would destroy `model`'s file or is no file's name.
void check_destination(const std::string& model, const std::string& out);
/// Throws Error(invalid_argument) if the external data of `out` would replace that of `model`.
void check_external_data(const std::string& model, const std::string& out,
                         const onnx::EditableModel& messages);

/// Files that are to become `out`, and what they report.
class Destination {
 public:
  explicit Destination(const std::string& out);
  /// The path of the written model until it moves.
  std::string write(const onnx::Model& model, bool external_data, FileReport& report);
  void commit() { files_.commit(); }

 private:
  std::filesystem::path out_;
  StagedFiles files_;
};

}  // namespace spinel::tools
