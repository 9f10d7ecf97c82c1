// Numbers and texts as bytes of an engine file's program.
#pragma once
#include <bit>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "base/text.hpp"

namespace spinel::engine_file {

/// Appends to a string. Integers are base-128, lowest group first; signed ones in zigzag.
class Encoder {
 public:
  void number(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  void integer(int64_t value) {
    number((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void real(float value) { raw(&value, sizeof value); }
  void text(std::string_view value) {
    number(value.size());
    bytes_ += value;
  }
  void raw(const void* data, size_t size) { bytes_.append(static_cast<const char*>(data), size); }
  template <class List, class Fn>
  void list(const List& items, Fn&& encode) {
    number(items.size());
    for (const auto& item : items) encode(item);
  }

  const std::string& bytes() const noexcept { return bytes_; }

 private:
  std::string bytes_;
};

/// Reads what Encoder wrote. Every member throws Error(bad_model) at bytes that it cannot have written.
class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}

  uint64_t number() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto group = static_cast<uint64_t>(take(1)[0]);
      value |= (group & 0x7F) << shift;
      if (group < 0x80) return value;
    }
    damaged("a number does not end");
  }
  int64_t integer() {
    const uint64_t value = number();
    return static_cast<int64_t>((value >> 1) ^ (uint64_t{0} - (value & 1)));
  }
  /// A number below `end`.
  uint64_t below(uint64_t end, std::string_view what) {
    const uint64_t value = number();
    if (value >= end) damaged(fmt::format("{} is {}, but there are {}", what, value, end));
    return value;
  }
  bool flag() { return below(2, "a flag") != 0; }
  float real() {
    float value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() {
    const auto bytes = take(number());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::span<const std::byte> take(uint64_t size) {
    if (size > bytes_.size() - at_)
      damaged(fmt::format("{} bytes are missing", size - (bytes_.size() - at_)));
    const auto out = bytes_.subspan(at_, static_cast<size_t>(size));
    at_ += static_cast<size_t>(size);
    return out;
  }
  /// Calls decode() for each item of a list; an item has at least one byte, so that counts cannot lie.
  template <class Fn>
  void list(Fn&& decode) {
    const uint64_t count = number();
    if (count > bytes_.size() - at_) damaged(fmt::format("a list of {} items does not fit", count));
    for (uint64_t i = 0; i < count; ++i) decode();
  }
  uint64_t left() const noexcept { return bytes_.size() - at_; }
  bool at_end() const noexcept { return at_ == bytes_.size(); }

  [[noreturn]] void damaged(std::string_view why) const {
    fail(ErrorCode::bad_model, "the program is damaged at byte {}: {}", at_, why);
  }

 private:
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
};

}  // namespace spinel::engine_file
