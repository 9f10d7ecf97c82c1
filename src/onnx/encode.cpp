#include "onnx/encode.hpp"

#include <cstring>

#include <protozero/buffer_string.hpp>
#include <protozero/varint.hpp>

namespace spinel::onnx {
namespace {

/// Shorter payloads are cheaper to copy than to write one by one.
constexpr size_t min_payload_bytes = 4096;
/// Offsets that a reader may map or read past its caches: a page for what is large, a cache line for the
/// rest.
constexpr uint64_t page_bytes = 4096;
constexpr uint64_t line_bytes = 64;

constexpr uint32_t varint_type = 0;
constexpr uint32_t bytes_type = 2;
constexpr uint32_t fixed32_type = 5;

void put_tag(std::string& to, uint32_t field, uint32_t type) {
  protozero::add_varint_to_buffer(&to, field << 3 | type);
}

}  // namespace

void Encoded::add_varint(uint32_t field, uint64_t value) {
  put_tag(text_, field, varint_type);
  protozero::add_varint_to_buffer(&text_, value);
}

void Encoded::add_float(uint32_t field, float value) {
  put_tag(text_, field, fixed32_type);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  text_.append(bytes, sizeof value);
}

void Encoded::add_bytes(uint32_t field, std::string_view bytes) {
  put_tag(text_, field, bytes_type);
  protozero::add_varint_to_buffer(&text_, bytes.size());
  add_payload(bytes);
}

void Encoded::add_fields(std::string_view fields) { add_payload(fields); }

void Encoded::add_payload(std::string_view bytes) {
  if (bytes.size() < min_payload_bytes) {
    text_.append(bytes);
    return;
  }
  payloads_.push_back({text_.size(), bytes});
  payload_bytes_ += bytes.size();
}

void Encoded::add_message(uint32_t field, const Encoded& message) {
  put_tag(text_, field, bytes_type);
  protozero::add_varint_to_buffer(&text_, message.size_bytes());
  for (const Payload& payload : message.payloads_)
    payloads_.push_back({text_.size() + payload.before, payload.bytes});
  payload_bytes_ += message.payload_bytes_;
  text_ += message.text_;
}

std::vector<std::span<const std::byte>> Encoded::parts() const {
  std::vector<std::span<const std::byte>> parts;
  const auto text = std::as_bytes(std::span(text_));
  size_t at = 0;
  for (const Payload& payload : payloads_) {
    if (payload.before > at) parts.push_back(text.subspan(at, payload.before - at));
    parts.push_back(std::as_bytes(std::span(payload.bytes)));
    at = payload.before;
  }
  if (at < text.size()) parts.push_back(text.subspan(at));
  return parts;
}

std::string Encoded::text() const {
  std::string out;
  out.reserve(size_bytes());
  for (const auto& part : parts()) out.append(reinterpret_cast<const char*>(part.data()), part.size());
  return out;
}

uint64_t ExternalData::place(std::span<const std::byte> bytes) {
  static constexpr std::byte zeros[page_bytes] = {};
  const uint64_t step = bytes.size() >= page_bytes ? page_bytes : line_bytes;
  if (const uint64_t over = size_ % step; over != 0) {
    parts_.push_back(std::span(zeros).first(step - over));
    size_ += step - over;
  }
  const uint64_t offset = size_;
  parts_.push_back(bytes);
  size_ += bytes.size();
  return offset;
}

}  // namespace spinel::onnx
