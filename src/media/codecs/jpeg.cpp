// JPEG by libjpeg-turbo, with the settings and the colour arithmetic of Pillow 9.4.
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include <jpeglib.h>

#include "base/text.hpp"
#include "media/format.hpp"

namespace spinel::media {
namespace {

/// A legitimate progressive file has some ten scans; each one costs a pass over all coefficients.
constexpr int max_scans = 500;

enum class Step { done, failed, truncated, too_many_scans };

/// State of one decompression. libjpeg's errors longjmp over the functions that call it, so that no object
/// with a destructor may live in those; this one lives in their caller.
class Decompressor {
 public:
  explicit Decompressor(EncodedBytes bytes) {
    std::memset(&info_, 0, sizeof info_);
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = on_error;
    errors_.output_message = [](j_common_ptr) {};
    errors_.emit_message = [](j_common_ptr, int) {};
    info_.client_data = this;
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(bytes.data());
    source_.bytes_in_buffer = bytes.size();
    source_.init_source = [](j_decompress_ptr) {};
    // FALSE suspends: the library then returns instead of inventing data, which tells a truncated file.
    source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
    source_.skip_input_data = on_skip;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    progress_.progress_monitor = on_progress;
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { jpeg_destroy_decompress(&info_); }

  Step read_header() noexcept {
    if (setjmp(jump_) != 0) return Step::failed;
    jpeg_create_decompress(&info_);
    info_.src = &source_;
    info_.progress = &progress_;
    return jpeg_read_header(&info_, TRUE) == JPEG_HEADER_OK ? Step::done : Step::truncated;
  }

  /// Fills `rows`, which holds height * width * output components.
  Step decode(uint8_t* rows) noexcept {
    if (setjmp(jump_) != 0) return too_many_scans_ ? Step::too_many_scans : Step::failed;
    info_.out_color_space = output_space();
    if (!jpeg_start_decompress(&info_)) return Step::truncated;
    const size_t pitch =
        static_cast<size_t>(info_.output_width) * static_cast<size_t>(info_.output_components);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = rows + pitch * info_.output_scanline;
      if (jpeg_read_scanlines(&info_, &row, 1) != 1) return Step::truncated;
    }
    return Step::done;
  }

  unsigned width() const { return info_.image_width; }
  unsigned height() const { return info_.image_height; }
  int components() const { return info_.num_components; }
  int precision_bits() const { return info_.data_precision; }
  std::string message() {
    char text[JMSG_LENGTH_MAX] = {};
    errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), text);
    return text;
  }

 private:
  J_COLOR_SPACE output_space() const {
    if (info_.num_components == 1) return JCS_GRAYSCALE;
    return info_.num_components == 3 ? JCS_RGB : JCS_CMYK;
  }
  [[noreturn]] static void on_error(j_common_ptr info) {
    std::longjmp(static_cast<Decompressor*>(info->client_data)->jump_, 1);
  }
  static void on_skip(j_decompress_ptr info, long count) {
    if (count <= 0) return;
    jpeg_source_mgr& source = *info->src;
    const size_t skipped = std::min(static_cast<size_t>(count), source.bytes_in_buffer);
    source.next_input_byte += skipped;
    source.bytes_in_buffer -= skipped;
  }
  static void on_progress(j_common_ptr info) {
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number <= max_scans) return;
    auto* self = static_cast<Decompressor*>(info->client_data);
    self->too_many_scans_ = true;
    std::longjmp(self->jump_, 1);
  }

  jpeg_decompress_struct info_;
  jpeg_error_mgr errors_{};
  jpeg_source_mgr source_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_{};
  bool too_many_scans_ = false;
};

[[noreturn]] void fail_step(Step step, Decompressor& decompressor, std::string_view name, size_t size_bytes) {
  switch (step) {
    case Step::truncated:
      fail(ErrorCode::bad_data, "JPEG '{}' is truncated: its {} bytes end before the last row of pixels",
           name, size_bytes);
    case Step::too_many_scans:
      fail(ErrorCode::bad_data, "JPEG '{}' has more than {} scans; no encoder writes so many", name,
           max_scans);
    default:
      fail(ErrorCode::bad_data, "JPEG '{}' is damaged: {}", name, decompressor.message());
  }
}

/// a * b / 255, rounded, as Pillow's MULDIV255.
int scaled(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/// Files with four components are taken as inverted (Adobe's convention), whatever their markers say: so does
/// Pillow.
void inverted_cmyk_to_rgb(const uint8_t* cmyk, uint8_t* rgb, size_t pixels) {
  for (size_t i = 0; i < pixels; ++i, cmyk += 4, rgb += 3) {
    const int white = cmyk[3];
    for (int c = 0; c < 3; ++c)
      rgb[c] = static_cast<uint8_t>(std::max(white - scaled(255 - cmyk[c], white), 0));
  }
}

void gray_to_rgb(const uint8_t* gray, uint8_t* rgb, size_t pixels) {
  for (size_t i = 0; i < pixels; ++i, rgb += 3) std::memset(rgb, gray[i], 3);
}

}  // namespace

Image decode_jpeg(EncodedBytes bytes, std::string_view name, const Limits& limits) {
  Decompressor decompressor(bytes);
  if (const Step step = decompressor.read_header(); step != Step::done)
    fail_step(step, decompressor, name, bytes.size());
  check_image_size(decompressor.width(), decompressor.height(), name, limits);
  const int components = decompressor.components();
  if (decompressor.precision_bits() != 8 || (components != 1 && components != 3 && components != 4))
    fail(ErrorCode::unsupported, "JPEG '{}' has {} components of {} bits; 1, 3 or 4 of 8 bits can be decoded",
         name, components, decompressor.precision_bits());

  Image image{static_cast<int>(decompressor.width()), static_cast<int>(decompressor.height()), {}};
  const size_t pixels = size_t{decompressor.width()} * decompressor.height();
  image.pixels.resize(pixels * 3);
  std::vector<uint8_t> raw;
  if (components != 3) raw.resize(pixels * static_cast<size_t>(components));
  const Step step = decompressor.decode(components == 3 ? image.pixels.data() : raw.data());
  if (step != Step::done) fail_step(step, decompressor, name, bytes.size());
  if (components == 1) gray_to_rgb(raw.data(), image.pixels.data(), pixels);
  if (components == 4) inverted_cmyk_to_rgb(raw.data(), image.pixels.data(), pixels);
  return image;
}

}  // namespace spinel::media
