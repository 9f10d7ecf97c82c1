#include "base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/allocate.hpp"
#include "base/cancel.hpp"
#include "base/text.hpp"

namespace spinel {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_;
};

std::string system_text(int error) { return std::generic_category().message(error); }

ErrorCode open_error(int error) {
  return error == ENOENT || error == ENOTDIR ? ErrorCode::not_found : ErrorCode::io;
}

struct stat regular_status(int fd, std::string_view name, std::string_view what) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(ErrorCode::io, "{} '{}': {}", what, name, system_text(errno));
  if (S_ISDIR(status.st_mode)) fail(ErrorCode::io, "{} '{}' is a folder, not a file", what, name);
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, "{} '{}' is not a regular file", what, name);
  return status;
}

/// Bytes that are read before a cancelled load is noticed.
constexpr size_t piece_bytes = size_t{2} << 20;

/// Pages of their own, which go back to the system at once, unless the host has an allocator; nullptr if
/// there is no memory.
std::shared_ptr<void> allocate_bytes(size_t size) {
  return has_host_allocator() ? allocate_block(size, 4096) : map_block(size);
}

void read_into(int fd, uint64_t offset, std::span<std::byte> to, std::string_view name,
               std::string_view what) {
  size_t done = 0;
  while (done < to.size()) {
    check_load_cancelled();
    const ssize_t got = ::pread(fd, to.data() + done, std::min(to.size() - done, piece_bytes),
                                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorCode::io, "{} '{}': {}", what, name, system_text(errno));
    if (got == 0)
      fail(ErrorCode::io, "{} '{}' shrank to {} bytes while it was read", what, name, offset + done);
    done += static_cast<size_t>(got);
  }
}

Bytes read_range(int fd, uint64_t offset, uint64_t length, std::string_view name, std::string_view what) {
  if (length == 0) return {};
  if (length > SIZE_MAX / 2)
    fail(ErrorCode::limit_exceeded, "{} '{}' is larger than the address space", what, name);
  const auto size = static_cast<size_t>(length);
  std::shared_ptr<void> owner = allocate_bytes(size);
  if (owner == nullptr) fail(ErrorCode::out_of_memory, "{} '{}': no memory for {} bytes", what, name, size);
  auto* memory = static_cast<std::byte*>(owner.get());
  read_into(fd, offset, {memory, size}, name, what);
  return {{memory, size}, std::move(owner)};
}

std::string named(std::string_view limit_name) {
  return limit_name.empty() ? std::string() : fmt::format(" ({})", limit_name);
}

void check_size(uint64_t size, uint64_t limit, std::string_view limit_name, std::string_view name,
                std::string_view what) {
  if (limit != 0 && size > limit)
    fail(ErrorCode::limit_exceeded, "{} '{}' has {} bytes; the limit is {}{}", what, name, size, limit,
         named(limit_name));
}

/// Writes a file from its beginning.
class Writer {
 public:
  Writer(int fd, const std::string& name) : fd_(fd), name_(name) {}

  void write(std::span<const std::byte> bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
      check_load_cancelled();
      const ssize_t put = ::write(fd_, bytes.data() + done, std::min(bytes.size() - done, piece_bytes));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail(ErrorCode::io, "cannot write '{}': {}", name_, system_text(errno));
      done += static_cast<size_t>(put);
      written_ += put;
      limit_backlog();
    }
  }

 private:
  /// Lets the disk keep up, for nothing can cancel a synchronisation. Some file systems cannot do it; then
  /// that takes as long as it takes.
  void limit_backlog() {
    constexpr off_t backlog = 4 * static_cast<off_t>(piece_bytes);
    if (written_ - synchronised_ < backlog) return;
    const off_t half = (written_ - synchronised_) / 2;
    ::sync_file_range(fd_, synchronised_ + half, half, SYNC_FILE_RANGE_WRITE);
    ::sync_file_range(fd_, synchronised_, half,
                      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
    synchronised_ += half;
  }

  int fd_;
  const std::string& name_;
  off_t written_ = 0;
  off_t synchronised_ = 0;
};

}  // namespace

OpenFile::OpenFile(const std::filesystem::path& path, std::string_view what, uint64_t max_bytes,
                   std::string_view limit_name)
    : descriptor_(-1), size_(0), name_(path.string()), what_(what) {
  // O_NONBLOCK: opening a FIFO must not hang; it has no effect on the regular files that are accepted.
  Descriptor file(::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) fail(open_error(errno), "cannot open {} '{}': {}", what, name_, system_text(errno));
  size_ = static_cast<uint64_t>(regular_status(file.get(), name_, what).st_size);
  check_size(size_, max_bytes, limit_name, name_, what);
  descriptor_ = file.release();
}
OpenFile::~OpenFile() { ::close(descriptor_); }

Bytes OpenFile::read(uint64_t offset, uint64_t length) const {
  return read_range(descriptor_, offset, length, name_, what_);
}

void OpenFile::read(uint64_t offset, std::span<std::byte> to) const {
  read_into(descriptor_, offset, to, name_, what_);
}

Bytes OpenFile::map(uint64_t offset, uint64_t length) const {
  if (length == 0) return {};
  const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t before = offset % page;
  if (length > SIZE_MAX / 2)
    fail(ErrorCode::limit_exceeded, "{} '{}' is larger than the address space", what_, name_);
  const auto size = static_cast<size_t>(before + length);
  void* memory =
      ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor_, static_cast<off_t>(offset - before));
  if (memory == MAP_FAILED) fail(ErrorCode::io, "cannot map {} '{}': {}", what_, name_, system_text(errno));
  std::shared_ptr<void> owner(memory, [size](void* p) { ::munmap(p, size); });
  return {{static_cast<const std::byte*>(memory) + before, static_cast<size_t>(length)}, std::move(owner)};
}

Bytes read_file(const std::filesystem::path& path, std::string_view what, uint64_t max_bytes,
                std::string_view limit_name) {
  const OpenFile file(path, what, max_bytes, limit_name);
  return file.read(0, file.size());
}

Bytes read_beneath(const std::filesystem::path& folder, std::string_view relative, uint64_t offset,
                   int64_t length, uint64_t max_bytes) {
  constexpr std::string_view what = "external data";
  const std::filesystem::path inner{std::string(relative)};
  if (relative.empty() || relative.find('\0') != std::string_view::npos || inner.is_absolute())
    fail(ErrorCode::bad_model, "{} '{}' is not a relative path", what, relative);
  const std::string root = folder.empty() ? "." : folder.string();
  Descriptor at(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (at.get() < 0)
    fail(open_error(errno), "cannot open the model's folder '{}': {}", root, system_text(errno));

  std::vector<std::string> parts;
  for (const auto& part : inner)
    if (!part.empty() && part != ".") parts.push_back(part.string());
  if (parts.empty()) fail(ErrorCode::bad_model, "{} '{}' names no file", what, relative);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "..") fail(ErrorCode::bad_model, "{} '{}' leaves the model's folder", what, relative);
    const bool last = i + 1 == parts.size();
    const int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (last ? O_NONBLOCK : O_DIRECTORY);
    const int next = ::openat(at.get(), parts[i].c_str(), flags);
    if (next < 0) {
      const int error = errno;
      if (error == ELOOP || (error == ENOTDIR && !last))
        fail(ErrorCode::bad_model, "{} '{}' passes through a symbolic link or a file at '{}'", what, relative,
             parts[i]);
      fail(open_error(error), "cannot open {} '{}' in '{}': {}", what, relative, root, system_text(error));
    }
    at.reset(next);
  }
  const struct stat status = regular_status(at.get(), relative, what);
  if (status.st_nlink != 1)
    fail(ErrorCode::bad_model, "{} '{}' is a hard link; copy the file instead", what, relative);
  const auto size = static_cast<uint64_t>(status.st_size);
  if (offset > size || (length >= 0 && static_cast<uint64_t>(length) > size - offset))
    fail(ErrorCode::bad_model, "{} '{}' has {} bytes, but {} at offset {} are asked for", what, relative,
         size, length, offset);
  const uint64_t wanted = length < 0 ? size - offset : static_cast<uint64_t>(length);
  check_size(wanted, max_bytes, "max_model_bytes", relative, what);
  return read_range(at.get(), offset, wanted, relative, what);
}

void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts) {
  const std::string name = path.string();
  const std::string folder = path.has_parent_path() ? path.parent_path().string() : ".";
  std::string temporary = name + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.get() < 0) fail(open_error(errno), "cannot write '{}': {}", name, system_text(errno));
  try {
    Writer writer(file.get(), name);
    for (const std::span<const std::byte> part : parts) writer.write(part);
    const mode_t mask = 0644;
    if (::fchmod(file.get(), mask) != 0 || ::fsync(file.get()) != 0 ||
        ::rename(temporary.c_str(), name.c_str()) != 0)
      fail(ErrorCode::io, "cannot write '{}': {}", name, system_text(errno));
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  // The name survives a crash of the system from here on. Some file systems cannot synchronise folders.
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (parent.get() >= 0) ::fsync(parent.get());
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> header,
                std::span<const std::byte> body) {
  const std::span<const std::byte> parts[] = {header, body};
  write_file(path, std::span<const std::span<const std::byte>>(parts));
}

}  // namespace spinel
