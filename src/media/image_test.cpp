// Decoding is compared with Pillow by tests/media; here are names, limits and errors.
#include <catch2/catch.hpp>

#include <filesystem>
#include <string>

#include <spinel/error.hpp>
#include <spinel/image.hpp>

using namespace spinel;

namespace {

Image decode(const std::string& bytes, const Limits& limits = {}) {
  return decode_image(std::as_bytes(std::span(bytes)), "test image", limits);
}

[[maybe_unused]] ErrorCode code_of(const std::string& bytes, const Limits& limits = {}) {
  try {
    decode(bytes, limits);
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains("test image"));
    return error.code();
  }
  return ErrorCode{};
}

}  // namespace

TEST_CASE("interpolation names") {
  CHECK(parse_interpolation("bicubic") == Interpolation::bicubic);
  CHECK(interpolation_name(Interpolation::nearest) == "nearest");
  CHECK_THROWS_WITH(parse_interpolation("cubic"), Catch::Contains("bilinear, bicubic or nearest"));
}

TEST_CASE("a missing file is not_found and named") {
  try {
    load_image("/no/such/picture.jpg");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::not_found);
    CHECK_THAT(error.what(), Catch::Contains("picture.jpg"));
  }
  CHECK_THROWS_WITH(load_image(std::filesystem::temp_directory_path()), Catch::Contains("folder"));
}

#ifdef SPINEL_CODECS
TEST_CASE("the content counts, not the name") {
  const Image image = decode("P6 2 1 255\n\x01\x02\x03\x04\x05\x06");
  CHECK(image.width == 2);
  CHECK(image.height == 1);
  CHECK(image.pixels == std::vector<uint8_t>{1, 2, 3, 4, 5, 6});
}

TEST_CASE("what is no image is bad_data, what is a foreign format is named") {
  CHECK(code_of("") == ErrorCode::bad_data);
  CHECK(code_of("a text file that somebody called cat.jpg") == ErrorCode::bad_data);
  CHECK(code_of("GIF89a....") == ErrorCode::unsupported);
  CHECK_THROWS_WITH(decode("RIFF....WEBPVP8 "), Catch::Contains("WebP"));
  CHECK(code_of("\xff\xd8\xff") == ErrorCode::bad_data);
  CHECK(code_of("P5 3 3 255\n12345678") == ErrorCode::bad_data);
  CHECK(code_of("P5 3 3 255") == ErrorCode::bad_data);
  CHECK(code_of("P5 3 3 70000\n") == ErrorCode::bad_data);
  CHECK(code_of("P5 99999999999 3 255\n") == ErrorCode::bad_data);
}

TEST_CASE("the pixel limit is checked against the header, before memory is taken") {
  Limits limits;
  limits.max_image_pixels = 8;
  CHECK(code_of("P5 3 3 255\n123456789", limits) == ErrorCode::limit_exceeded);
  CHECK_THROWS_WITH(decode("P5 3 3 255\n123456789", limits), Catch::Contains("max_image_pixels"));
  limits.max_image_pixels = 9;
  CHECK(decode("P5 3 3 255\n123456789", limits).pixels.size() == 27);
  CHECK(code_of("P6 900000000 900000000 255\n") == ErrorCode::limit_exceeded);
  const std::string png(
      "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\0\0\0\x0a\x61\x26\x68", 33);
  CHECK(code_of(png) != ErrorCode{});
  // 0 means no limit: then the data is found missing instead.
  limits.max_image_pixels = 0;
  CHECK(code_of("P6 900000 900000 255\n", limits) == ErrorCode::bad_data);
}
#else
TEST_CASE("without codecs decoding is unsupported") {
  CHECK(code_of("P6 2 1 255\n\x01\x02\x03\x04\x05\x06") == ErrorCode::unsupported);
}
#endif
