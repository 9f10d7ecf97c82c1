#include <spinel/dataset.hpp>

#include <algorithm>
#include <system_error>

#include "base/text.hpp"

namespace spinel {
namespace {

namespace fs = std::filesystem;

struct Listing {
  std::vector<std::string> folders;
  std::vector<std::string>
      files;  ///< All that is no folder; what cannot be read is rejected when it is its turn.
};

[[noreturn]] void fail_folder(const fs::path& folder, const std::error_code& error) {
  const bool missing = error == std::errc::no_such_file_or_directory;
  const bool file = error == std::errc::not_a_directory;
  fail(missing ? ErrorCode::not_found : ErrorCode::io, "cannot read the folder '{}': {}", folder.string(),
       file ? "it is a file, not a folder" : error.message());
}

/// Names in byte order, without those that begin with '.'.
Listing list_folder(const fs::path& folder) {
  Listing out;
  std::error_code error;
  fs::directory_iterator at(folder, error);
  if (error) fail_folder(folder, error);
  for (; at != fs::directory_iterator(); at.increment(error)) {
    const std::string name = at->path().filename().string();
    std::error_code ignored;
    if (!name.starts_with('.')) (at->is_directory(ignored) ? out.folders : out.files).push_back(name);
  }
  if (error) fail_folder(folder, error);
  std::ranges::sort(out.folders);
  std::ranges::sort(out.files);
  return out;
}

}  // namespace

std::vector<fs::path> list_images(const fs::path& folder) {
  const Listing listing = list_folder(folder);
  if (listing.files.empty())
    fail(ErrorCode::bad_data, "the folder '{}' holds no image ({} subfolders, which are not searched)",
         folder.string(), listing.folders.size());
  std::vector<fs::path> paths;
  for (const auto& name : listing.files) paths.push_back(folder / name);
  return paths;
}

ImageFolder::ImageFolder(const fs::path& root) {
  const Listing listing = list_folder(root);
  if (listing.folders.empty())
    fail(ErrorCode::bad_data,
         "the dataset '{}' has no class folders ({} files); it must be laid out as ROOT/CLASS/IMAGE",
         root.string(), listing.files.size());
  for (const auto& name : listing.files)
    notes_.push_back(
        fmt::format("'{}' lies beside the class folders and is left out", (root / name).string()));
  for (const auto& name : listing.folders) {
    const fs::path folder = root / name;
    const Listing inside = list_folder(folder);
    const auto label = static_cast<int64_t>(classes_.size());
    classes_.push_back(name);
    for (const auto& file : inside.files) samples_.push_back({folder / file, label});
    for (const auto& nested : inside.folders)
      notes_.push_back(
          fmt::format("'{}' is a folder inside a class and is left out", (folder / nested).string()));
    if (inside.files.empty())
      notes_.push_back(fmt::format("class '{}' (label {}) has no images", name, label));
  }
  if (samples_.empty())
    fail(ErrorCode::bad_data, "the dataset '{}' has {} class folders, but none holds an image", root.string(),
         classes_.size());
}

}  // namespace spinel
