// Folders of tensors as .npy files, with an index that says which is which.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <spinel/tensor.hpp>

#include "cli/output.hpp"

namespace spinel::cli {

/// A folder that is written under another name beside its own and renamed once it is whole; without commit()
/// it vanishes.
class TensorFolderWriter {
 public:
  /// Throws Error(io) if `folder` exists and is not empty, or cannot be made.
  explicit TensorFolderWriter(std::filesystem::path folder);
  TensorFolderWriter(const TensorFolderWriter&) = delete;
  TensorFolderWriter& operator=(const TensorFolderWriter&) = delete;
  ~TensorFolderWriter();

  /// Writes a tensor; bfloat16 as float32. Why it was left out, for a type that .npy lacks, else empty.
  /// `file` is of npy_file_names(). Throws Error(io).
  std::string write(const std::string& file, const Tensor& tensor);
  /// Writes index.json and gives the folder its name. Throws Error(io).
  void commit(const Json& index);

 private:
  std::filesystem::path folder_;
  std::filesystem::path partial_;  ///< Empty once it has been renamed.
};

/// Tensors of a folder by name, read one at a time: those that its index.json lists, or, in a folder without
/// one, what files are called (npy_file_names of one name).
class TensorFolder {
 public:
  /// Throws Error: not_found, bad_data for an index that is none or that names files outside of the folder.
  explicit TensorFolder(std::filesystem::path folder);

  /// Nothing if the folder lacks it. Throws Error.
  std::optional<Tensor> read(const std::string& name) const;
  /// The inputs that the tensors were computed from, by name; files, which exist only where an index tells.
  const std::map<std::string, std::string>& inputs() const noexcept { return inputs_; }
  const std::filesystem::path& path() const noexcept { return folder_; }

 private:
  std::map<std::string, std::string> files_of(const Json& list) const;

  std::filesystem::path folder_;
  bool has_index_ = false;
  std::map<std::string, std::string> files_;
  std::map<std::string, std::string> inputs_;
};

}  // namespace spinel::cli
