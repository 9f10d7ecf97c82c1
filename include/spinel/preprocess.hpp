// From an image to the input of a classifier: decode, resize, centre crop, normalise, channels first.
#pragma once
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <spinel/image.hpp>
#include <spinel/ledger.hpp>
#include <spinel/limits.hpp>
#include <spinel/tensor.hpp>

namespace spinel {

/// What a Preprocessor does; the defaults are the preset "imagenet".
struct PreprocessOptions {
  int64_t resize = 256;       ///< The shorter side after resizing; 0 keeps the image's size.
  int64_t crop_height = 224;  ///< Of the centre crop; a smaller image is padded with black.
  int64_t crop_width = 224;
  Interpolation interpolation = Interpolation::bilinear;
  std::array<float, 3> mean{0.485f, 0.456f, 0.406f};  ///< Subtracted from RGB in [0, 1].
  std::array<float, 3> std{0.229f, 0.224f, 0.225f};   ///< Divided by afterwards; none may be 0.
  DType dtype = DType::float32;                       ///< Of the tensors: float32 or float16.
  Limits limits;                                      ///< max_image_pixels applies.

  /// The defaults for a network whose input is height x width: the crop is that, and `resize` is the shorter
  /// of the two times 256/224, rounded down (224 gives 256, 32 gives 36). Throws Error(invalid_argument)
  /// below 1.
  static PreprocessOptions for_input_size(int64_t height, int64_t width);
  /// These options with crop and resize of for_input_size.
  PreprocessOptions with_input_size(int64_t height, int64_t width) const;
  /// "imagenet" or "efficientnet-lite" (mean 127/255, std 128/255: (byte - 127) / 128). Throws
  /// Error(invalid_argument) that lists preset_names() for another name.
  static PreprocessOptions preset(std::string_view name);
  /// Reads a JSON object; each key is optional and replaces the default: "preset" (a name, applied first),
  /// "resize", "crop" (a number or [height, width]), "interpolation", "mean" and "std" (three numbers each),
  /// "dtype". Throws Error(bad_data) that names `origin` and the key, for an unknown key too.
  static PreprocessOptions from_json(std::string_view text, std::string_view origin = "preprocess options");
  /// from_json on a file.
  static PreprocessOptions load(const std::filesystem::path& path);
};

/// The names that PreprocessOptions::preset takes.
std::vector<std::string> preset_names();

/// An encoded image in memory. The bytes are borrowed.
struct EncodedImage {
  std::span<const std::byte> data;
  std::string name;  ///< For messages.
};

/// Where an image comes from: a file, a decoded image or encoded bytes.
using ImageSource = std::variant<std::filesystem::path, Image, EncodedImage>;

/// What became of a list of images.
struct PreprocessedBatch {
  Tensor tensor;                ///< [done, 3, H, W]: one row for each image that could be used, in order.
  std::vector<size_t> indices;  ///< For each row its place in the list.
  std::vector<Rejected>
      rejected;  ///< The others. indices.size() + rejected.size() is the length of the list.
};

/// Turns images into network input. The float32 result equals, to the last bit, torchvision's
/// Resize(resize), CenterCrop((crop_height, crop_width)), ToTensor(), Normalize(mean, std); float16 is that,
/// rounded. Immutable: every call may come from several threads at once.
class Preprocessor {
 public:
  /// Throws Error(invalid_argument) that names the option that makes no sense.
  explicit Preprocessor(PreprocessOptions options = {});

  const PreprocessOptions& options() const noexcept { return options_; }
  /// [count, 3, crop_height, crop_width]
  Dims dims(int64_t count = 1) const { return {count, 3, options_.crop_height, options_.crop_width}; }

  /// One image as [1, 3, H, W]. Throws Error.
  Tensor operator()(const Image& image) const;
  Tensor operator()(const std::filesystem::path& path) const;
  Tensor operator()(const EncodedImage& encoded) const;
  template <std::same_as<ImageSource> Source>
  Tensor operator()(const Source& source) const {
    return std::visit([&](const auto& one) { return (*this)(one); }, source);
  }

  /// A list as [N, 3, H, W]. What cannot be opened or decoded is listed in `rejected` instead of thrown.
  PreprocessedBatch batch(std::span<const ImageSource> sources) const;
  PreprocessedBatch batch(std::span<const std::filesystem::path> paths) const;

  /// Writes one image into `row`, the caller's buffer: [3, H, W] or [1, 3, H, W] of the options' dtype.
  /// Throws Error; then the row's contents are unspecified.
  void into(const Image& image, Tensor row) const;
  void into(const std::filesystem::path& path, Tensor row) const;
  void into(const EncodedImage& encoded, Tensor row) const;
  template <std::same_as<ImageSource> Source>
  void into(const Source& source, Tensor row) const {
    std::visit([&](const auto& one) { into(one, row); }, source);
  }

  /// The 8-bit pixels after resize and crop: crop_width x crop_height, HWC.
  Image pixels(const Image& image) const;
  Image pixels(const std::filesystem::path& path) const;
  Image pixels(const EncodedImage& encoded) const;
  template <std::same_as<ImageSource> Source>
  Image pixels(const Source& source) const {
    return std::visit([&](const auto& one) { return pixels(one); }, source);
  }

 private:
  PreprocessOptions options_;
};

}  // namespace spinel
