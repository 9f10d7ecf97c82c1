#include "base/staged_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel {
namespace {

std::string system_text(int error) { return std::generic_category().message(error); }

}  // namespace

StagedFiles::StagedFiles(const std::filesystem::path& folder, const std::string& name)
    : destination_(folder.empty() ? "." : folder) {
  std::string made = (destination_ / fmt::format(".{}.XXXXXX", name)).string();
  if (::mkdtemp(made.data()) == nullptr)
    fail(errno == ENOENT || errno == ENOTDIR ? ErrorCode::not_found : ErrorCode::io, "cannot write '{}': {}",
         (destination_ / name).string(), system_text(errno));
  try {
    staged_ = made;
  } catch (...) {
    ::rmdir(made.c_str());
    throw;
  }
}

StagedFiles::~StagedFiles() {
  for (const File& file : files_) ::unlink(file.staged.c_str());
  ::rmdir(staged_.c_str());
}

void StagedFiles::write(const std::string& name, std::span<const std::span<const std::byte>> parts) {
  File file{(staged_ / name).string(), (destination_ / name).string()};
  files_.reserve(files_.size() + 1);
  try {
    write_file(file.staged, parts);
  } catch (const Error& error) {
    fail(error.code(), "cannot write '{}': {}", file.destination, error.what());
  }
  files_.push_back(std::move(file));
}

void StagedFiles::commit() {
  for (const File& file : files_)
    if (::rename(file.staged.c_str(), file.destination.c_str()) != 0)
      fail(ErrorCode::io, "cannot write '{}': {}", file.destination, system_text(errno));
  files_.clear();
  const int folder = ::open(destination_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace spinel
