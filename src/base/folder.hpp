// What lies in a folder.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace spinel {

struct FolderListing {
  std::vector<std::string> folders;  ///< Links to folders, too.
  std::vector<std::string> files;    ///< Everything else.
};

/// The names in a folder that do not begin with '.', each list sorted by bytes. Throws Error that
/// names the folder: not_found, or io if it cannot be read or is none.
FolderListing list_folder(const std::filesystem::path& folder);

}  // namespace spinel
