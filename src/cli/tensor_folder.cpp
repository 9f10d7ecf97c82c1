#include "cli/tensor_folder.hpp"

#include <cstdlib>

#include "base/file.hpp"
#include "base/text.hpp"
#include "data/npy.hpp"

namespace spinel::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* index_name = "index.json";

}  // namespace

TensorFolderWriter::TensorFolderWriter(fs::path folder) : folder_(std::move(folder)) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();
  std::error_code error;
  if (fs::exists(folder_, error) && !(fs::is_directory(folder_, error) && fs::is_empty(folder_, error)))
    fail(ErrorCode::io, "{}: exists and is not an empty folder; name another, or remove it first",
         folder_.string());
  if (folder_.has_parent_path()) make_folder(folder_.parent_path());
  std::string name = folder_.string() + ".partial-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr)
    fail(ErrorCode::io, "{}: cannot be made a folder ({})", folder_.string(),
         std::error_code(errno, std::generic_category()).message());
  partial_ = name;
  fs::permissions(partial_,
                  fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                      fs::perms::others_read | fs::perms::others_exec,
                  error);
}

TensorFolderWriter::~TensorFolderWriter() {
  std::error_code error;
  if (!partial_.empty()) fs::remove_all(partial_, error);
}

std::string TensorFolderWriter::write(const std::string& file, const Tensor& tensor) {
  try {
    write_npy(partial_ / file, tensor.dtype() == DType::bfloat16 ? convert(tensor, DType::float32) : tensor);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported) throw;
    return error.what();
  }
  return {};
}

void TensorFolderWriter::commit(const Json& index) {
  const std::string text = index.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  write_file(partial_ / index_name, std::as_bytes(std::span(text)));
  std::error_code error;
  fs::rename(partial_, folder_, error);
  if (error) fail(ErrorCode::io, "{}: cannot be given this name ({})", folder_.string(), error.message());
  partial_.clear();
}

TensorFolder::TensorFolder(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  if (!fs::is_directory(folder_, error)) fail(ErrorCode::not_found, "{}: is no folder", folder_.string());
  const fs::path index = folder_ / index_name;
  if (!fs::exists(index, error)) return;
  has_index_ = true;
  const Bytes bytes = read_file(index, "index");
  try {
    const Json document =
        Json::parse(std::string_view(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()));
    files_ = files_of(document.at("tensors"));
    if (document.contains("inputs")) inputs_ = files_of(document.at("inputs"));
  } catch (const Json::exception& wrong) {
    fail(ErrorCode::bad_data, "{}: not an index of tensors: {}", index.string(), wrong.what());
  }
}

std::map<std::string, std::string> TensorFolder::files_of(const Json& list) const {
  std::map<std::string, std::string> files;
  for (const Json& entry : list) {
    if (entry.at("file").is_null()) continue;
    const auto file = entry.at("file").get<std::string>();
    if (file.empty() || file == "." || file == ".." || file.find('/') != std::string::npos)
      fail(ErrorCode::bad_data, "{}: the index names '{}', which is no file in this folder", folder_.string(),
           file);
    files[entry.at("name").get<std::string>()] = file;
  }
  return files;
}

std::optional<Tensor> TensorFolder::read(const std::string& name) const {
  std::string file;
  if (const auto found = files_.find(name); found != files_.end())
    file = found->second;
  else if (!has_index_)
    file = npy_file_names({name}).front();
  std::error_code error;
  if (file.empty() || (!has_index_ && !fs::exists(folder_ / file, error))) return std::nullopt;
  return read_npy(folder_ / file);
}

}  // namespace spinel::cli
