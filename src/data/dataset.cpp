#include <spinel/dataset.hpp>

#include "base/folder.hpp"
#include "base/text.hpp"

namespace spinel {

namespace fs = std::filesystem;

std::vector<fs::path> list_images(const fs::path& folder) {
  const FolderListing listing = list_folder(folder);
  if (listing.files.empty())
    fail(ErrorCode::bad_data, "the folder '{}' holds no image ({} subfolders, which are not searched)",
         folder.string(), listing.folders.size());
  std::vector<fs::path> paths;
  for (const auto& name : listing.files) paths.push_back(folder / name);
  return paths;
}

ImageFolder::ImageFolder(const fs::path& root) {
  const FolderListing listing = list_folder(root);
  if (listing.folders.empty())
    fail(ErrorCode::bad_data,
         "the dataset '{}' has no class folders ({} files); it must be laid out as ROOT/CLASS/IMAGE",
         root.string(), listing.files.size());
  for (const auto& name : listing.files)
    notes_.push_back(
        fmt::format("'{}' lies beside the class folders and is left out", (root / name).string()));
  for (const auto& name : listing.folders) {
    const fs::path folder = root / name;
    const FolderListing inside = list_folder(folder);
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
