#include "preprocess.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "data/reject.hpp"
#include "engine_handle.hpp"
#include "options.hpp"
#include "strings.hpp"
#include "tensors.hpp"

using namespace spinel;
using namespace spinel::capi;

namespace {

spinel_preprocess_options to_c(const PreprocessOptions& from) {
  spinel_preprocess_options out{};
  out.resize = from.resize;
  out.crop_height = from.crop_height;
  out.crop_width = from.crop_width;
  std::copy(from.mean.begin(), from.mean.end(), out.mean);
  std::copy(from.std.begin(), from.std.end(), out.std);
  out.interpolation = static_cast<int32_t>(from.interpolation);
  out.dtype = static_cast<int32_t>(from.dtype);
  return out;
}

/// Writes options back into the caller's struct, which keeps its limits.
void write_options(spinel_preprocess_options* target, const PreprocessOptions& options) {
  spinel_preprocess_options out = to_c(options);
  out.limits = target->limits;
  write_struct(target, out);
}

Image copy_pixels(const uint8_t* pixels, int64_t width, int64_t height, size_t row_bytes,
                  const Limits& limits) {
  require(pixels, "pixels");
  constexpr int64_t most = std::numeric_limits<int>::max();
  if (width < 1 || height < 1 || width > most || height > most)
    misuse("pixels of {} x {} cannot be an image", width, height);
  const auto count = static_cast<uint64_t>(width) * static_cast<uint64_t>(height);
  if (limits.max_image_pixels != 0 && count > limits.max_image_pixels)
    fail(ErrorCode::limit_exceeded, "pixels of {} x {} are {}; the limit max_image_pixels is {}", width,
         height, count, limits.max_image_pixels);
  const size_t dense_bytes = static_cast<size_t>(width) * 3;
  const size_t step = row_bytes == 0 ? dense_bytes : row_bytes;
  if (step < dense_bytes)
    misuse("row_bytes is {}, but a row of {} pixels takes {}", row_bytes, width, dense_bytes);
  Image out{static_cast<int>(width), static_cast<int>(height), {}};
  out.pixels.resize(dense_bytes * static_cast<size_t>(height));
  for (size_t y = 0; y < static_cast<size_t>(height); ++y)
    std::memcpy(out.pixels.data() + y * dense_bytes, pixels + y * step, dense_bytes);
  return out;
}

EncodedImage encoded_image(const void* encoded, size_t size_bytes, const char* name) {
  require(encoded, "encoded");
  return {{static_cast<const std::byte*>(encoded), size_bytes}, name == nullptr ? "the encoded image" : name};
}

ImageSource read_image(const spinel_image& image, const std::string& what, const Limits& limits) {
  const int given = (image.path != nullptr) + (image.encoded != nullptr) + (image.pixels != nullptr);
  if (given != 1) misuse("{} sets {} of path, encoded and pixels; set one", what, given);
  if (image.path != nullptr) return std::filesystem::path(image.path);
  if (image.encoded != nullptr)
    return encoded_image(image.encoded, image.size_bytes, image.name == nullptr ? what.c_str() : image.name);
  return copy_pixels(image.pixels, image.width, image.height, image.row_bytes, limits);
}

Image decode_source(const ImageSource& source, const Limits& limits) {
  if (const auto* path = std::get_if<std::filesystem::path>(&source)) return load_image(*path, limits);
  if (const auto* encoded = std::get_if<EncodedImage>(&source))
    return decode_image(encoded->data, encoded->name, limits);
  return std::get<Image>(source);
}

/// Preprocesses one image into the caller's tensor, or into a new one if its data is NULL.
template <class MakeSource>
void preprocess_one(const spinel_preprocess_options* options, spinel_tensor* row, MakeSource&& make_source) {
  const Preprocessor preprocessor(read_preprocess_options(options));
  const auto target = struct_array(&require(row, "row"), 1, "row");
  std::optional<Tensor> view = read_output(target[0], "row");
  const Tensor tensor =
      view ? *view : Tensor::uninitialized(preprocessor.options().dtype, preprocessor.dims());
  preprocessor.into(make_source(preprocessor.options().limits), tensor);
  deliver(target, {&tensor, 1});
}

/// Owned errors of a batch's images, released unless they are handed over.
class ImageErrors {
 public:
  explicit ImageErrors(size_t count) : errors_(count, nullptr) {}
  ImageErrors(const ImageErrors&) = delete;
  ImageErrors& operator=(const ImageErrors&) = delete;
  ~ImageErrors() {
    for (spinel_error* error : errors_) spinel_error_release(error);
  }
  void set(size_t index, const Error& error) {
    errors_[index] = make_error(static_cast<int32_t>(error.code()), error.what(), error.node().c_str());
  }
  void hand_over(spinel_error** target) noexcept {
    std::copy(errors_.begin(), errors_.end(), target);
    std::fill(errors_.begin(), errors_.end(), nullptr);
  }

 private:
  std::vector<spinel_error*> errors_;
};

}  // namespace

PreprocessOptions spinel::capi::read_preprocess_options(const spinel_preprocess_options* options) {
  PreprocessOptions out;
  if (options == nullptr) return out;
  const spinel_preprocess_options from = read_struct(options, "options", to_c(out));
  out.resize = from.resize;
  out.crop_height = from.crop_height;
  out.crop_width = from.crop_width;
  std::copy(from.mean, from.mean + 3, out.mean.begin());
  std::copy(from.std, from.std + 3, out.std.begin());
  if (from.interpolation < SPINEL_BILINEAR || from.interpolation > SPINEL_NEAREST)
    misuse("options->interpolation is {}, which is no spinel_interpolation", from.interpolation);
  out.interpolation = static_cast<Interpolation>(from.interpolation);
  if (!is_known_dtype(from.dtype)) misuse("options->dtype is {}, which is no spinel_dtype", from.dtype);
  out.dtype = static_cast<DType>(from.dtype);
  out.limits = read_limits(from.limits);
  return out;
}

void spinel_preprocess_options_init(spinel_preprocess_options* options, size_t struct_size) {
  init_struct(options, struct_size, to_c(PreprocessOptions()));
}

int32_t spinel_preprocess_options_preset(spinel_preprocess_options* options, const char* name,
                                         spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(options, "options");
    PreprocessOptions preset = PreprocessOptions::preset(require_text(name, "name"));
    preset.dtype = read_preprocess_options(options).dtype;
    write_options(options, preset);
  });
}

int32_t spinel_preprocess_options_input_size(spinel_preprocess_options* options, int64_t height,
                                             int64_t width, spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(options, "options");
    write_options(options, read_preprocess_options(options).with_input_size(height, width));
  });
}

int32_t spinel_preprocess_options_fit(spinel_preprocess_options* options, const spinel_engine* engine,
                                      size_t input_index, spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(options, "options");
    const auto& inputs = require(engine, "engine").engine.inputs();
    if (input_index >= inputs.size())
      fail(ErrorCode::not_found, "input {} does not exist; the model has {}", input_index, inputs.size());
    const TensorInfo& input = inputs[input_index];
    const bool is_float = input.dtype == DType::float32 || input.dtype == DType::float16;
    if (!is_float || input.dims.size() != 4 || (input.dims[1] != 3 && input.dims[1] != -1))
      fail(ErrorCode::invalid_argument,
           "input '{}' is {}, which takes no image; float32 or float16 [N, 3, H, W] does", input.name,
           describe(input));
    PreprocessOptions fitted = read_preprocess_options(options);
    if (input.dims[2] > 0 && input.dims[3] > 0) fitted = fitted.with_input_size(input.dims[2], input.dims[3]);
    fitted.dtype = input.dtype;
    write_options(options, fitted);
  });
}

int32_t spinel_preprocess_options_load(spinel_preprocess_options* options, const char* path,
                                       spinel_error** error) {
  return guard(__func__, error, [&] {
    checked_struct_size(options, "options");
    write_options(options, PreprocessOptions::load(require_text(path, "path")));
  });
}

int32_t spinel_preset_names(spinel_strings** names, spinel_error** error) {
  return guard(__func__, error, [&] {
    require(names, "names");
    *names = new spinel_strings{preset_names()};
  });
}

int32_t spinel_preprocess_file(const spinel_preprocess_options* options, const char* path, spinel_tensor* row,
                               spinel_error** error) {
  return guard(__func__, error, [&] {
    require(path, "path");
    preprocess_one(options, row, [&](const Limits&) { return std::filesystem::path(path); });
  });
}

int32_t spinel_preprocess_encoded(const spinel_preprocess_options* options, const void* encoded,
                                  size_t size_bytes, const char* name, spinel_tensor* row,
                                  spinel_error** error) {
  return guard(__func__, error, [&] {
    preprocess_one(options, row, [&](const Limits&) { return encoded_image(encoded, size_bytes, name); });
  });
}

int32_t spinel_preprocess_rgb(const spinel_preprocess_options* options, const uint8_t* pixels, int64_t width,
                              int64_t height, size_t row_bytes, spinel_tensor* row, spinel_error** error) {
  return guard(__func__, error, [&] {
    preprocess_one(options, row, [&](const Limits& limits) {
      return copy_pixels(pixels, width, height, row_bytes, limits);
    });
  });
}

void spinel_image_init(spinel_image* image, size_t struct_size) {
  init_struct(image, struct_size, spinel_image{});
}

int32_t spinel_image_decode(const spinel_image* image, const spinel_limits* limits, spinel_tensor* pixels,
                            spinel_error** error) {
  return guard(__func__, error, [&] {
    const spinel_image from = read_struct(image, "image", spinel_image{});
    const auto target = struct_array(&require(pixels, "pixels"), 1, "pixels");
    std::optional<Tensor> view = read_output(target[0], "pixels");
    const Limits allowed = read_limits(limits);
    const Image decoded = decode_source(read_image(from, "image", allowed), allowed);
    Tensor found = Tensor::view(DType::uint8, {decoded.height, decoded.width, 3},
                                const_cast<uint8_t*>(decoded.pixels.data()));
    if (view && (view->dims() != found.dims() || view->dtype() != DType::uint8))
      misuse("pixels is {}; {} is needed", describe(*view), describe(found));
    if (view) std::memcpy(view->raw(), found.raw(), found.size_bytes());
    deliver(target, {&found, 1});
  });
}

int32_t spinel_preprocess_batch(const spinel_preprocess_options* options, const spinel_image* images,
                                size_t count, spinel_tensor* batch, spinel_error** image_errors,
                                spinel_error** error) {
  return guard(__func__, error, [&] {
    const Preprocessor preprocessor(read_preprocess_options(options));
    if (count == 0 || count > static_cast<size_t>(std::numeric_limits<int64_t>::max()))
      misuse("count is {}; it must be at least 1", count);
    const auto sources = struct_array(images, count, "images");
    const auto target = struct_array(&require(batch, "batch"), 1, "batch");
    const Dims dims = preprocessor.dims(static_cast<int64_t>(count));
    std::optional<Tensor> view = read_output(target[0], "batch");
    if (view && (view->dims() != dims || view->dtype() != preprocessor.options().dtype))
      misuse("batch is {}; {}{} is needed", describe(*view), dtype_name(preprocessor.options().dtype),
             dims_text(dims));
    const Tensor tensor = view ? *view : Tensor::uninitialized(preprocessor.options().dtype, dims);
    ImageErrors errors(image_errors == nullptr ? 0 : count);
    for (size_t i = 0; i < count; ++i) {
      Tensor row = tensor.rows(static_cast<int64_t>(i), 1);
      const spinel_image image = read_struct(&sources[i], "images", spinel_image{});
      try {
        preprocessor.into(read_image(image, fmt::format("images[{}]", i), preprocessor.options().limits),
                          row);
      } catch (const Error& failure) {
        if (image_errors == nullptr || !rejects_sample(failure.code())) throw;
        std::memset(row.raw(), 0, row.size_bytes());
        errors.set(i, failure);
      }
    }
    deliver(target, {&tensor, 1});
    if (image_errors != nullptr) errors.hand_over(image_errors);
  });
}
