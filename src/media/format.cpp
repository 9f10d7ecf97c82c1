#include "media/format.hpp"

#include <limits>

#include "base/text.hpp"

namespace spinel::media {
namespace {

bool begins_with(EncodedBytes bytes, std::string_view magic, size_t at = 0) noexcept {
  if (bytes.size() < at + magic.size()) return false;
  for (size_t i = 0; i < magic.size(); ++i)
    if (static_cast<char>(bytes[at + i]) != magic[i]) return false;
  return true;
}

unsigned byte_at(EncodedBytes bytes, size_t at) noexcept { return std::to_integer<unsigned>(bytes[at]); }

bool looks_like_tga(EncodedBytes bytes) noexcept {
  constexpr size_t header_bytes = 18;
  if (bytes.size() < header_bytes) return false;
  const unsigned map_type = byte_at(bytes, 1);
  const unsigned type = byte_at(bytes, 2);
  const unsigned depth = byte_at(bytes, 16);
  const unsigned width = byte_at(bytes, 12) | byte_at(bytes, 13) << 8;
  const unsigned height = byte_at(bytes, 14) | byte_at(bytes, 15) << 8;
  const unsigned kind = type & 7u;
  const bool known_type = (type & ~8u) == kind && kind >= 1 && kind <= 3;
  const bool known_depth = depth == 1 || depth == 8 || depth == 16 || depth == 24 || depth == 32;
  const bool no_interleaving = (byte_at(bytes, 17) & 0xc0u) == 0;
  return map_type <= 1 && known_type && (kind != 1 || map_type == 1) && known_depth && no_interleaving &&
         width > 0 && height > 0;
}

}  // namespace

Format sniff_format(EncodedBytes bytes) noexcept {
  if (begins_with(bytes, "\xff\xd8\xff")) return Format::jpeg;
  if (begins_with(bytes, "\x89PNG\r\n\x1a\n")) return Format::png;
  if (begins_with(bytes, "BM")) return Format::bmp;
  if (begins_with(bytes, "8BPS")) return Format::psd;
  if (bytes.size() >= 3 && begins_with(bytes, "P")) {
    const unsigned kind = byte_at(bytes, 1);
    const unsigned next = byte_at(bytes, 2);
    const bool space = next == ' ' || (next >= '\t' && next <= '\r') || next == '#';
    if (kind >= '1' && kind <= '6' && space) return Format::pnm;
  }
  if (foreign_format(bytes).empty() && looks_like_tga(bytes)) return Format::tga;
  return Format::unknown;
}

std::string_view foreign_format(EncodedBytes bytes) noexcept {
  if (begins_with(bytes, "GIF8")) return "GIF";
  if (begins_with(bytes, "RIFF") && begins_with(bytes, "WEBP", 8)) return "WebP";
  if (begins_with(bytes, std::string_view("II*\0", 4)) || begins_with(bytes, std::string_view("MM\0*", 4)))
    return "TIFF";
  if (begins_with(bytes, "ftypavif", 4)) return "AVIF";
  if (begins_with(bytes, "ftypheic", 4) || begins_with(bytes, "ftypmif1", 4)) return "HEIF";
  if (begins_with(bytes, std::string_view("\0\0\0\x0cjP  ", 8)) || begins_with(bytes, "\xff\x4f\xff\x51"))
    return "JPEG 2000";
  if (begins_with(bytes, "%PDF")) return "PDF";
  if (begins_with(bytes, "<svg") || begins_with(bytes, "<?xml")) return "SVG or XML";
  return {};
}

void check_image_size(uint64_t width, uint64_t height, std::string_view name, const Limits& limits) {
  constexpr uint64_t most = std::numeric_limits<int32_t>::max();
  if (width == 0 || height == 0 || width > most || height > most)
    fail(ErrorCode::bad_data, "image '{}': {} x {} pixels is no size of an image", name, width, height);
  // Both factors are below 2^31, so that the product fits.
  const uint64_t pixels = width * height;
  if (limits.max_image_pixels != 0 && pixels > limits.max_image_pixels)
    fail(ErrorCode::limit_exceeded,
         "image '{}' has {} x {} = {} pixels; the limit max_image_pixels is {}: raise it or scale the image "
         "down",
         name, width, height, pixels, limits.max_image_pixels);
}

}  // namespace spinel::media
