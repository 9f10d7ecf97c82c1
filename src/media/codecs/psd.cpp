// PSD: the header is read here, the merged image's channels by stb_image (see simple_formats.hpp).
#include <algorithm>

#include "media/codecs/simple_formats.hpp"

namespace spinel::media {
namespace {

enum Mode : unsigned { gray = 1, indexed = 2, rgb = 3, cmyk = 4, multichannel = 7, duotone = 8 };

/// One channel's data as it stands in the file, and with PackBits the table of its rows' lengths.
struct Channel {
  EncodedBytes row_lengths;
  EncodedBytes data;
};

struct Merged {
  bool packed = false;
  std::vector<Channel> channels;
};

/// Throws unless the bytes of a PackBits row give exactly `width` values.
void check_packed_row(const Fields& file, EncodedBytes row, uint64_t width) {
  uint64_t values = 0;
  for (size_t at = 0; at < row.size();) {
    const unsigned head = std::to_integer<unsigned>(row[at]);
    const size_t count = head < 128 ? head + 1u : head > 128 ? 257u - head : 0;
    at += 1 + (head < 128 ? count : head > 128 ? 1 : 0);
    if (at > row.size()) file.fail_damaged("a run of its compressed rows is cut off");
    values += count;
  }
  if (values != width) file.fail_damaged("a compressed row has the wrong length");
}

/// Reads every stored channel, so that a file cut off within those that are not used counts as truncated,
/// too.
Merged read_merged(const Fields& file, uint64_t at, uint64_t width, uint64_t height, unsigned stored) {
  Merged merged;
  const unsigned compression = file.u16be(at);
  if (compression > 1) file.fail_variant("ZIP or unknown compression of the merged image");
  merged.packed = compression == 1;
  at += 2;
  uint64_t table_at = at;
  if (merged.packed) at += uint64_t{stored} * height * 2;
  for (unsigned c = 0; c < stored; ++c) {
    Channel channel;
    uint64_t length = width * height;
    if (merged.packed) {
      channel.row_lengths = file.slice(table_at, height * 2);
      length = 0;
      for (uint64_t y = 0; y < height; ++y) {
        const uint64_t row_bytes = file.u16be(table_at + y * 2);
        check_packed_row(file, file.slice(at + length, row_bytes), width);
        length += row_bytes;
      }
      table_at += height * 2;
    }
    channel.data = file.slice(at, length);
    at += length;
    merged.channels.push_back(channel);
  }
  return merged;
}

/// Three channels as one RGB image. stb_image alters pixels beneath a fourth one, so it never gets one.
Image decode_channels(const Fields& file, const Merged& merged, std::array<size_t, 3> picked, uint32_t width,
                      uint32_t height) {
  PlainFile plain;
  plain.append("8BPS");
  plain.u16be(1);
  plain.u32be(0);
  plain.u16be(0);
  plain.u16be(3);
  plain.u32be(height);
  plain.u32be(width);
  plain.u16be(8);
  plain.u16be(Mode::rgb);
  for (int empty_section = 0; empty_section < 3; ++empty_section) plain.u32be(0);
  plain.u16be(merged.packed ? 1 : 0);
  for (const size_t c : picked) plain.append(merged.channels[c].row_lengths);
  for (const size_t c : picked) plain.append(merged.channels[c].data);
  return plain.decode(static_cast<int>(width), static_cast<int>(height), file);
}

}  // namespace

Image decode_psd(EncodedBytes bytes, std::string_view name, const Limits& limits) {
  const Fields file(bytes, "PSD", name);
  if (file.u16be(4) != 1) file.fail_variant("its version is not 1 (a large document, PSB?)");
  const unsigned stored = file.u16be(12);
  const uint32_t height = file.u32be(14);
  const uint32_t width = file.u32be(18);
  const unsigned bits = file.u16be(22);
  const unsigned mode = file.u16be(24);
  check_image_size(width, height, name, limits);
  if (bits != 8) file.fail_variant("its channels are not of 8 bits");
  const bool single =
      mode == Mode::gray || mode == Mode::indexed || mode == Mode::multichannel || mode == Mode::duotone;
  if (!single && mode != Mode::rgb && mode != Mode::cmyk)
    file.fail_variant("its colour mode (bitmap or Lab)");
  const unsigned wanted = single ? 1 : mode == Mode::rgb ? 3 : 4;
  if (stored < wanted || stored > 56) file.fail_damaged("it has the wrong number of channels");

  // Colour mode data, image resources, layers: each with its length before it.
  uint64_t at = 26;
  Palette palette;
  const uint32_t mode_data_bytes = file.u32be(at);
  if (mode == Mode::indexed && mode_data_bytes == 768)
    for (size_t i = 0; i < 256; ++i)
      palette.set(i, file.u8(at + 4 + i), file.u8(at + 260 + i), file.u8(at + 516 + i));
  for (int section = 0; section < 3; ++section) at += 4 + uint64_t{file.u32be(at)};
  const Merged merged = read_merged(file, at, width, height, stored);

  if (mode == Mode::rgb) return decode_channels(file, merged, {0, 1, 2}, width, height);
  if (mode == Mode::cmyk) {
    // The file holds inverted ink.
    Image image = decode_channels(file, merged, {0, 1, 2}, width, height);
    Image black = decode_channels(file, merged, {3, 3, 3}, width, height);
    for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(255 - value);
    for (uint8_t& value : black.pixels) value = static_cast<uint8_t>(255 - value);
    cmyk_to_rgb(image, black.pixels.data(), 3);
    return image;
  }
  Image image = decode_channels(file, merged, {0, 0, 0}, width, height);
  if (mode == Mode::indexed)
    for (size_t i = 0; i < image.pixels.size(); i += 3) {
      const auto& entry = palette[image.pixels[i]];
      std::copy(entry.begin(), entry.end(), image.pixels.begin() + static_cast<std::ptrdiff_t>(i));
    }
  return image;
}

}  // namespace spinel::media
