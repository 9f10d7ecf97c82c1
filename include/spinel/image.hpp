// Images: decoding, resizing and cropping, pixel for pixel as Pillow 9.4 does it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <spinel/error.hpp>
#include <spinel/limits.hpp>

namespace spinel {

/// A decoded image: 8-bit RGB, rows from top to bottom, without padding.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> pixels;  ///< height * width * 3 values, channel fastest (HWC).
};

/// How pixels are weighted when an image changes size. `bilinear` and `bicubic` widen their support when an
/// image shrinks (antialias). The numbers are those of the C ABI.
enum class Interpolation : int32_t { bilinear = 0, bicubic = 1, nearest = 2 };

/// "bilinear", "bicubic" or "nearest".
std::string_view interpolation_name(Interpolation interpolation) noexcept;
/// The inverse of interpolation_name. Throws Error(invalid_argument).
Interpolation parse_interpolation(std::string_view name);

/// Decodes an encoded image to RGB: what Pillow 9.4 gives for `Image.open(f).convert('RGB')`.
///
/// The format is recognised from the content alone. JPEG: baseline and progressive, gray, YCbCr, RGB, CMYK
/// and YCCK (Adobe's inverted ones too). PNG: every colour type and bit depth, interlaced or not. BMP, TGA,
/// PSD and PNM: the variants that src/media/simple_formats.hpp lists; the others are Error(unsupported) that
/// names the variant. Alpha is dropped, 16-bit gray is clipped at 255, an EXIF orientation is not applied:
/// all three as Pillow does.
///
/// `name` is used in messages only. Throws Error: bad_data when damaged, truncated or of no known format,
/// limit_exceeded when width * height is above limits.max_image_pixels (checked before pixels are allocated),
/// unsupported when Spinel was built without codecs. Thread-safe; prints nothing.
Image decode_image(std::span<const std::byte> encoded, std::string_view name, const Limits& limits = {});

/// Reads a file and decodes it. Throws what decode_image throws, not_found and io.
Image load_image(const std::filesystem::path& path, const Limits& limits = {});

/// Pillow's `image.resize((width, height), interpolation)` on 8-bit RGB, bit for bit.
/// Throws Error(invalid_argument) unless all sizes are at least 1. Thread-safe.
Image resize(const Image& image, int width, int height,
             Interpolation interpolation = Interpolation::bilinear);

/// torchvision's `Resize(size)`: the shorter side becomes `size`, the longer int(size * longer / shorter).
Image resize_short_side(const Image& image, int size, Interpolation interpolation = Interpolation::bilinear,
                        const Limits& limits = {});

/// torchvision's `CenterCrop((height, width))`: where the image is smaller it is padded with zeros first.
Image center_crop(const Image& image, int width, int height);

}  // namespace spinel
