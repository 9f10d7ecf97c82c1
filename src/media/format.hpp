// Which format encoded bytes are in, and the decoder of each.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <spinel/image.hpp>

namespace spinel::media {

using EncodedBytes = std::span<const std::byte>;

enum class Format { unknown, jpeg, png, bmp, tga, psd, pnm };

/// Recognises the content by its first bytes. TGA has no signature: its header must make sense as a whole.
Format sniff_format(EncodedBytes bytes) noexcept;
/// The name of a format that is recognised but that Spinel does not decode ("GIF", "WebP", ...), or empty.
std::string_view foreign_format(EncodedBytes bytes) noexcept;

/// Throws unless 1 <= width, height <= 2^31 - 1 and width * height is within limits.max_image_pixels.
void check_image_size(uint64_t width, uint64_t height, std::string_view name, const Limits& limits);

// Each decoder takes bytes that sniff_format recognised as its format and throws as decode_image does.
Image decode_jpeg(EncodedBytes bytes, std::string_view name, const Limits& limits);
Image decode_png(EncodedBytes bytes, std::string_view name, const Limits& limits);
Image decode_bmp(EncodedBytes bytes, std::string_view name, const Limits& limits);
Image decode_tga(EncodedBytes bytes, std::string_view name, const Limits& limits);
Image decode_psd(EncodedBytes bytes, std::string_view name, const Limits& limits);
Image decode_pnm(EncodedBytes bytes, std::string_view name, const Limits& limits);

}  // namespace spinel::media
