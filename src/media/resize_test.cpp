#include <catch2/catch.hpp>

#include <numeric>

#include "media/resize.hpp"

using namespace spinel;

namespace {

/// Pixel (x, y) has the channels x + y, 3x and 5y, cut to 8 bits.
Image pattern(int width, int height) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int value : {x + y, 3 * x, 5 * y}) image.pixels.push_back(static_cast<uint8_t>(value));
  return image;
}

Image cut(const Image& image, media::Window window) {
  Image out{window.width, window.height, {}};
  for (int y = window.top; y < window.top + window.height; ++y)
    for (int x = window.left; x < window.left + window.width; ++x)
      for (int c = 0; c < 3; ++c)
        out.pixels.push_back(image.pixels[static_cast<size_t>((y * image.width + x) * 3 + c)]);
  return out;
}

}  // namespace

TEST_CASE("bilinear shrinking averages beneath a widened triangle") {
  // Scale 2: the four weights beneath each output pixel are 1/8, 3/8, 3/8, 1/8, at the border 3/7, 3/7, 1/7.
  const Image image{4, 1, {0, 0, 0, 100, 100, 100, 200, 200, 200, 40, 40, 40}};
  const Image out = resize(image, 2, 1);
  CHECK(out.width == 2);
  CHECK(int{out.pixels[0]} == 71);   // (0 * 3 + 100 * 3 + 200) / 7 = 71.4
  CHECK(int{out.pixels[3]} == 117);  // (100 + 200 * 3 + 40 * 3) / 7 = 117.1
}

TEST_CASE("bicubic overshoots are clipped") {
  const Image image{4, 1, {0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255}};
  const Image out = resize(image, 12, 1, Interpolation::bicubic);
  CHECK(int{out.pixels[3 * 3]} == 0);
  CHECK(int{out.pixels[8 * 3]} == 255);
}

TEST_CASE("an unchanged size copies") {
  const Image image = pattern(7, 5);
  for (const auto mode : {Interpolation::bilinear, Interpolation::bicubic, Interpolation::nearest})
    CHECK(resize(image, 7, 5, mode).pixels == image.pixels);
}

TEST_CASE("a window of the result equals that part of the whole") {
  const Image image = pattern(61, 47);
  for (const auto mode : {Interpolation::bilinear, Interpolation::bicubic, Interpolation::nearest})
    for (const media::Size to :
         {media::Size{30, 90}, media::Size{61, 20}, media::Size{100, 47}, media::Size{5, 4}}) {
      const Image whole = resize(image, to.width, to.height, mode);
      const media::Window window{to.width / 3, to.height / 4, to.width / 2, to.height / 2};
      CHECK(media::resize_window(image, to, window, mode).pixels == cut(whole, window).pixels);
    }
}

TEST_CASE("the shorter side takes the size, the longer is cut to whole pixels") {
  CHECK(resize_short_side(pattern(50, 33), 17).width == 25);  // 17 * 50 / 33 = 25.76
  CHECK(resize_short_side(pattern(50, 33), 17).height == 17);
  CHECK(resize_short_side(pattern(33, 50), 17).height == 25);
  CHECK(resize_short_side(pattern(20, 20), 36).width == 36);
}

TEST_CASE("the crop is centred, half pixels round to even, small images are padded with black") {
  const Image image = pattern(10, 9);
  CHECK(center_crop(image, 10, 9).pixels == image.pixels);
  // (10 - 7) / 2 = 1.5 goes to 2, (9 - 8) / 2 = 0.5 to 0.
  CHECK(center_crop(image, 7, 8).pixels == cut(image, {2, 0, 7, 8}).pixels);
  const Image padded = center_crop(image, 13, 4);
  CHECK(int{padded.pixels[0]} == 0);
  CHECK(cut(padded, {1, 0, 10, 4}).pixels == cut(image, {0, 2, 10, 4}).pixels);
  CHECK(int{padded.pixels[11 * 3 + 2]} == 0);
}

TEST_CASE("sizes that make no sense are errors") {
  CHECK_THROWS_AS(resize(pattern(4, 4), 0, 3), Error);
  CHECK_THROWS_AS(resize(Image{}, 4, 4), Error);
  CHECK_THROWS_AS(resize(Image{4, 4, {1, 2, 3}}, 2, 2), Error);
  CHECK_THROWS_AS(resize_short_side(pattern(4, 4), 0), Error);
  CHECK_THROWS_AS(center_crop(pattern(4, 4), 4, -1), Error);
  Limits limits;
  limits.max_image_pixels = 100;
  CHECK_THROWS_WITH(resize_short_side(pattern(4, 4), 11, Interpolation::bilinear, limits),
                    Catch::Contains("max_image_pixels"));
  // The longer side would be 2^31 or more.
  CHECK_THROWS_AS(resize_short_side(pattern(1, 3000), 1'000'000), Error);
}
