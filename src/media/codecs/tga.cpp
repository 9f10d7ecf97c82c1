// TGA: the header is read here, the pixels by stb_image (see simple_formats.hpp).
#include <algorithm>

#include "media/codecs/simple_formats.hpp"

namespace spinel::media {
namespace {

constexpr uint64_t header_bytes = 18;
enum Kind : unsigned { indexed = 1, color = 2, gray = 3 };
enum Descriptor : unsigned { right_to_left = 0x10, top_down = 0x20 };

/// How many bytes the packets of `pixels` pixels take; throws when the file ends before.
uint64_t packets_bytes(const Fields& file, uint64_t begin, uint64_t pixels, unsigned pixel_bytes) {
  uint64_t at = begin;
  while (pixels > 0) {
    const unsigned packet = file.u8(at);
    const uint64_t count = 1 + (packet & 127u);
    at += 1 + ((packet & 128u) != 0 ? 1 : count) * pixel_bytes;
    pixels -= std::min(count, pixels);
  }
  if (at > file.size()) file.fail_truncated(at);
  return at - begin;
}

Palette read_palette(const Fields& file, uint64_t at, unsigned start, unsigned length, unsigned entry_bits) {
  Palette palette;
  // Entries before the first one are black.
  for (size_t i = 0; i < std::min(start, 256u); ++i) palette.set(i, 0, 0, 0);
  const unsigned entry_bytes = entry_bits / 8;
  for (unsigned i = 0; i < length; ++i, at += entry_bytes) {
    if (entry_bits == 16) {
      const unsigned value = file.u16le(at);
      palette.set(start + i, expand5(value >> 10), expand5(value >> 5), expand5(value));
    } else {
      palette.set(start + i, file.u8(at + 2), file.u8(at + 1), file.u8(at));
    }
  }
  return palette;
}

void mirror(Image& image) {
  const auto width = static_cast<size_t>(image.width);
  for (size_t y = 0; y < static_cast<size_t>(image.height); ++y) {
    uint8_t* row = image.pixels.data() + y * width * 3;
    for (size_t x = 0; x < width / 2; ++x)
      std::swap_ranges(row + x * 3, row + x * 3 + 3, row + (width - 1 - x) * 3);
  }
}

}  // namespace

Image decode_tga(EncodedBytes bytes, std::string_view name, const Limits& limits) {
  const Fields file(bytes, "TGA", name);
  const bool has_map = file.u8(1) != 0;
  const unsigned type = file.u8(2);
  const unsigned kind = type & 7u;
  const bool run_length = (type & 8u) != 0;
  const unsigned map_start = file.u16le(3);
  const unsigned map_length = file.u16le(5);
  const unsigned map_bits = file.u8(7);
  const unsigned width = file.u16le(12);
  const unsigned height = file.u16le(14);
  const unsigned depth = file.u8(16);
  const unsigned descriptor = file.u8(17);
  check_image_size(width, height, name, limits);
  // Pillow applies a palette to gray pixels, too, where the file has one.
  const bool mapped = kind == Kind::indexed || (kind == Kind::gray && depth == 8 && has_map);
  const bool known = (kind == Kind::indexed && depth == 8) ||
                     (kind == Kind::gray && (depth == 8 || depth == 16)) ||
                     (kind == Kind::color && (depth == 16 || depth == 24 || depth == 32));
  if (!known) file.fail_variant("its image type and pixel depth");
  if (mapped && (!has_map || map_length == 0 || (map_bits != 16 && map_bits != 24 && map_bits != 32)))
    file.fail_variant("a palette whose entries are not of 16, 24 or 32 bits");

  const uint64_t map_at = header_bytes + file.u8(0);
  const uint64_t data_at = map_at + (has_map ? uint64_t{map_length} * ((map_bits + 7) / 8) : 0);
  const unsigned pixel_bytes = depth / 8;
  const uint64_t pixels = uint64_t{width} * height;
  const uint64_t data_bytes =
      run_length ? packets_bytes(file, data_at, pixels, pixel_bytes) : pixels * pixel_bytes;

  PlainFile plain;
  plain.u8(0);
  plain.u8(mapped);
  plain.u8(mapped ? Kind::indexed | (type & 8u) : type);
  plain.u16le(0);
  plain.u16le(mapped ? 256 : 0);
  plain.u8(mapped ? 24 : 0);
  plain.u32le(0);
  plain.u16le(width);
  plain.u16le(height);
  plain.u8(depth);
  plain.u8(descriptor & Descriptor::top_down);
  if (mapped) {
    const Palette palette = read_palette(file, map_at, map_start, map_length, map_bits);
    for (size_t i = 0; i < 256; ++i) {
      plain.u8(palette[i][2]);
      plain.u8(palette[i][1]);
      plain.u8(palette[i][0]);
    }
  }
  plain.append(file.slice(data_at, data_bytes));
  Image image = plain.decode(static_cast<int>(width), static_cast<int>(height), file);
  if ((descriptor & Descriptor::right_to_left) != 0) mirror(image);
  return image;
}

}  // namespace spinel::media
