// Reading files. No other code of the library opens a file by a name that it was given.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace spinel {

/// Bytes in memory and what keeps them alive.
struct Bytes {
  std::span<const std::byte> data;
  std::shared_ptr<void> owner;
};

/// Reads a regular file whole into private memory.
///
/// The file is read, not mapped: a mapping turns a file that shrinks meanwhile into SIGBUS, which a library
/// without signal handlers cannot survive. A file that shrinks while it is read is an Error(io). `what` names
/// the file's role in messages ("model", "image"). max_bytes 0 means no limit;
/// limit_name is the option of spinel::Limits that it comes from.
Bytes read_file(const std::filesystem::path& path, std::string_view what, uint64_t max_bytes = 0,
                std::string_view limit_name = {});

/// A regular file held open: what is read and mapped belongs to the same file, whatever its name means by
/// then.
class OpenFile {
 public:
  /// As read_file.
  OpenFile(const std::filesystem::path& path, std::string_view what, uint64_t max_bytes = 0,
           std::string_view limit_name = {});
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile();

  /// In bytes, when it was opened.
  uint64_t size() const noexcept { return size_; }
  /// A copy in private memory. The range must lie inside size(). Throws Error.
  Bytes read(uint64_t offset, uint64_t length) const;
  /// The same into the caller's memory.
  void read(uint64_t offset, std::span<std::byte> to) const;
  /// As read(offset, length), without a copy: pages come from the file when they are touched, and are never
  /// written. Whoever changes the file changes what is seen here, and touching what was cut off it ends the
  /// process (SIGBUS); a file that is replaced by renaming another one over it stays as it was.
  Bytes map(uint64_t offset, uint64_t length) const;

 private:
  int descriptor_;
  uint64_t size_;
  std::string name_;
  std::string what_;
};

/// Reads `length` bytes at `offset` of a file that a model names. The file must lie beneath `folder`:
/// relative, no "..", no symbolic link on the way, a regular file with one hard link. length -1 means to the
/// end. Throws Error.
Bytes read_beneath(const std::filesystem::path& folder, std::string_view relative, uint64_t offset,
                   int64_t length, uint64_t max_bytes = 0);

/// Writes the parts one after another as a file, whole or not at all: to a temporary name in the same folder,
/// synchronised with the disk, then renamed, and the folder synchronised. Throws Error(io).
void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);
/// The same with one or two parts.
void write_file(const std::filesystem::path& path, std::span<const std::byte> header,
                std::span<const std::byte> body = {});

}  // namespace spinel
