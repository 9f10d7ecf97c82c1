#include "images.hpp"

#include <algorithm>
#include <utility>

#include "background.hpp"
#include "engine.hpp"
#include "tensors.hpp"

namespace spinel_node {

namespace {

Preprocess copy_of(const Call& call) { return of_external<Preprocess>(call.env, call[0]); }

/// Sources of images: paths, Uint8Arrays of encoded images, or tensors uint8 [H, W, 3].
class Images {
 public:
  Images(napi_env env, napi_value sources) : keep_(env, sources), structs_(length(env, sources, "images")) {
    for (size_t i = 0; i < structs_.size(); ++i) fill(env, structs_[i], get(env, sources, i));
  }
  const std::vector<spinel_image>& structs() const { return structs_; }

 private:
  void fill(napi_env env, spinel_image& image, napi_value source) {
    spinel_image_init(&image, sizeof image);
    napi_valuetype type;
    check(env, napi_typeof(env, source, &type));
    if (type == napi_string) {
      image.path = paths_.emplace_back(to_text(env, source, "an image")).c_str();
      return;
    }
    bool encoded = false;
    check(env, napi_is_typedarray(env, source, &encoded));
    if (encoded) {
      const Bytes bytes = to_bytes(env, source, "an encoded image");
      image.encoded = bytes.data;
      image.size_bytes = bytes.size_bytes;
      return;
    }
    if (type != napi_object) misuse("an image must be a path, a Uint8Array or a tensor");
    const napi_value list = make_array(env, 1);
    set(env, list, size_t{0}, source);
    const Tensors tensors(env, list, "image");
    const spinel_tensor& pixels = tensors.structs()[0];
    if (pixels.dtype != SPINEL_UINT8 || pixels.rank != 3 || pixels.dims[2] != 3)
      misuse("an image of pixels must be a tensor of dtype uint8 and dims [height, width, 3]");
    size_t needed = 0;
    spinel_error* error = nullptr;
    check(spinel_tensor_bytes(SPINEL_UINT8, pixels.dims, 3, &needed, &error), error);
    if (needed != pixels.size_bytes) misuse("an image of pixels has other data than its dims say");
    image.pixels = static_cast<const uint8_t*>(pixels.data);
    image.height = pixels.dims[0];
    image.width = pixels.dims[1];
  }

  Reference keep_;
  std::deque<std::string> paths_;
  std::vector<spinel_image> structs_;
};

/// [preprocess, sources, keep going]: {tensor, errors}, one error or undefined for each source if it keeps
/// going.
class PreprocessBatch : public Background {
 public:
  explicit PreprocessBatch(const Call& call)
      : preprocess_(copy_of(call)), images_(call.env, call[1]), errors_(images_.structs().size(), nullptr) {
    keep_going_ = to_bool(call.env, call[2], "keep going");
    const spinel_preprocess_options& options = preprocess_.options;
    dims_ = {static_cast<int64_t>(images_.structs().size()), 3, options.crop_height, options.crop_width};
    const Room room = make_room(call.env, options.dtype, dims_);
    rows_ = Reference(call.env, room.data);
    bytes_ = room.bytes;
    size_bytes_ = room.size_bytes;
  }
  ~PreprocessBatch() override {
    for (spinel_error* error : errors_) spinel_error_release(error);
  }

 private:
  void work() override {
    if (errors_.empty()) return;
    spinel_tensor batch;
    spinel_tensor_init(&batch, sizeof batch);
    batch.dtype = preprocess_.options.dtype;
    batch.dims = dims_.data();
    batch.rank = dims_.size();
    batch.data = bytes_;
    batch.size_bytes = size_bytes_;
    spinel_error* error = nullptr;
    check(spinel_preprocess_batch(&preprocess_.options, images_.structs().data(), errors_.size(), &batch,
                                  keep_going_ ? errors_.data() : nullptr, &error),
          error);
  }

  Pool& pool_of(Environment& environment) override { return environment.brief(); }

  napi_value finish(napi_env env) override {
    const napi_value out = make_object(env), errors = make_array(env, errors_.size());
    for (size_t i = 0; i < errors_.size(); ++i) {
      const spinel_error* error = errors_[i];
      if (error == nullptr) {
        set(env, errors, i, undefined(env));
        continue;
      }
      const Failure failure{spinel_error_code(error), spinel_error_message(error), spinel_error_node(error)};
      set(env, errors, i, Environment::of(env).make_error(failure));
    }
    set(env, out, "tensor",
        make_tensor(env, preprocess_.options.dtype, dims_.data(), dims_.size(), rows_.get()));
    set(env, out, "errors", errors);
    return out;
  }

  Preprocess preprocess_;
  Images images_;
  bool keep_going_ = false;
  std::vector<int64_t> dims_;
  Reference rows_;
  void* bytes_ = nullptr;
  size_t size_bytes_ = 0;
  std::vector<spinel_error*> errors_;
};

/// [[source]]: a tensor uint8 [height, width, 3].
class Decode : public Background {
 public:
  explicit Decode(const Call& call) : images_(call.env, call[0]) {
    spinel_tensor_init(&pixels_, sizeof pixels_);
  }
  ~Decode() override { spinel_tensor_release(&pixels_); }

 private:
  void work() override {
    spinel_error* error = nullptr;
    check(spinel_image_decode(images_.structs().data(), nullptr, &pixels_, &error), error);
  }
  Pool& pool_of(Environment& environment) override { return environment.brief(); }
  napi_value finish(napi_env env) override { return take_tensor(env, pixels_, false); }

  Images images_;
  spinel_tensor pixels_;
};

void read_floats(napi_env env, napi_value object, const char* name, float (&field)[3]) {
  const napi_value values = get(env, object, name);
  if (is_missing(env, values)) return;
  if (length(env, values, name) != 3) misuse(std::string(name) + " must be three numbers");
  for (size_t i = 0; i < 3; ++i) field[i] = static_cast<float>(to_number(env, get(env, values, i), name));
}

int32_t to_interpolation(const std::string& name) {
  if (name == "bilinear") return SPINEL_BILINEAR;
  if (name == "bicubic") return SPINEL_BICUBIC;
  if (name == "nearest") return SPINEL_NEAREST;
  misuse("interpolation is '" + name + "'; there are bilinear, bicubic, nearest");
}

}  // namespace

/// [preset, {file, resize, crop, mean, std, interpolation, dtype, maxImagePixels}]
napi_value make_preprocess(const Call& call) {
  const napi_env env = call.env;
  auto made = std::make_unique<Preprocess>();
  spinel_preprocess_options& options = made->options;
  spinel_preprocess_options_init(&options, sizeof options);
  spinel_limits_init(&made->limits, sizeof made->limits);
  spinel_error* error = nullptr;
  check(spinel_preprocess_options_preset(&options, to_text(env, call[0], "preset").c_str(), &error), error);
  const auto given = [&](const char* name, auto read) {
    const napi_value value = get(env, call[1], name);
    if (!is_missing(env, value)) read(value);
  };
  given("file", [&](napi_value value) {
    check(spinel_preprocess_options_load(&options, to_text(env, value, "file").c_str(), &error), error);
  });
  given("resize", [&](napi_value value) { options.resize = to_integer(env, value, "resize"); });
  given("crop", [&](napi_value value) {
    const std::vector<int64_t> crop = to_integers(env, value, "crop");
    if (crop.size() != 2) misuse("crop must be a number or [height, width]");
    options.crop_height = crop[0];
    options.crop_width = crop[1];
  });
  read_floats(env, call[1], "mean", options.mean);
  read_floats(env, call[1], "std", options.std);
  given("interpolation", [&](napi_value value) {
    options.interpolation = to_interpolation(to_text(env, value, "interpolation"));
  });
  given("dtype", [&](napi_value value) { options.dtype = to_dtype(env, value, "dtype"); });
  given("maxImagePixels", [&](napi_value value) {
    made->limits.max_image_pixels =
        static_cast<uint64_t>(std::max<int64_t>(to_integer(env, value, "maxImagePixels"), 0));
    options.limits = &made->limits;
  });
  return make_external(env, std::move(made));
}

/// [engine, preprocess, index of the input]
napi_value fit_preprocess(const Call& call) {
  spinel_error* error = nullptr;
  const int64_t index = to_integer(call.env, call[2], "the index of the input");
  if (index < 0) misuse("the index of the input is negative");
  check(spinel_preprocess_options_fit(&of_external<Preprocess>(call.env, call[1]).options,
                                      engine_of(call)->get(), static_cast<size_t>(index), &error),
        error);
  return undefined(call.env);
}

/// [preprocess, height, width]
napi_value size_preprocess(const Call& call) {
  spinel_error* error = nullptr;
  check(spinel_preprocess_options_input_size(&of_external<Preprocess>(call.env, call[0]).options,
                                             to_integer(call.env, call[1], "height"),
                                             to_integer(call.env, call[2], "width"), &error),
        error);
  return undefined(call.env);
}

napi_value describe_preprocess(const Call& call) {
  const spinel_preprocess_options& options = of_external<Preprocess>(call.env, call[0]).options;
  const int64_t dims[] = {3, options.crop_height, options.crop_width};
  const napi_value out = make_object(call.env);
  set(call.env, out, "dims", of_integers(call.env, dims, 3));
  set(call.env, out, "dtype", of_text(call.env, spinel_dtype_name(options.dtype)));
  return out;
}

napi_value preprocess(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<PreprocessBatch>(call));
}

napi_value preprocess_in_place(const Call& call) { return PreprocessBatch(call).run_in_place(call.env); }

napi_value decode_image(const Call& call) {
  return Environment::of(call.env).start(std::make_unique<Decode>(call));
}

napi_value decode_image_in_place(const Call& call) { return Decode(call).run_in_place(call.env); }

/// [[scores], apply softmax, k]: {perRow, indices, values}
napi_value top_k(const Call& call) {
  const napi_env env = call.env;
  const Tensors scores(env, call[0], "scores");
  const int64_t k = to_integer(env, call[2], "k");
  if (k < 1) misuse("k must be at least 1");
  const spinel_tensor& tensor = scores.structs().at(0);
  const size_t rows = tensor.rank > 1 && tensor.dims[0] > 0 ? static_cast<size_t>(tensor.dims[0]) : 1;
  // More than a row has are not asked for: every element takes two bytes or more.
  const size_t classes = std::max<size_t>(tensor.size_bytes / rows, 1);
  const size_t wanted = std::min(static_cast<size_t>(k), classes);
  std::vector<int64_t> indices(rows * wanted);
  std::vector<float> values(indices.size());
  size_t per_row = 0;
  spinel_error* error = nullptr;
  check(spinel_top_k(&tensor, to_bool(env, call[1], "softmax") ? 1 : 0, wanted, indices.data(), values.data(),
                     indices.size(), &per_row, &error),
        error);
  const size_t count = tensor.rank > 1 && tensor.dims[0] == 0 ? 0 : rows * per_row;
  const napi_value out = make_object(env), scored = make_array(env, count);
  for (size_t i = 0; i < count; ++i) set(env, scored, i, of_number(env, static_cast<double>(values[i])));
  set_number(env, out, "perRow", per_row);
  set(env, out, "indices", of_integers(env, indices.data(), count));
  set(env, out, "values", scored);
  return out;
}

/// [[logits]]: a tensor
napi_value softmax(const Call& call) {
  const Tensors logits(call.env, call[0], "logits");
  spinel_tensor out;
  spinel_tensor_init(&out, sizeof out);
  spinel_error* error = nullptr;
  check(spinel_softmax(&logits.structs().at(0), &out, &error), error);
  return take_tensor(call.env, out, false);
}

/// [path, classes]
napi_value load_labels(const Call& call) {
  const int64_t classes = to_integer(call.env, call[1], "the number of classes");
  if (classes < 0) misuse("the number of classes is negative");
  spinel_strings* labels = nullptr;
  spinel_error* error = nullptr;
  check(spinel_labels_load(to_text(call.env, call[0], "the path of the labels").c_str(),
                           static_cast<size_t>(classes), &labels, &error),
        error);
  const Owned<spinel_strings> owned(labels, spinel_strings_release);
  return of_strings(call.env, labels);
}

}  // namespace spinel_node
