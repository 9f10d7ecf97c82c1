// What the decoders of BMP, TGA, PSD and PNM share.
//
// These formats are decoded by stb_image, but it never sees a header that it was not written here: its own
// header code reads past palettes, pads truncated files with zeros, ignores orientation bits and alters
// pixels beneath PSD alpha. Each decoder therefore checks the file's header and the length of its data, and
// hands stb_image a plain file of the same format with a full palette. Variants that are decoded, all equal
// to Pillow's `convert('RGB')`:
//   BMP  1, 4 and 8 bits with palette, 24 and 32 bits, bit fields of whole bytes, every header from OS/2 to
//   version 5,
//        top-down or bottom-up. Not: 16 bits, run-length encoding.
//   TGA  gray, gray with alpha, 15/16-, 24- and 32-bit colour, 8-bit palette; raw or run-length encoded; all
//   four origins. PSD  the merged image of 8-bit gray, duotone, indexed, RGB (with any further channels) and
//   CMYK; raw or PackBits.
//        Not: bitmap, Lab, 16 bits (Pillow reads no 16-bit ones either).
//   PNM  P1 to P6 with any maxval up to 65535.
// Two variants that Pillow 9.4 misreads are decoded right: PackBits PSD with more channels than it needs, and
// TGA with a 32-bit palette.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <spinel/image.hpp>

#include "media/format.hpp"

namespace spinel::media {

/// Bounds-checked reading of numbers. Past the end is Error(bad_data) that calls the file truncated.
class Fields {
 public:
  /// `format` and `name` are for messages.
  Fields(EncodedBytes bytes, std::string_view format, std::string_view name)
      : bytes_(bytes), format_(format), name_(name) {}

  std::string_view format() const { return format_; }
  std::string_view name() const { return name_; }
  size_t size() const { return bytes_.size(); }
  uint8_t u8(uint64_t at) const;
  uint16_t u16le(uint64_t at) const;
  uint32_t u32le(uint64_t at) const;
  uint16_t u16be(uint64_t at) const;
  uint32_t u32be(uint64_t at) const;
  /// `count` bytes at `at`.
  EncodedBytes slice(uint64_t at, uint64_t count) const;
  /// All from `at`; nothing when it lies past the end.
  EncodedBytes tail(uint64_t at) const;
  [[noreturn]] void fail_truncated(uint64_t wanted) const;
  [[noreturn]] void fail_damaged(std::string_view what) const;
  [[noreturn]] void fail_variant(std::string_view what) const;

 private:
  EncodedBytes bytes_;
  std::string_view format_;
  std::string_view name_;
};

/// A file that is put together for stb_image.
class PlainFile {
 public:
  void u8(unsigned value) { bytes_.push_back(static_cast<uint8_t>(value)); }
  void u16le(unsigned value);
  void u32le(uint32_t value);
  void u16be(unsigned value);
  void u32be(uint32_t value);
  void append(EncodedBytes bytes);
  void append(std::string_view text);
  /// Decodes it to RGB; the size must be the one that was written.
  Image decode(int width, int height, const Fields& source) const;

 private:
  std::vector<uint8_t> bytes_;
};

/// 256 RGB entries; those that a file lacks are a gray ramp, as in Pillow.
class Palette {
 public:
  Palette();
  void set(size_t index, uint8_t red, uint8_t green, uint8_t blue) {
    if (index < 256) entries_[index] = {red, green, blue};
  }
  const std::array<uint8_t, 3>& operator[](size_t index) const { return entries_[index]; }

 private:
  std::array<std::array<uint8_t, 3>, 256> entries_;
};

/// 5 bits to 8, cut as Pillow does.
constexpr uint8_t expand5(unsigned value) { return static_cast<uint8_t>((value & 31u) * 255u / 31u); }

/// Pillow's conversion from CMYK, in place: `image` holds C, M, Y (255 is full ink); `black` likewise, one a
/// pixel.
void cmyk_to_rgb(Image& image, const uint8_t* black, size_t black_stride);

}  // namespace spinel::media
