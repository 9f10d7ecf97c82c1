#include <cmath>
#include <initializer_list>

#include <nlohmann/json.hpp>

#include <spinel/preprocess.hpp>

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel {
namespace {

using Json = nlohmann::json;

struct Preset {
  std::string_view name;
  PreprocessOptions (*make)();
};

PreprocessOptions efficientnet_lite() {
  PreprocessOptions options;
  options.mean.fill(static_cast<float>(127.0 / 255.0));
  options.std.fill(static_cast<float>(128.0 / 255.0));
  return options;
}

constexpr Preset presets[] = {
    {"imagenet", [] { return PreprocessOptions{}; }},
    {"efficientnet-lite", efficientnet_lite},
};

/// One key of the object, with what messages say about it.
struct Entry {
  std::string_view origin;
  const std::string& key;
  const Json& value;

  [[noreturn]] void fail_kind(std::string_view wanted) const {
    fail(ErrorCode::bad_data, "{}: \"{}\" must be {}, not {}", origin, key, wanted,
         value.dump(-1, ' ', true, Json::error_handler_t::replace));
  }
  int64_t whole_number(const Json& number, std::string_view wanted) const {
    if (!number.is_number_integer() || (number.is_number_unsigned() && number.get<uint64_t>() > INT32_MAX))
      fail_kind(wanted);
    return number.get<int64_t>();
  }
  std::string text(std::string_view wanted) const {
    if (!value.is_string()) fail_kind(wanted);
    return value.get<std::string>();
  }
  std::array<float, 3> three() const {
    constexpr std::string_view wanted = "an array of three numbers";
    if (!value.is_array() || value.size() != 3) fail_kind(wanted);
    std::array<float, 3> out{};
    for (size_t i = 0; i < 3; ++i) {
      if (!value[i].is_number()) fail_kind(wanted);
      out[i] = static_cast<float>(value[i].get<double>());
      if (!std::isfinite(out[i])) fail_kind("an array of three numbers that float32 can hold");
    }
    return out;
  }
};

void apply(PreprocessOptions& options, const Entry& entry) {
  const std::string& key = entry.key;
  if (key == "preset") return;
  if (key == "resize") {
    options.resize = entry.whole_number(entry.value, "a whole number (0 keeps the size)");
  } else if (key == "crop") {
    constexpr std::string_view wanted = "a whole number or [height, width]";
    const bool pair = entry.value.is_array() && entry.value.size() == 2;
    options.crop_height = entry.whole_number(pair ? entry.value[0] : entry.value, wanted);
    options.crop_width = entry.whole_number(pair ? entry.value[1] : entry.value, wanted);
  } else if (key == "interpolation") {
    options.interpolation = parse_interpolation(entry.text("\"bilinear\", \"bicubic\" or \"nearest\""));
  } else if (key == "mean") {
    options.mean = entry.three();
  } else if (key == "std") {
    options.std = entry.three();
  } else if (key == "dtype") {
    options.dtype = parse_dtype(entry.text("\"float32\" or \"float16\""));
  } else {
    fail(ErrorCode::bad_data,
         "{}: key \"{}\" is not known; use preset, resize, crop, interpolation, mean, std or dtype",
         entry.origin, key);
  }
}

}  // namespace

PreprocessOptions PreprocessOptions::with_input_size(int64_t height, int64_t width) const {
  if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX)
    fail(ErrorCode::invalid_argument, "an input size of {} x {} makes no sense; both must be at least 1",
         height, width);
  PreprocessOptions out = *this;
  out.crop_height = height;
  out.crop_width = width;
  out.resize = std::min(height, width) * 256 / 224;
  return out;
}

PreprocessOptions PreprocessOptions::for_input_size(int64_t height, int64_t width) {
  return PreprocessOptions{}.with_input_size(height, width);
}

PreprocessOptions PreprocessOptions::preset(std::string_view name) {
  for (const Preset& preset : presets)
    if (preset.name == name) return preset.make();
  fail(ErrorCode::invalid_argument, "preset '{}' is not known; use one of: {}", name,
       fmt::join(preset_names(), ", "));
}

PreprocessOptions PreprocessOptions::from_json(std::string_view text, std::string_view origin) {
  Json object;
  try {
    object = Json::parse(text);
  } catch (const Json::exception& error) {
    fail(ErrorCode::bad_data, "{}: not valid JSON: {}", origin, error.what());
  }
  if (!object.is_object()) fail(ErrorCode::bad_data, "{}: must be a JSON object", origin);
  PreprocessOptions options;
  try {
    if (const auto found = object.find("preset"); found != object.end())
      options = preset(Entry{origin, found.key(), found.value()}.text("the name of a preset"));
    for (const auto& item : object.items()) apply(options, Entry{origin, item.key(), item.value()});
    static_cast<void>(Preprocessor(options));
  } catch (const Error& error) {
    if (error.code() == ErrorCode::bad_data) throw;
    fail(ErrorCode::bad_data, "{}: {}", origin, error.what());
  }
  return options;
}

PreprocessOptions PreprocessOptions::load(const std::filesystem::path& path) {
  constexpr uint64_t max_bytes = uint64_t{1} << 20;
  const Bytes bytes = read_file(path, "preprocess options", max_bytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size());
  return from_json(text, fmt::format("preprocess options '{}'", path.string()));
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets) names.emplace_back(preset.name);
  return names;
}

}  // namespace spinel
