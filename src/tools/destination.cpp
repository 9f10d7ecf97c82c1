#include "tools/destination.hpp"

#include <filesystem>
#include <system_error>

#include "base/text.hpp"
#include "onnx/operator_counts.hpp"

namespace spinel::tools {

namespace fs = std::filesystem;

void check_destination(const std::string& model, const std::string& out) {
  std::error_code ignored;
  if (out.empty() || fs::path(out).filename().empty())
    fail(ErrorCode::invalid_argument, "'{}' is not the name of a file to write", out);
  if (fs::is_directory(out, ignored))
    fail(ErrorCode::invalid_argument, "cannot write '{}': it is a folder", out);
  if (fs::equivalent(model, out, ignored))
    fail(ErrorCode::invalid_argument, "'{}' is the model itself; give another file to write", out);
}

void check_external_data(const std::string& model, const std::string& out,
                         const onnx::EditableModel& messages) {
  const fs::path data = fs::path(out).parent_path() / onnx::external_data_name(fs::path(out).filename());
  std::error_code ignored;
  for (const std::string& file : messages.external_files()) {
    const fs::path old = fs::path(model).parent_path() / file;
    for (const fs::path& written : {data, fs::path(out)})
      if (fs::equivalent(old, written, ignored))
        fail(ErrorCode::invalid_argument, "'{}' holds weights of the model itself; give '{}' another name",
             written.string(), out);
  }
}

Destination::Destination(const std::string& out)
    : out_(out), files_(out_.parent_path(), out_.filename().string()) {}

std::string Destination::write(const onnx::Model& model, bool external_data, FileReport& report) {
  onnx::WriteOptions options;
  options.external_data = external_data;
  const onnx::Written written = onnx::write_model(model, files_, out_.filename().string(), options);
  report.bytes_after = written.model_bytes + written.data_bytes;
  report.operators_after = onnx::operator_counts(model);
  report.files = {out_.string()};
  if (!written.data_name.empty()) report.files.push_back((out_.parent_path() / written.data_name).string());
  return (files_.folder() / out_.filename()).string();
}

}  // namespace spinel::tools
