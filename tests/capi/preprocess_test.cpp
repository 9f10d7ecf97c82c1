#include <algorithm>
#include <cstring>

#include "support.hpp"

namespace {

const std::string image_file = std::string(SPINEL_SOURCE_DIR) + "/samples/resnet/images/00_t_shirt_top.png";

/// An input of 8 x 8, so that expected values are easy to state.
spinel_preprocess_options small_options() {
  spinel_preprocess_options options;
  spinel_preprocess_options_init(&options, sizeof options);
  options.resize = 0;
  options.crop_height = 8;
  options.crop_width = 8;
  for (int i = 0; i < 3; ++i) {
    options.mean[i] = 0;
    options.std[i] = 1;
  }
  return options;
}

constexpr size_t row_values = 3 * 8 * 8;

}  // namespace

TEST_CASE("preprocess options begin with the preset imagenet") {
  spinel_preprocess_options options;
  spinel_preprocess_options_init(&options, sizeof options);
  CHECK(options.resize == 256);
  CHECK(options.crop_height == 224);
  CHECK(options.crop_width == 224);
  CHECK(options.mean[0] == 0.485f);
  CHECK(options.std[2] == 0.225f);
  CHECK(options.interpolation == SPINEL_BILINEAR);
  CHECK(options.dtype == SPINEL_FLOAT32);
  spinel_preprocess_options_init(nullptr, sizeof options);
}

TEST_CASE("presets replace all but dtype and limits") {
  spinel_limits limits;
  spinel_limits_init(&limits, sizeof limits);
  spinel_preprocess_options options;
  spinel_preprocess_options_init(&options, sizeof options);
  options.dtype = SPINEL_FLOAT16;
  options.limits = &limits;
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_options_preset(&options, "efficientnet-lite", error);
  });
  CHECK(options.mean[1] == Approx(127.0 / 255));
  CHECK(options.dtype == SPINEL_FLOAT16);
  CHECK(options.limits == &limits);
  const spinel_preprocess_options before = options;
  check_fails(SPINEL_INVALID_ARGUMENT, "imagenet", [&](spinel_error** error) {
    return spinel_preprocess_options_preset(&options, "no-such-preset", error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "name is NULL", [&](spinel_error** error) {
    return spinel_preprocess_options_preset(&options, nullptr, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "options is NULL", [&](spinel_error** error) {
    return spinel_preprocess_options_preset(nullptr, "imagenet", error);
  });
  CHECK(std::memcmp(&before, &options, sizeof options) == 0);
}

TEST_CASE("preset names") {
  spinel_strings* raw = nullptr;
  check_succeeds([&](spinel_error** error) { return spinel_preset_names(&raw, error); });
  const Owned<spinel_strings> names(raw);
  REQUIRE(spinel_strings_count(raw) >= 2);
  CHECK(std::strcmp(spinel_strings_get(raw, 0), "imagenet") == 0);
  check_fails(SPINEL_INVALID_ARGUMENT, "names is NULL",
              [](spinel_error** error) { return spinel_preset_names(nullptr, error); });
}

TEST_CASE("options for an input size") {
  spinel_preprocess_options options;
  spinel_preprocess_options_init(&options, sizeof options);
  check_succeeds(
      [&](spinel_error** error) { return spinel_preprocess_options_input_size(&options, 32, 48, error); });
  CHECK(options.resize == 36);
  CHECK(options.crop_height == 32);
  CHECK(options.crop_width == 48);
  check_fails(SPINEL_INVALID_ARGUMENT, "", [&](spinel_error** error) {
    return spinel_preprocess_options_input_size(&options, 0, 48, error);
  });
  CHECK(options.resize == 36);
}

TEST_CASE("options fitted to an engine's input") {
  const auto image = load("image");
  spinel_preprocess_options options;
  spinel_preprocess_options_init(&options, sizeof options);
  check_succeeds(
      [&](spinel_error** error) { return spinel_preprocess_options_fit(&options, image.get(), 0, error); });
  CHECK(options.crop_height == 8);
  CHECK(options.crop_width == 8);
  CHECK(options.resize == 9);
  CHECK(options.dtype == SPINEL_FLOAT32);
  check_fails(SPINEL_NOT_FOUND, "input 1", [&](spinel_error** error) {
    return spinel_preprocess_options_fit(&options, image.get(), 1, error);
  });
  const auto two = load("two");
  check_fails(SPINEL_INVALID_ARGUMENT, "takes no image", [&](spinel_error** error) {
    return spinel_preprocess_options_fit(&options, two.get(), 0, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "engine is NULL", [&](spinel_error** error) {
    return spinel_preprocess_options_fit(&options, nullptr, 0, error);
  });
}

TEST_CASE("options from a file") {
  const std::string path = std::string(SPINEL_BINARY_DIR) + "/tests/capi/preprocess.json";
  std::ofstream(path)
      << R"({"preset": "efficientnet-lite", "resize": 40, "crop": [32, 30], "interpolation": "bicubic", "dtype": "float16"})";
  spinel_preprocess_options options;
  spinel_preprocess_options_init(&options, sizeof options);
  check_succeeds(
      [&](spinel_error** error) { return spinel_preprocess_options_load(&options, path.c_str(), error); });
  CHECK(options.resize == 40);
  CHECK(options.crop_height == 32);
  CHECK(options.crop_width == 30);
  CHECK(options.dtype == SPINEL_FLOAT16);
  CHECK(options.interpolation == SPINEL_BICUBIC);
  check_fails(SPINEL_NOT_FOUND, "no/such", [&](spinel_error** error) {
    return spinel_preprocess_options_load(&options, "no/such", error);
  });
  std::ofstream(path) << R"({"resise": 40})";
  check_fails(SPINEL_BAD_DATA, "resise", [&](spinel_error** error) {
    return spinel_preprocess_options_load(&options, path.c_str(), error);
  });
  CHECK(options.resize == 40);
}

TEST_CASE("a file, its bytes and its pixels give the same tensor") {
  const std::vector<char> encoded = read_bytes(image_file);
  const std::vector<int64_t> dims{1, 3, 8, 8};
  const spinel_preprocess_options options = small_options();
  std::vector<float> from_file(row_values, -1), from_bytes(row_values, -2);
  spinel_tensor row = tensor_of(SPINEL_FLOAT32, dims, from_file);
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_file(&options, image_file.c_str(), &row, error);
  });
  row.data = from_bytes.data();
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_encoded(&options, encoded.data(), encoded.size(), nullptr, &row, error);
  });
  CHECK(from_file == from_bytes);
  CHECK(*std::min_element(from_file.begin(), from_file.end()) >= 0);
}

TEST_CASE("raw pixels, with and without space between the rows") {
  const spinel_preprocess_options options = small_options();
  std::vector<uint8_t> dense(row_values), padded(8 * 40, 255);
  for (size_t i = 0; i < row_values; ++i) dense[i] = static_cast<uint8_t>(i);
  for (size_t y = 0; y < 8; ++y) std::copy_n(&dense[y * 24], 24, &padded[y * 40]);
  std::vector<float> expected(row_values), found(row_values, -1);
  for (size_t c = 0; c < 3; ++c)
    for (size_t i = 0; i < 64; ++i) expected[c * 64 + i] = static_cast<float>(dense[i * 3 + c]) / 255.0f;
  const std::vector<int64_t> dims{3, 8, 8};
  spinel_tensor row = tensor_of(SPINEL_FLOAT32, dims, found);
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, dense.data(), 8, 8, 0, &row, error);
  });
  CHECK(found == expected);
  std::fill(found.begin(), found.end(), -1.0f);
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, padded.data(), 8, 8, 40, &row, error);
  });
  CHECK(found == expected);

  std::fill(found.begin(), found.end(), -1.0f);
  check_fails(SPINEL_INVALID_ARGUMENT, "row_bytes", [&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, dense.data(), 8, 8, 23, &row, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "pixels is NULL", [&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, nullptr, 8, 8, 0, &row, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "0 x 8", [&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, dense.data(), 0, 8, 0, &row, error);
  });
  check_fails(SPINEL_LIMIT_EXCEEDED, "max_image_pixels", [&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, dense.data(), 1 << 20, 1 << 20, 0, &row, error);
  });
  CHECK(std::count(found.begin(), found.end(), -1.0f) == static_cast<std::ptrdiff_t>(row_values));
}

TEST_CASE("a row without data is allocated") {
  spinel_tensor row = empty_tensor();
  check_succeeds(
      [&](spinel_error** error) { return spinel_preprocess_file(nullptr, image_file.c_str(), &row, error); });
  REQUIRE(row.rank == 4);
  CHECK(std::vector<int64_t>(row.dims, row.dims + 4) == std::vector<int64_t>{1, 3, 224, 224});
  CHECK(row.dtype == SPINEL_FLOAT32);
  CHECK(row.size_bytes == 3 * 224 * 224 * sizeof(float));
  CHECK(row.owner != nullptr);
  spinel_tensor_release(&row);
  CHECK(row.data == nullptr);
  CHECK(row.owner == nullptr);
  spinel_tensor_release(&row);
}

TEST_CASE("float16 rows") {
  spinel_preprocess_options options = small_options();
  options.dtype = SPINEL_FLOAT16;
  const std::vector<uint8_t> white(row_values, 255);
  std::vector<uint16_t> found(row_values);
  const std::vector<int64_t> dims{3, 8, 8};
  spinel_tensor row = tensor_of(SPINEL_FLOAT16, dims, found);
  check_succeeds([&](spinel_error** error) {
    return spinel_preprocess_rgb(&options, white.data(), 8, 8, 0, &row, error);
  });
  CHECK(std::count(found.begin(), found.end(), 0x3c00) == static_cast<std::ptrdiff_t>(row_values));
}

TEST_CASE("images and rows that do not fit are refused, and the row is untouched") {
  const spinel_preprocess_options options = small_options();
  std::vector<float> data(row_values, -1);
  std::vector<int64_t> dims{1, 3, 8, 8};
  spinel_tensor row = tensor_of(SPINEL_FLOAT32, dims, data);
  const auto file = [&](const char* path) {
    return [&, path](spinel_error** error) { return spinel_preprocess_file(&options, path, &row, error); };
  };
  check_fails(SPINEL_NOT_FOUND, "no/such.png", file("no/such.png"));
  check_fails(SPINEL_INVALID_ARGUMENT, "path is NULL", file(nullptr));
  const std::string text = std::string(SPINEL_SOURCE_DIR) + "/CMakeLists.txt";
  check_fails(SPINEL_BAD_DATA, "CMakeLists.txt", file(text.c_str()));
  check_fails(SPINEL_BAD_DATA, "my name", [&](spinel_error** error) {
    return spinel_preprocess_encoded(&options, "nonsense", 8, "my name", &row, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "encoded is NULL", [&](spinel_error** error) {
    return spinel_preprocess_encoded(&options, nullptr, 0, nullptr, &row, error);
  });
  check_fails(SPINEL_INVALID_ARGUMENT, "row is NULL", [&](spinel_error** error) {
    return spinel_preprocess_file(&options, image_file.c_str(), nullptr, error);
  });
  row.size_bytes -= 1;
  check_fails(SPINEL_INVALID_ARGUMENT, "size_bytes", file(image_file.c_str()));
  row.size_bytes += 1;
  row.dtype = SPINEL_INT32;
  check_fails(SPINEL_INVALID_ARGUMENT, "int32", file(image_file.c_str()));
  row.dtype = SPINEL_FLOAT32;
  dims = {1, 3, 4, 16};
  check_fails(SPINEL_INVALID_ARGUMENT, "[1, 3, 8, 8]", file(image_file.c_str()));
  row.data = reinterpret_cast<char*>(data.data()) + 1;
  check_fails(SPINEL_INVALID_ARGUMENT, "aligned", file(image_file.c_str()));
  CHECK(std::count(data.begin(), data.end(), -1.0f) == static_cast<std::ptrdiff_t>(row_values));
}

TEST_CASE("preprocess options that make no sense are refused") {
  spinel_tensor row = empty_tensor();
  const auto fails = [&](const spinel_preprocess_options& options, const char* part) {
    check_fails(SPINEL_INVALID_ARGUMENT, part, [&](spinel_error** error) {
      return spinel_preprocess_file(&options, image_file.c_str(), &row, error);
    });
  };
  spinel_preprocess_options options = small_options();
  options.interpolation = 3;
  fails(options, "spinel_interpolation");
  options = small_options();
  options.dtype = SPINEL_INT8;
  fails(options, "int8");
  options = small_options();
  options.std[1] = 0;
  fails(options, "std");
  options = small_options();
  options.crop_width = -4;
  fails(options, "crop_width");
  CHECK(row.data == nullptr);
}

TEST_CASE("limits of images") {
  spinel_limits limits;
  spinel_limits_init(&limits, sizeof limits);
  limits.max_image_pixels = 100;
  spinel_preprocess_options options = small_options();
  options.limits = &limits;
  spinel_tensor row = empty_tensor();
  check_fails(SPINEL_LIMIT_EXCEEDED, "max_image_pixels", [&](spinel_error** error) {
    return spinel_preprocess_file(&options, image_file.c_str(), &row, error);
  });
}

TEST_CASE("a batch of files, bytes and pixels") {
  const spinel_preprocess_options options = small_options();
  const std::vector<char> encoded = read_bytes(image_file);
  const std::vector<uint8_t> white(row_values, 255);
  spinel_image images[4];
  for (auto& image : images) spinel_image_init(&image, sizeof image);
  images[0].path = image_file.c_str();
  images[1].pixels = white.data();
  images[1].width = images[1].height = 8;
  images[2].path = "no/such.png";
  images[3].encoded = encoded.data();
  images[3].size_bytes = encoded.size();
  std::vector<float> data(4 * row_values, -1);
  const std::vector<int64_t> dims{4, 3, 8, 8};
  spinel_tensor batch = tensor_of(SPINEL_FLOAT32, dims, data);

  SECTION("with errors one by one") {
    spinel_error* errors[4];
    std::memset(errors, 0xff, sizeof errors);
    check_succeeds([&](spinel_error** error) {
      return spinel_preprocess_batch(&options, images, 4, &batch, errors, error);
    });
    CHECK(errors[0] == nullptr);
    CHECK(errors[1] == nullptr);
    CHECK(errors[3] == nullptr);
    const Owned<spinel_error> error(errors[2]);
    CHECK(spinel_error_code(errors[2]) == SPINEL_NOT_FOUND);
    CHECK_THAT(spinel_error_message(errors[2]), Catch::Contains("no/such.png"));
    CHECK(std::equal(data.begin(), data.begin() + row_values, data.begin() + 3 * row_values));
    CHECK(data[row_values] == 1.0f);
    CHECK(std::count(data.begin() + 2 * row_values, data.begin() + 3 * row_values, 0.0f) ==
          static_cast<std::ptrdiff_t>(row_values));
  }
  SECTION("without, the first error is the call's") {
    check_fails(SPINEL_NOT_FOUND, "no/such.png", [&](spinel_error** error) {
      return spinel_preprocess_batch(&options, images, 4, &batch, nullptr, error);
    });
  }
  SECTION("allocated") {
    spinel_tensor made = empty_tensor();
    check_succeeds([&](spinel_error** error) {
      return spinel_preprocess_batch(&options, images, 2, &made, nullptr, error);
    });
    REQUIRE(made.rank == 4);
    CHECK(made.dims[0] == 2);
    CHECK(static_cast<const float*>(made.data)[row_values] == 1.0f);
    spinel_tensor_release(&made);
  }
  SECTION("misuse") {
    spinel_error* marks[4] = {nullptr, nullptr, nullptr, nullptr};
    const auto fails = [&](const char* part, size_t count) {
      check_fails(SPINEL_INVALID_ARGUMENT, part, [&](spinel_error** error) {
        return spinel_preprocess_batch(&options, images, count, &batch, marks, error);
      });
    };
    fails("[3, 3, 8, 8]", 3);
    fails("count is 0", 0);
    images[1].path = image_file.c_str();
    fails("images[1] sets 2", 4);
    images[1].path = nullptr;
    images[1].pixels = nullptr;
    fails("images[1] sets 0", 4);
    images[1].struct_size += 8;
    fails("images[1].struct_size", 4);
    CHECK(marks[2] == nullptr);
    check_fails(SPINEL_INVALID_ARGUMENT, "images is NULL", [&](spinel_error** error) {
      return spinel_preprocess_batch(&options, nullptr, 4, &batch, nullptr, error);
    });
    spinel_image_init(nullptr, sizeof images[0]);
  }
}
