// Checks the cases that oracle.py has laid out: one line of manifest.tsv each.
//   good IMAGE RESIZE CROP_H CROP_W INTERPOLATION DECODED.npy PIXELS.npy FLOATS.npy   all three must be
//   equal, bit for bit bad IMAGE                                                                        must
//   throw spinel::Error same_or_bad IMAGE DECODED.npy                                                    must
//   be equal, or throw spinel::Error any IMAGE may be anything but a crash
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include <spinel/preprocess.hpp>

#include "base/text.hpp"
#include "data/npy.hpp"

namespace {

using namespace spinel;
namespace fs = std::filesystem;

/// The first difference as text, or nothing.
std::optional<std::string> compare(const Tensor& actual, const Tensor& expected) {
  if (actual.dtype() != expected.dtype() || actual.dims() != expected.dims())
    return fmt::format("{} where {} was expected", describe(actual), describe(expected));
  const auto* a = static_cast<const uint8_t*>(actual.raw());
  const auto* b = static_cast<const uint8_t*>(expected.raw());
  size_t wrong = 0;
  size_t first = 0;
  for (size_t i = actual.size_bytes(); i-- > 0;)
    if (a[i] != b[i]) {
      ++wrong;
      first = i;
    }
  if (wrong == 0) return std::nullopt;
  return fmt::format("{} of {} bytes differ, the first at {}: {} instead of {}", wrong, actual.size_bytes(),
                     first, a[first], b[first]);
}

Tensor as_tensor(Image& image) {
  return Tensor::view(DType::uint8, {image.height, image.width, 3}, image.pixels.data());
}

std::optional<std::string> check_good(const fs::path& folder, std::istringstream& line) {
  std::string image_name, interpolation, decoded, pixels, floats;
  PreprocessOptions options;
  line >> image_name >> options.resize >> options.crop_height >> options.crop_width >> interpolation >>
      decoded >> pixels >> floats;
  options.interpolation = parse_interpolation(interpolation);
  Image image = load_image(folder / image_name);
  if (auto bad = compare(as_tensor(image), read_npy(folder / decoded))) return "decoded: " + *bad;
  const Preprocessor preprocessor(options);
  Image cropped = preprocessor.pixels(image);
  if (auto bad = compare(as_tensor(cropped), read_npy(folder / pixels)))
    return "resized and cropped: " + *bad;
  if (auto bad = compare(preprocessor(folder / image_name), read_npy(folder / floats)))
    return "normalised: " + *bad;
  // The public functions one by one give the same as the fused ones.
  if (options.resize > 0)
    image = resize_short_side(image, static_cast<int>(options.resize), options.interpolation);
  image = center_crop(image, static_cast<int>(options.crop_width), static_cast<int>(options.crop_height));
  if (auto bad = compare(as_tensor(image), as_tensor(cropped))) return "step by step: " + *bad;
  return std::nullopt;
}

std::optional<std::string> check(const fs::path& folder, const std::string& text) {
  std::istringstream line(text);
  std::string kind;
  line >> kind;
  if (kind == "good") return check_good(folder, line);
  std::string image_name, decoded;
  line >> image_name >> decoded;
  if (kind == "npy") {
    write_npy(folder / decoded, read_npy(folder / image_name));
    return std::nullopt;
  }
  try {
    Image image = load_image(folder / image_name);
    if (kind == "bad") return "was decoded, though Pillow refuses it";
    if (kind == "same_or_bad")
      if (auto bad = compare(as_tensor(image), read_npy(folder / decoded))) return "decoded: " + *bad;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) return fmt::format("internal error: {}", error.what());
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: spinel_media_oracle FOLDER\n";
    return 2;
  }
  const fs::path folder = argv[1];
  std::ifstream manifest(folder / "manifest.tsv");
  int cases = 0;
  int failures = 0;
  for (std::string text; std::getline(manifest, text);) {
    ++cases;
    std::optional<std::string> failure;
    try {
      failure = check(folder, text);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (failure) {
      ++failures;
      std::cout << "FAIL " << text << "\n     " << *failure << "\n";
    }
  }
  std::cout << cases << " cases, " << failures << " failures\n";
  return cases == 0 || failures > 0 ? 1 : 0;
}
