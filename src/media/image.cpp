#include <spinel/image.hpp>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "media/format.hpp"

namespace spinel {

std::string_view interpolation_name(Interpolation interpolation) noexcept {
  switch (interpolation) {
    case Interpolation::bilinear:
      return "bilinear";
    case Interpolation::bicubic:
      return "bicubic";
    case Interpolation::nearest:
      return "nearest";
  }
  return "unknown";
}

Interpolation parse_interpolation(std::string_view name) {
  for (const auto value : {Interpolation::bilinear, Interpolation::bicubic, Interpolation::nearest})
    if (interpolation_name(value) == name) return value;
  fail(ErrorCode::invalid_argument, "interpolation '{}' is not known; use bilinear, bicubic or nearest",
       name);
}

Image decode_image(std::span<const std::byte> encoded, std::string_view name, const Limits& limits) {
#ifdef SPINEL_CODECS
  switch (media::sniff_format(encoded)) {
    case media::Format::jpeg:
      return media::decode_jpeg(encoded, name, limits);
    case media::Format::png:
      return media::decode_png(encoded, name, limits);
    case media::Format::bmp:
      return media::decode_bmp(encoded, name, limits);
    case media::Format::tga:
      return media::decode_tga(encoded, name, limits);
    case media::Format::psd:
      return media::decode_psd(encoded, name, limits);
    case media::Format::pnm:
      return media::decode_pnm(encoded, name, limits);
    case media::Format::unknown:
      break;
  }
  if (encoded.empty()) fail(ErrorCode::bad_data, "image '{}' is empty (0 bytes)", name);
  constexpr std::string_view known = "JPEG, PNG, BMP, TGA, PSD or PNM";
  if (const auto foreign = media::foreign_format(encoded); !foreign.empty())
    fail(ErrorCode::unsupported, "image '{}' is {}, which Spinel does not decode; convert it to {}", name,
         foreign, known);
  fail(ErrorCode::bad_data, "image '{}' ({} bytes) is not an image of a known format: its content is not {}",
       name, encoded.size(), known);
#else
  static_cast<void>(encoded);
  static_cast<void>(limits);
  fail(ErrorCode::unsupported,
       "image '{}' cannot be decoded: this Spinel was built with SPINEL_CODECS=OFF; pass decoded pixels or "
       "tensors",
       name);
#endif
}

Image load_image(const std::filesystem::path& path, const Limits& limits) {
  // No format needs more than 8 bytes a pixel; the rest is room for metadata.
  constexpr uint64_t bytes_per_pixel = 8;
  constexpr uint64_t metadata_bytes = uint64_t{64} << 20;
  constexpr uint64_t most_pixels = uint64_t{1} << 59;
  const uint64_t max_bytes =
      limits.max_image_pixels == 0
          ? 0
          : std::min(limits.max_image_pixels, most_pixels) * bytes_per_pixel + metadata_bytes;
  const Bytes bytes = read_file(path, "image", max_bytes);
  return decode_image(bytes.data, path.string(), limits);
}

}  // namespace spinel
