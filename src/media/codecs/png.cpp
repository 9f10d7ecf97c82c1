// PNG by libpng, with the conversions of Pillow 9.4.
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <png.h>

#include "base/text.hpp"
#include "media/format.hpp"

namespace spinel::media {
namespace {

/// State of one file. libpng's errors longjmp over the functions that call it, so that no object with a
/// destructor may live in those; this one lives in their caller.
class Reader {
 public:
  explicit Reader(EncodedBytes bytes) : next_(bytes.data()), left_(bytes.size()) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, [](png_structp, png_const_charp) {});
    if (png_ == nullptr) throw std::bad_alloc();
    info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  bool read_header() noexcept {
    if (setjmp(jump_) != 0) return false;
    png_set_read_fn(png_, this, on_read);
    // The pixel limit is checked by the caller, between header and pixels.
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_benign_errors(png_, 1);
    // Indices above the palette are mapped as Pillow does, by the caller.
    png_set_check_for_invalid_index(png_, 0);
    png_read_info(png_, info_);
    return true;
  }

  /// Sets the conversions: 16-bit gray stays, all else becomes 8-bit samples, indices unpacked.
  bool start() noexcept {
    if (setjmp(jump_) != 0) return false;
    if (depth() < 8) {
      if (color() == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png_);
      else
        png_set_packing(png_);
    }
    if (depth() == 16 && color() != PNG_COLOR_TYPE_GRAY) png_set_strip_16(png_);
    if ((color() & PNG_COLOR_MASK_ALPHA) != 0) png_set_strip_alpha(png_);
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  /// `rows` holds a pointer to row_bytes() bytes for each row.
  bool read_rows(png_bytepp rows) noexcept {
    if (setjmp(jump_) != 0) return false;
    png_read_image(png_, rows);
    return true;
  }

  uint32_t width() const { return png_get_image_width(png_, info_); }
  uint32_t height() const { return png_get_image_height(png_, info_); }
  int depth() const { return png_get_bit_depth(png_, info_); }
  int color() const { return png_get_color_type(png_, info_); }
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  /// 256 entries; those that the file lacks are a gray ramp, as in Pillow.
  std::vector<uint8_t> palette() const {
    std::vector<uint8_t> table(256 * 3);
    for (size_t i = 0; i < 256; ++i) std::memset(table.data() + i * 3, static_cast<int>(i), 3);
    png_colorp entries = nullptr;
    int count = 0;
    if (png_get_PLTE(png_, info_, &entries, &count) != 0)
      for (int i = 0; i < std::min(count, 256); ++i) {
        const auto at = static_cast<size_t>(i) * 3;
        table[at] = entries[i].red;
        table[at + 1] = entries[i].green;
        table[at + 2] = entries[i].blue;
      }
    return table;
  }
  const char* message() const { return message_; }
  bool truncated() const { return truncated_; }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto* self = static_cast<Reader*>(png_get_error_ptr(png));
    std::strncpy(self->message_, message, sizeof self->message_ - 1);
    std::longjmp(self->jump_, 1);
  }
  static void on_read(png_structp png, png_bytep out, size_t count) {
    auto* self = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > self->left_) {
      self->truncated_ = true;
      png_error(png, "the file ends too early");
    }
    std::memcpy(out, self->next_, count);
    self->next_ += count;
    self->left_ -= count;
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  const std::byte* next_;
  size_t left_;
  std::jmp_buf jump_{};
  char message_[128] = {};
  bool truncated_ = false;
};

[[noreturn]] void fail_png(const Reader& reader, std::string_view name, size_t size_bytes) {
  if (reader.truncated())
    fail(ErrorCode::bad_data, "PNG '{}' is truncated: its {} bytes end before the last row of pixels", name,
         size_bytes);
  fail(ErrorCode::bad_data, "PNG '{}' is damaged: {}", name, reader.message());
}

/// 16-bit big-endian gray to RGB: above 255 clips, as Pillow's conversion from mode I.
void clip_gray16(const uint8_t* gray, uint8_t* rgb, size_t pixels) {
  for (size_t i = 0; i < pixels; ++i, gray += 2, rgb += 3) std::memset(rgb, gray[0] != 0 ? 255 : gray[1], 3);
}

}  // namespace

Image decode_png(EncodedBytes bytes, std::string_view name, const Limits& limits) {
  Reader reader(bytes);
  if (!reader.read_header()) fail_png(reader, name, bytes.size());
  check_image_size(reader.width(), reader.height(), name, limits);
  const int color = reader.color();
  const bool gray16 = color == PNG_COLOR_TYPE_GRAY && reader.depth() == 16;
  if (!reader.start()) fail_png(reader, name, bytes.size());

  Image image{static_cast<int>(reader.width()), static_cast<int>(reader.height()), {}};
  const size_t pixels = size_t{reader.width()} * reader.height();
  const size_t samples = (color & PNG_COLOR_MASK_COLOR) != 0 && (color & PNG_COLOR_MASK_PALETTE) == 0 ? 3
                         : gray16                                                                     ? 2
                                                                                                      : 1;
  if (reader.row_bytes() != samples * reader.width())
    fail(ErrorCode::internal, "PNG '{}': rows of {} bytes where {} were expected", name, reader.row_bytes(),
         samples * reader.width());
  image.pixels.resize(pixels * 3);
  std::vector<uint8_t> raw;
  if (samples != 3) raw.resize(pixels * samples);
  uint8_t* base = samples == 3 ? image.pixels.data() : raw.data();
  std::vector<png_bytep> rows(reader.height());
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = base + y * reader.row_bytes();
  if (!reader.read_rows(rows.data())) fail_png(reader, name, bytes.size());

  uint8_t* rgb = image.pixels.data();
  if (gray16) {
    clip_gray16(raw.data(), rgb, pixels);
  } else if (color == PNG_COLOR_TYPE_PALETTE) {
    const auto palette = reader.palette();
    for (size_t i = 0; i < pixels; ++i) std::memcpy(rgb + i * 3, palette.data() + raw[i] * size_t{3}, 3);
  } else if (samples == 1) {
    for (size_t i = 0; i < pixels; ++i) std::memset(rgb + i * 3, raw[i], 3);
  }
  return image;
}

}  // namespace spinel::media
