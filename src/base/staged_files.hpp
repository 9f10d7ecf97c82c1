// Files that appear together or not at all.
#pragma once
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace spinel {

/// A hidden folder beside a destination, in which files are written and may be read before they move there.
/// Whatever has not moved is removed by the destructor. Not for use by two threads.
class StagedFiles {
 public:
  /// Makes ".<name>.XXXXXX" in `folder` (empty: the working directory). Throws Error: not_found or io.
  StagedFiles(const std::filesystem::path& folder, const std::string& name);
  StagedFiles(const StagedFiles&) = delete;
  StagedFiles& operator=(const StagedFiles&) = delete;
  ~StagedFiles();

  const std::filesystem::path& folder() const noexcept { return staged_; }
  /// Writes the parts as a file of that name, synchronised with the disk. Throws Error(io).
  void write(const std::string& name, std::span<const std::span<const std::byte>> parts);
  /// Moves the files to the destination in the order in which they were written, over what has their names
  /// there, and synchronises the folder. Throws Error(io); the files before the one that failed have moved.
  void commit();

 private:
  std::filesystem::path destination_;
  std::filesystem::path staged_;
  /// Whole paths, so that removing needs no memory.
  struct File {
    std::string staged;
    std::string destination;
  };
  std::vector<File> files_;
};

}  // namespace spinel
