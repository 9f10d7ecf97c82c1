#include "media/codecs/simple_formats.hpp"

#include <algorithm>
#include <limits>
#include <memory>

#include "base/text.hpp"
#include "media/codecs/stb_image.hpp"

namespace spinel::media {

uint8_t Fields::u8(uint64_t at) const {
  if (at >= bytes_.size()) fail_truncated(at + 1);
  return std::to_integer<uint8_t>(bytes_[at]);
}
uint16_t Fields::u16le(uint64_t at) const { return static_cast<uint16_t>(u8(at) | u8(at + 1) << 8); }
uint32_t Fields::u32le(uint64_t at) const { return u16le(at) | uint32_t{u16le(at + 2)} << 16; }
uint16_t Fields::u16be(uint64_t at) const { return static_cast<uint16_t>(u8(at) << 8 | u8(at + 1)); }
uint32_t Fields::u32be(uint64_t at) const { return uint32_t{u16be(at)} << 16 | u16be(at + 2); }

EncodedBytes Fields::slice(uint64_t at, uint64_t count) const {
  if (at > bytes_.size() || count > bytes_.size() - at) fail_truncated(at + count);
  return bytes_.subspan(at, count);
}
EncodedBytes Fields::tail(uint64_t at) const {
  return at > bytes_.size() ? EncodedBytes{} : bytes_.subspan(at);
}

void Fields::fail_truncated(uint64_t wanted) const {
  fail(ErrorCode::bad_data, "{} '{}' is truncated: it has {} bytes, its header asks for at least {}", format_,
       name_, bytes_.size(), wanted);
}
void Fields::fail_damaged(std::string_view what) const {
  fail(ErrorCode::bad_data, "{} '{}' is damaged: {}", format_, name_, what);
}
void Fields::fail_variant(std::string_view what) const {
  fail(ErrorCode::unsupported, "{} '{}' is of a variant that Spinel does not decode: {}; convert it to PNG",
       format_, name_, what);
}

void PlainFile::u16le(unsigned value) {
  u8(value & 0xffu);
  u8(value >> 8 & 0xffu);
}
void PlainFile::u32le(uint32_t value) {
  u16le(value & 0xffffu);
  u16le(value >> 16);
}
void PlainFile::u16be(unsigned value) {
  u8(value >> 8 & 0xffu);
  u8(value & 0xffu);
}
void PlainFile::u32be(uint32_t value) {
  u16be(value >> 16);
  u16be(value & 0xffffu);
}
void PlainFile::append(EncodedBytes bytes) {
  const auto* begin = reinterpret_cast<const uint8_t*>(bytes.data());
  bytes_.insert(bytes_.end(), begin, begin + bytes.size());
}
void PlainFile::append(std::string_view text) { append(std::as_bytes(std::span(text))); }

Image PlainFile::decode(int width, int height, const Fields& source) const {
  constexpr size_t most = std::numeric_limits<int32_t>::max();
  if (bytes_.size() > most)
    fail(ErrorCode::limit_exceeded, "{} '{}' has more than {} bytes of pixels, the most that stb_image takes",
         source.format(), source.name(), most);
  const StbPixels decoded = stb_decode(bytes_.data(), bytes_.size(), 3);
  const std::unique_ptr<uint8_t, decltype(&stb_free)> owner(decoded.data, stb_free);
  if (decoded.data == nullptr)
    source.fail_damaged(decoded.reason == nullptr ? "stb_image refused it" : decoded.reason);
  if (decoded.width != width || decoded.height != height)
    fail(ErrorCode::internal, "{} '{}': stb_image gave {} x {} pixels instead of {} x {}", source.format(),
         source.name(), decoded.width, decoded.height, width, height);
  const size_t values = static_cast<size_t>(width) * static_cast<size_t>(height) * 3;
  return {width, height, {decoded.data, decoded.data + values}};
}

Palette::Palette() : entries_() {
  for (size_t i = 0; i < entries_.size(); ++i) entries_[i].fill(static_cast<uint8_t>(i));
}

void cmyk_to_rgb(Image& image, const uint8_t* black, size_t black_stride) {
  const size_t pixels = image.pixels.size() / 3;
  uint8_t* pixel = image.pixels.data();
  for (size_t i = 0; i < pixels; ++i, pixel += 3, black += black_stride) {
    const int white = 255 - *black;
    for (int c = 0; c < 3; ++c) {
      const int product = pixel[c] * white + 128;
      pixel[c] = static_cast<uint8_t>(std::max(white - (((product >> 8) + product) >> 8), 0));
    }
  }
}

}  // namespace spinel::media
