// Equality with torchvision is tested by tests/media; here are options, shapes, lists and errors.
#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include <spinel/preprocess.hpp>

#include "data/test_folder.hpp"

using namespace spinel;

namespace {

Image solid(int width, int height, uint8_t red, uint8_t green, uint8_t blue) {
  Image image{width, height, {}};
  for (int i = 0; i < width * height; ++i) image.pixels.insert(image.pixels.end(), {red, green, blue});
  return image;
}

PreprocessOptions tiny() { return PreprocessOptions::for_input_size(4, 4); }

}  // namespace

TEST_CASE("resize follows the input size, rounded down") {
  CHECK(PreprocessOptions::for_input_size(224, 224).resize == 256);
  CHECK(PreprocessOptions::for_input_size(32, 32).resize == 36);
  CHECK(PreprocessOptions::for_input_size(299, 299).resize == 341);
  const auto wide = PreprocessOptions::for_input_size(64, 128);
  CHECK(wide.resize == 73);
  CHECK(wide.crop_height == 64);
  CHECK(wide.crop_width == 128);
  CHECK_THROWS_AS(PreprocessOptions::for_input_size(0, 4), Error);
}

TEST_CASE("presets") {
  for (const auto& name : preset_names()) CHECK_NOTHROW(PreprocessOptions::preset(name));
  CHECK(PreprocessOptions::preset("imagenet").mean[0] == 0.485f);
  CHECK(PreprocessOptions::preset("efficientnet-lite").std[2] == static_cast<float>(128.0 / 255.0));
  CHECK_THROWS_WITH(PreprocessOptions::preset("vgg"), Catch::Contains("imagenet, efficientnet-lite"));
}

TEST_CASE("options from JSON") {
  const auto options = PreprocessOptions::from_json(
      R"({"preset": "efficientnet-lite", "resize": 40, "crop": [32, 24], "interpolation": "bilinear",
          "mean": [0.5, 0.25, 0], "std": [1, 2, 3.5], "dtype": "float16"})");
  CHECK(options.resize == 40);
  CHECK(options.crop_height == 32);
  CHECK(options.crop_width == 24);
  CHECK(options.interpolation == Interpolation::bilinear);
  CHECK(options.mean == std::array<float, 3>{0.5f, 0.25f, 0.0f});
  CHECK(options.std == std::array<float, 3>{1.0f, 2.0f, 3.5f});
  CHECK(options.dtype == DType::float16);
  CHECK(PreprocessOptions::from_json("{}").resize == 256);
  CHECK(PreprocessOptions::from_json(R"({"crop": 100})").crop_width == 100);
}

TEST_CASE("wrong options name their origin and key") {
  const auto fails = [](const char* text, const char* part) {
    try {
      PreprocessOptions::from_json(text, "my options");
      FAIL("no error for " << text);
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::bad_data);
      CHECK_THAT(error.what(), Catch::Contains("my options") && Catch::Contains(part));
    }
  };
  fails("", "JSON");
  fails("[1]", "object");
  fails(R"({"resise": 4})", "resise");
  fails(R"({"resize": "4"})", "resize");
  fails(R"({"resize": 4.5})", "resize");
  fails(R"({"resize": -1})", "resize");
  fails(R"({"crop": [1, 2, 3]})", "crop");
  fails(R"({"crop": 99999999999})", "crop");
  fails(R"({"mean": [1, 2]})", "mean");
  fails(R"({"std": [1, 0, 1]})", "std");
  fails(R"({"std": [1, 1e300, 1]})", "std");
  fails(R"({"interpolation": "area"})", "area");
  fails(R"({"dtype": "int8"})", "dtype");
  fails(R"({"preset": 3})", "preset");
}

TEST_CASE("a preprocessor refuses options that make no sense") {
  PreprocessOptions options;
  options.crop_width = 0;
  CHECK_THROWS_WITH(Preprocessor(options), Catch::Contains("crop_width"));
  options = {};
  options.std[1] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH(Preprocessor(options), Catch::Contains("std[1]"));
  options = {};
  options.dtype = DType::float64;
  CHECK_THROWS_WITH(Preprocessor(options), Catch::Contains("dtype"));
  options = {};
  options.crop_height = options.crop_width = 1'000'000'000;
  CHECK_THROWS_AS(Preprocessor(options), Error);
}

TEST_CASE("channels come first and are normalised") {
  const Preprocessor preprocessor(tiny());
  const Tensor out = preprocessor(solid(9, 7, 255, 0, 51));
  REQUIRE(out.dims() == Dims{1, 3, 4, 4});
  const auto values = out.data<float>();
  CHECK(values[0] == (1.0f - 0.485f) / 0.229f);
  CHECK(values[16] == -0.456f / 0.224f);
  CHECK(values[32] == (51.0f / 255.0f - 0.406f) / 0.225f);

  auto half_options = tiny();
  half_options.dtype = DType::float16;
  const Tensor half = Preprocessor(half_options)(solid(9, 7, 255, 0, 51));
  CHECK(half.data<Half>()[0].bits == Half(values[0]).bits);
}

TEST_CASE("into writes the caller's row and nothing else") {
  const Preprocessor preprocessor(tiny());
  Tensor batch(DType::float32, {3, 3, 4, 4});
  preprocessor.into(solid(5, 5, 10, 20, 30), batch.rows(1, 1));
  const auto values = batch.data<float>();
  CHECK(values[47] == 0.0f);
  CHECK(values[48] != 0.0f);
  CHECK(values[95] != 0.0f);
  CHECK(values[96] == 0.0f);
  CHECK_THROWS_WITH(preprocessor.into(solid(5, 5, 1, 2, 3), Tensor(DType::float16, {1, 3, 4, 4})),
                    Catch::Contains("float32[1, 3, 4, 4]"));
  CHECK_THROWS_AS(preprocessor.into(solid(5, 5, 1, 2, 3), Tensor(DType::float32, {1, 3, 4, 5})), Error);
}

#ifdef SPINEL_CODECS
TEST_CASE("a list mixes files, images and bytes; what cannot be used is named, nothing is lost") {
  const TestFolder folder;
  const auto good = folder.gray_image("good.pgm", 100);
  const auto text = folder.file("text.png", "no image at all");
  const std::string encoded = "P5 1 1 255\nx";
  const std::vector<ImageSource> sources{good,
                                         text,
                                         solid(3, 3, 100, 100, 100),
                                         folder.path() / "missing.jpg",
                                         EncodedImage{std::as_bytes(std::span(encoded)), "bytes"},
                                         Image{}};
  const Preprocessor preprocessor(tiny());
  const PreprocessedBatch batch = preprocessor.batch(sources);
  CHECK(batch.tensor.dims() == Dims{3, 3, 4, 4});
  CHECK(batch.indices == std::vector<size_t>{0, 2, 4});
  REQUIRE(batch.rejected.size() == 3);
  CHECK(batch.rejected[0].path == text.string());
  CHECK(batch.rejected[0].code == ErrorCode::bad_data);
  CHECK(batch.rejected[1].code == ErrorCode::not_found);
  CHECK(batch.rejected[2].index == 5);
  const auto values = batch.tensor.data<float>();
  CHECK(values[0] == values[48]);
  CHECK(preprocessor(sources[4]).data<float>()[0] == values[96]);
  CHECK(preprocessor.pixels(good).pixels == std::vector<uint8_t>(48, 100));
  CHECK(preprocessor(good.string()).data<float>()[0] == values[0]);
}
#endif
