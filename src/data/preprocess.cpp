#include <spinel/preprocess.hpp>

#include <cmath>
#include <limits>

#include "base/half.hpp"
#include "base/text.hpp"
#include "data/reject.hpp"
#include "media/resize.hpp"

namespace spinel {
namespace {

constexpr size_t channels = 3;

/// The value of each of 256 pixel values, channel by channel: (u8 / 255 - mean) / std, each step rounded to
/// float32 as torchvision's ToTensor and Normalize do.
template <class T>
std::array<std::array<T, 256>, channels> value_table(const PreprocessOptions& options) {
  std::array<std::array<T, 256>, channels> table{};
  for (size_t c = 0; c < channels; ++c)
    for (size_t u = 0; u < 256; ++u) {
      const float unit = static_cast<float>(u) / 255.0f;
      const float centered = unit - options.mean[c];
      table[c][u] = T(centered / options.std[c]);
    }
  return table;
}

template <class T>
void normalize(const Image& image, const PreprocessOptions& options, std::span<T> out) {
  const auto table = value_table<T>(options);
  const size_t pixels = out.size() / channels;
  for (size_t c = 0; c < channels; ++c) {
    const auto& values = table[c];
    const uint8_t* pixel = image.pixels.data() + c;
    T* target = out.data() + c * pixels;
    for (size_t i = 0; i < pixels; ++i) target[i] = values[pixel[i * channels]];
  }
}

Image fetch(const std::filesystem::path& path, const Limits& limits) { return load_image(path, limits); }
Image fetch(const EncodedImage& encoded, const Limits& limits) {
  return decode_image(encoded.data, encoded.name, limits);
}

std::string source_name(const ImageSource& source, size_t index) {
  if (const auto* path = std::get_if<std::filesystem::path>(&source)) return path->string();
  if (const auto* encoded = std::get_if<EncodedImage>(&source)) return encoded->name;
  return fmt::format("image {} of the list", index);
}

template <class Source, class Name>
PreprocessedBatch make_batch(const Preprocessor& preprocessor, std::span<const Source> sources,
                             Name&& name_of) {
  PreprocessedBatch out;
  const auto count = static_cast<int64_t>(sources.size());
  Tensor all = Tensor::uninitialized(preprocessor.options().dtype, preprocessor.dims(count));
  for (size_t i = 0; i < sources.size(); ++i) {
    try {
      preprocessor.into(sources[i], all.rows(static_cast<int64_t>(out.indices.size()), 1));
      out.indices.push_back(i);
    } catch (const Error& error) {
      if (!rejects_sample(error.code())) throw;
      out.rejected.push_back({i, name_of(i), error.code(), error.what()});
    }
  }
  out.tensor = all.rows(0, static_cast<int64_t>(out.indices.size()));
  return out;
}

}  // namespace

Preprocessor::Preprocessor(PreprocessOptions options) : options_(options) {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  const auto check_size = [&](std::string_view name, int64_t value, int64_t least) {
    if (value < least || value > most)
      fail(ErrorCode::invalid_argument, "preprocess option {} is {}; it must be at least {}", name, value,
           least);
  };
  check_size("resize", options_.resize, 0);
  check_size("crop_height", options_.crop_height, 1);
  check_size("crop_width", options_.crop_width, 1);
  // Checks the product for overflow, too.
  const uint64_t bytes = tensor_bytes(DType::float32, dims());
  if (options_.limits.max_tensor_bytes != 0 && bytes > options_.limits.max_tensor_bytes)
    fail(ErrorCode::limit_exceeded, "a crop of {} x {} takes {} bytes; the limit max_tensor_bytes is {}",
         options_.crop_height, options_.crop_width, bytes, options_.limits.max_tensor_bytes);
  for (size_t c = 0; c < channels; ++c) {
    if (!std::isfinite(options_.mean[c]))
      fail(ErrorCode::invalid_argument, "preprocess option mean[{}] is not a finite number", c);
    if (!std::isfinite(options_.std[c]) || options_.std[c] == 0.0f)
      fail(ErrorCode::invalid_argument, "preprocess option std[{}] is {}; it must be finite and not 0", c,
           options_.std[c]);
  }
  if (options_.dtype != DType::float32 && options_.dtype != DType::float16)
    fail(ErrorCode::invalid_argument, "preprocess option dtype is {}; use float32 or float16",
         dtype_name(options_.dtype));
  static_cast<void>(parse_interpolation(interpolation_name(options_.interpolation)));
}

Image Preprocessor::pixels(const Image& image) const {
  media::check_image(image);
  media::Size size{image.width, image.height};
  if (options_.resize > 0) size = media::short_side_size(size, static_cast<int>(options_.resize));
  const media::Size crop{static_cast<int>(options_.crop_width), static_cast<int>(options_.crop_height)};
  return media::resize_and_crop(image, size, crop, options_.interpolation);
}
Image Preprocessor::pixels(const std::filesystem::path& path) const {
  return pixels(fetch(path, options_.limits));
}
Image Preprocessor::pixels(const EncodedImage& encoded) const {
  return pixels(fetch(encoded, options_.limits));
}

void Preprocessor::into(const Image& image, Tensor row) const {
  const Dims batched = dims();
  const Dims single(batched.begin() + 1, batched.end());
  const bool fits = row.dtype() == options_.dtype && (row.dims() == batched || row.dims() == single);
  if (!fits)
    fail(ErrorCode::invalid_argument, "cannot preprocess into {}; {}{} is needed", describe(row),
         dtype_name(options_.dtype), dims_text(dims()));
  const Image cropped = pixels(image);
  if (options_.dtype == DType::float32)
    normalize(cropped, options_, row.data<float>());
  else
    normalize(cropped, options_, row.data<Half>());
}
void Preprocessor::into(const std::filesystem::path& path, Tensor row) const {
  into(fetch(path, options_.limits), std::move(row));
}
void Preprocessor::into(const EncodedImage& encoded, Tensor row) const {
  into(fetch(encoded, options_.limits), std::move(row));
}

Tensor Preprocessor::operator()(const Image& image) const {
  Tensor out = Tensor::uninitialized(options_.dtype, dims());
  into(image, out);
  return out;
}
Tensor Preprocessor::operator()(const std::filesystem::path& path) const {
  return (*this)(fetch(path, options_.limits));
}
Tensor Preprocessor::operator()(const EncodedImage& encoded) const {
  return (*this)(fetch(encoded, options_.limits));
}

PreprocessedBatch Preprocessor::batch(std::span<const ImageSource> sources) const {
  return make_batch(*this, sources, [&](size_t i) { return source_name(sources[i], i); });
}
PreprocessedBatch Preprocessor::batch(std::span<const std::filesystem::path> paths) const {
  return make_batch(*this, paths, [&](size_t i) { return paths[i].string(); });
}

}  // namespace spinel
