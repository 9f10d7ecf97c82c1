// The protobuf wire format, written: messages whose large payloads stay where they are.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "onnx/model.hpp"

namespace spinel::onnx {

/// The encoded fields of one message. Payloads of some size are not copied: what they point to must outlive
/// the message and everything it is added to.
class Encoded {
 public:
  void add_varint(uint32_t field, uint64_t value);
  void add_int(uint32_t field, int64_t value) { add_varint(field, static_cast<uint64_t>(value)); }
  void add_float(uint32_t field, float value);
  void add_bytes(uint32_t field, std::string_view bytes);
  void add_message(uint32_t field, const Encoded& message);
  /// Fields that are encoded already, tags included.
  void add_fields(std::string_view fields);

  uint64_t size_bytes() const noexcept { return text_.size() + payload_bytes_; }
  /// The message's bytes, one part after another; valid while this and the payloads live.
  std::vector<std::span<const std::byte>> parts() const;
  /// The same in one block.
  std::string text() const;

 private:
  struct Payload {
    size_t before;  ///< Bytes of text_ that come first.
    std::string_view bytes;
  };
  void add_payload(std::string_view bytes);

  std::string text_;
  std::vector<Payload> payloads_;
  uint64_t payload_bytes_ = 0;
};

/// Where the tensors of a model's graphs go that do not stay inside; nullptr: all stay.
class ExternalData;

Encoded encode(const Model& model, ExternalData* external = nullptr);
Encoded encode(const Node& node);
Encoded encode(const Attribute& attribute);

/// What lies outside of the model file: large tensors, one after another in one file.
class ExternalData {
 public:
  /// `location` is the file's name as the model states it. Smaller tensors than min_bytes stay inside.
  ExternalData(std::string location, uint64_t min_bytes)
      : location_(std::move(location)), min_bytes_(min_bytes) {}

  const std::string& location() const noexcept { return location_; }
  bool takes(uint64_t bytes) const noexcept { return bytes >= min_bytes_; }
  /// Books the bytes, which must outlive this, and returns their offset in the file.
  uint64_t place(std::span<const std::byte> bytes);
  /// The file's contents.
  const std::vector<std::span<const std::byte>>& parts() const noexcept { return parts_; }
  uint64_t size_bytes() const noexcept { return size_; }

 private:
  std::string location_;
  uint64_t min_bytes_;
  uint64_t size_ = 0;
  std::vector<std::span<const std::byte>> parts_;
};

}  // namespace spinel::onnx
