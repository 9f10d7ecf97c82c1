// PNM: 8-bit P5 and P6 by stb_image (see simple_formats.hpp); the variants that it lacks are read here.
#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "media/codecs/simple_formats.hpp"

namespace spinel::media {
namespace {

bool is_space(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// Reads numbers in ASCII, with comments from '#' to the end of the line.
class Tokens {
 public:
  Tokens(const Fields& file, uint64_t at) : file_(file), at_(at) {}

  uint64_t at() const { return at_; }
  void skip_space() {
    while (at_ < file_.size()) {
      const uint8_t c = file_.u8(at_);
      if (c == '#') {
        while (at_ < file_.size() && file_.u8(at_) != '\n' && file_.u8(at_) != '\r') ++at_;
      } else if (!is_space(c)) {
        return;
      } else {
        ++at_;
      }
    }
  }
  uint32_t number() {
    skip_space();
    uint32_t value = 0;
    constexpr uint64_t most_digits = 9;
    const uint64_t begin = at_;
    if (at_ >= file_.size()) file_.fail_truncated(at_ + 1);
    for (; at_ < file_.size() && !is_space(file_.u8(at_)) && file_.u8(at_) != '#'; ++at_) {
      const uint8_t c = file_.u8(at_);
      if (c < '0' || c > '9') file_.fail_damaged("a character that is no digit where a number should be");
      if (at_ - begin >= most_digits) file_.fail_damaged("a number of more than 9 digits");
      value = value * 10 + (c - '0');
    }
    return value;
  }
  /// P1 has one digit a pixel, with or without space between.
  bool bit() {
    skip_space();
    const uint8_t c = file_.u8(at_++);
    if (c != '0' && c != '1') file_.fail_damaged("a character other than 0 and 1 in a bitmap");
    return c == '1';
  }
  /// The one white space between header and binary data.
  void end_header() {
    if (!is_space(file_.u8(at_))) file_.fail_damaged("no white space after the header");
    ++at_;
  }

 private:
  const Fields& file_;
  uint64_t at_;
};

/// A sample as Pillow scales it: gray above 8 bits goes to 16 bits and is then clipped at 255; all else to 8
/// bits. Python rounds half to even, as nearbyint does.
uint8_t scale_sample(uint32_t value, uint32_t maxval, bool is_gray) {
  const bool wide = is_gray && maxval > 255;
  const double most = wide ? 65535.0 : 255.0;
  const double scaled = std::nearbyint(static_cast<double>(value) / maxval * most);
  return static_cast<uint8_t>(std::min(scaled, 255.0));
}

void put(Image& image, size_t pixel, std::array<uint8_t, 3> rgb) {
  std::copy(rgb.begin(), rgb.end(), image.pixels.begin() + static_cast<std::ptrdiff_t>(pixel * 3));
}

}  // namespace

Image decode_pnm(EncodedBytes bytes, std::string_view name, const Limits& limits) {
  const Fields file(bytes, "PNM", name);
  const unsigned kind = file.u8(1) - unsigned{'0'};
  const bool plain = kind <= 3;
  const bool bitmap = kind == 1 || kind == 4;
  const bool is_gray = kind == 2 || kind == 5;
  Tokens tokens(file, 2);
  const uint32_t width = tokens.number();
  const uint32_t height = tokens.number();
  const uint32_t maxval = bitmap ? 1 : tokens.number();
  if (maxval == 0 || maxval > 65535) file.fail_damaged("its maxval is not between 1 and 65535");
  check_image_size(width, height, name, limits);
  if (!plain) tokens.end_header();

  const uint64_t pixels = uint64_t{width} * height;
  const size_t samples = bitmap || is_gray ? 1 : 3;
  if (!plain && !bitmap && maxval == 255) {
    PlainFile stb_file;
    stb_file.append(fmt::format("P{}\n{} {}\n255\n", kind, width, height));
    stb_file.append(file.slice(tokens.at(), pixels * samples));
    return stb_file.decode(static_cast<int>(width), static_cast<int>(height), file);
  }

  const uint64_t row_bytes = (uint64_t{width} + 7) / 8;
  const size_t sample_bytes = maxval > 255 ? 2 : 1;
  const EncodedBytes data =
      plain ? EncodedBytes{}
            : file.slice(tokens.at(), bitmap ? row_bytes * height : pixels * samples * sample_bytes);
  // Every plain sample takes at least one character: checked before the pixels are allocated.
  if (plain && file.tail(tokens.at()).size() < pixels * samples)
    file.fail_truncated(tokens.at() + pixels * samples);
  Image image{static_cast<int>(width), static_cast<int>(height), {}};
  image.pixels.resize(pixels * 3);
  const auto byte = [&](uint64_t at) { return std::to_integer<uint32_t>(data[at]); };
  for (uint64_t i = 0; i < pixels; ++i) {
    std::array<uint8_t, 3> rgb{};
    if (bitmap) {
      const uint64_t x = i % width;
      const bool ink = plain ? tokens.bit() : (byte(i / width * row_bytes + x / 8) >> (7 - x % 8) & 1u) != 0;
      rgb.fill(ink ? 0 : 255);
    } else {
      for (size_t c = 0; c < samples; ++c) {
        const uint64_t at = (i * samples + c) * sample_bytes;
        const uint32_t value = plain               ? tokens.number()
                               : sample_bytes == 2 ? byte(at) << 8 | byte(at + 1)
                                                   : byte(at);
        if (plain && value > maxval) file.fail_damaged("a value above its maxval");
        rgb[c] = scale_sample(value, maxval, is_gray);
      }
      if (samples == 1) rgb.fill(rgb[0]);
    }
    put(image, i, rgb);
  }
  return image;
}

}  // namespace spinel::media
