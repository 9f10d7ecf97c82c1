#include "base/folder.hpp"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "base/text.hpp"

namespace spinel {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { closedir(folder); }
};

bool is_folder(const std::filesystem::path& folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN && entry.d_type != DT_LNK) return entry.d_type == DT_DIR;
  std::error_code ignored;
  return std::filesystem::is_directory(folder / entry.d_name, ignored);
}

[[noreturn]] void fail_folder(const std::filesystem::path& folder, int error_number) {
  fail(
      error_number == ENOENT ? ErrorCode::not_found : ErrorCode::io, "cannot read the folder '{}': {}",
      folder.string(),
      error_number == ENOTDIR ? "it is a file, not a folder" : std::generic_category().message(error_number));
}

}  // namespace

// libstdc++'s directory_iterator ends the process when there is no memory.
FolderListing list_folder(const std::filesystem::path& folder) {
  const std::unique_ptr<DIR, CloseFolder> open(opendir(folder.c_str()));
  if (!open) fail_folder(folder, errno);
  FolderListing out;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(open.get());
    if (entry == nullptr) break;
    if (entry->d_name[0] != '.')
      (is_folder(folder, *entry) ? out.folders : out.files).emplace_back(entry->d_name);
  }
  if (errno != 0) fail_folder(folder, errno);
  std::ranges::sort(out.folders);
  std::ranges::sort(out.files);
  return out;
}

}  // namespace spinel
