// A model file whose large payloads are read when they are asked for, each to where it is needed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>

#include <spinel/limits.hpp>

#include "base/file.hpp"

namespace spinel::onnx {

/// Holds the file open. Not for use by two threads at once.
class ModelFile {
 public:
  /// Reads all but the raw_data of large tensors. Throws Error.
  ModelFile(const std::filesystem::path& path, const Limits& limits);

  /// As long as the file; what was left out is zeros, which take no memory.
  const Bytes& bytes() const noexcept { return bytes_; }
  /// Whether part of these bytes() was left out.
  bool leaves_out(std::span<const std::byte> part) const;
  /// Reads such a part from the file. Throws Error(io) if the file has shrunk meanwhile, Error(cancelled).
  void read(std::span<const std::byte> part, std::span<std::byte> to) const;

 private:
  struct Message;
  bool scan(const Message& message, uint64_t at, uint64_t end, int depth);
  bool read_varint(uint64_t& at, uint64_t end, uint64_t& value);
  void fill(uint64_t end);

  OpenFile file_;
  Bytes bytes_;
  std::byte* memory_ = nullptr;
  uint64_t filled_ = 0;                    ///< Before it, bytes() has all that it will have.
  std::map<uint64_t, uint64_t> left_out_;  ///< Begin and end of each part.
};

}  // namespace spinel::onnx
