// BMP: the header is read here, the pixels by stb_image (see simple_formats.hpp).
#include <algorithm>

#include "media/codecs/simple_formats.hpp"

namespace spinel::media {
namespace {

enum Compression : uint32_t { raw = 0, bit_fields = 3 };

struct Header {
  uint32_t pixels_at = 0;
  uint32_t palette_at = 0;
  int width = 0;
  int height = 0;
  bool top_down = false;
  unsigned bits = 0;
  uint32_t colors = 0;
  uint32_t palette_entry_bytes = 4;
  std::array<uint32_t, 3> masks{0xff0000u, 0xff00u, 0xffu};
};

/// The layouts that Pillow takes. The channels must be whole bytes, or stb_image would round them its own
/// way.
void read_masks(const Fields& file, uint32_t header_bytes, Header& header) {
  constexpr uint32_t masks_at = 14 + 40;
  const bool in_header = header_bytes >= 56;
  std::array<uint32_t, 4> masks{};
  for (uint32_t i = 0; i < 3u + in_header; ++i) masks[i] = file.u32le(masks_at + i * 4);
  if (!in_header) header.palette_at += 12;
  constexpr std::array<std::array<uint32_t, 4>, 6> layouts{{{0xff0000u, 0xff00u, 0xffu, 0},
                                                            {0xff000000u, 0xff0000u, 0xff00u, 0},
                                                            {0xff000000u, 0xff0000u, 0xff00u, 0xffu},
                                                            {0xffu, 0xff00u, 0xff0000u, 0xff000000u},
                                                            {0xff0000u, 0xff00u, 0xffu, 0xff000000u},
                                                            {0, 0, 0, 0}}};
  if (header.bits == 24 && masks[0] == 0xff0000u && masks[1] == 0xff00u && masks[2] == 0xffu) return;
  if (header.bits != 32 || std::ranges::find(layouts, masks) == layouts.end())
    file.fail_variant("bit fields that are not whole bytes of 32 bits");
  if (masks[0] != 0) header.masks = {masks[0], masks[1], masks[2]};
}

Header read_header(const Fields& file, const Limits& limits) {
  Header header;
  header.pixels_at = file.u32le(10);
  const uint32_t header_bytes = file.u32le(14);
  header.palette_at = 14 + header_bytes;
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t compression = Compression::raw;
  if (header_bytes == 12) {
    width = file.u16le(18);
    height = file.u16le(20);
    header.bits = file.u16le(24);
    header.palette_entry_bytes = 3;
  } else if (header_bytes == 40 || header_bytes == 64 || header_bytes == 108 || header_bytes == 124) {
    width = file.u32le(18);
    height = file.u32le(22);
    header.top_down = file.u8(25) == 0xff;
    if (header.top_down) height = 0u - height;
    header.bits = file.u16le(28);
    compression = file.u32le(30);
    header.colors = file.u32le(46);
    static_cast<void>(file.slice(14, header_bytes));
  } else {
    file.fail_damaged("its header is of no known length");
  }
  check_image_size(width, height, file.name(), limits);
  header.width = static_cast<int>(width);
  header.height = static_cast<int>(height);
  const unsigned bits = header.bits;
  if (bits != 1 && bits != 4 && bits != 8 && bits != 24 && bits != 32)
    file.fail_variant(bits == 16 ? "16 bits a pixel" : "an unusual number of bits a pixel");
  if (compression == Compression::bit_fields)
    read_masks(file, header_bytes, header);
  else if (compression == 1 || compression == 2)
    file.fail_variant("run-length encoding");
  else if (compression != Compression::raw)
    file.fail_variant("an embedded JPEG or PNG, or an unknown compression");
  if (bits <= 8) {
    if (header.colors == 0) header.colors = 1u << bits;
    if (header.colors > 65536) file.fail_damaged("its palette is too long");
    const uint64_t palette_bytes = uint64_t{header.colors} * header.palette_entry_bytes;
    // Some writers give the palette's place as that of the pixels; Pillow mends it with 4 bytes an entry.
    if (header.pixels_at == 14 + header_bytes) header.pixels_at += header.colors * 4;
    if (header.pixels_at == 0) header.pixels_at = header.palette_at + static_cast<uint32_t>(palette_bytes);
  } else if (header.pixels_at == 0) {
    header.pixels_at = header.palette_at;
  }
  return header;
}

Palette read_palette(const Fields& file, const Header& header) {
  Palette palette;
  const auto bytes = file.slice(header.palette_at, uint64_t{header.colors} * header.palette_entry_bytes);
  const auto value = [&](size_t at) { return std::to_integer<uint8_t>(bytes[at]); };
  for (size_t i = 0; i < std::min<size_t>(header.colors, 256); ++i) {
    const size_t at = i * header.palette_entry_bytes;
    palette.set(i, value(at + 2), value(at + 1), value(at));
  }
  return palette;
}

}  // namespace

Image decode_bmp(EncodedBytes bytes, std::string_view name, const Limits& limits) {
  const Fields file(bytes, "BMP", name);
  const Header header = read_header(file, limits);
  const bool indexed = header.bits <= 8;
  const uint64_t row_bits = uint64_t{header.bits} * static_cast<uint64_t>(header.width);
  const uint64_t pitch = (row_bits + 31) / 32 * 4;
  // The padding of the last row may be missing.
  const uint64_t data_bytes = pitch * (static_cast<uint64_t>(header.height) - 1) + (row_bits + 7) / 8;
  const EncodedBytes pixels = file.slice(header.pixels_at, data_bytes);

  const uint32_t colors = indexed ? 1u << header.bits : 0;
  const bool fields = header.bits == 32;
  PlainFile plain;
  plain.append("BM");
  plain.u32le(0);
  plain.u32le(0);
  plain.u32le(14 + 40 + (fields ? 12 : 0) + colors * 4);
  plain.u32le(40);
  plain.u32le(static_cast<uint32_t>(header.width));
  plain.u32le(static_cast<uint32_t>(header.top_down ? -header.height : header.height));
  plain.u16le(1);
  plain.u16le(header.bits);
  plain.u32le(fields ? Compression::bit_fields : Compression::raw);
  for (int i = 0; i < 5; ++i) plain.u32le(0);
  if (fields)
    for (const uint32_t mask : header.masks) plain.u32le(mask);
  if (indexed) {
    const Palette palette = read_palette(file, header);
    for (size_t i = 0; i < colors; ++i) {
      plain.u8(palette[i][2]);
      plain.u8(palette[i][1]);
      plain.u8(palette[i][0]);
      plain.u8(0);
    }
  }
  plain.append(pixels);
  return plain.decode(header.width, header.height, file);
}

}  // namespace spinel::media
