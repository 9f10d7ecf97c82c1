#include "base/staged_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

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
  staged_ = made;
}

StagedFiles::~StagedFiles() {
  for (const std::string& name : names_) ::unlink((staged_ / name).c_str());
  ::rmdir(staged_.c_str());
}

void StagedFiles::write(const std::string& name, std::span<const std::span<const std::byte>> parts) {
  try {
    write_file(staged_ / name, parts);
  } catch (const Error& error) {
    fail(error.code(), "cannot write '{}': {}", (destination_ / name).string(), error.what());
  }
  names_.push_back(name);
}

void StagedFiles::commit() {
  for (const std::string& name : names_)
    if (::rename((staged_ / name).c_str(), (destination_ / name).c_str()) != 0)
      fail(ErrorCode::io, "cannot write '{}': {}", (destination_ / name).string(), system_text(errno));
  names_.clear();
  const int folder = ::open(destination_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace spinel
