#include "passes/pass_config.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "passes/pipeline.hpp"

namespace spinel::passes {
namespace {

using Json = nlohmann::json;

constexpr std::string_view keys =
    "passes, need_convert, convert_all, skip_ops, skip_input_name, specified_op_dtype";

[[noreturn]] void fail_kind(std::string_view origin, std::string_view key, std::string_view wanted,
                            const Json& value) {
  fail(ErrorCode::bad_data, "{}: \"{}\" must be {}, not {}", origin, key, wanted,
       value.dump(-1, ' ', true, Json::error_handler_t::replace));
}

bool read_flag(std::string_view origin, const std::string& key, const Json& value) {
  if (!value.is_boolean()) fail_kind(origin, key, "true or false", value);
  return value.get<bool>();
}

std::vector<std::string> read_names(std::string_view origin, const std::string& key, const Json& value) {
  const bool names =
      value.is_array() && std::ranges::all_of(value, [](const Json& each) { return each.is_string(); });
  if (!names) fail_kind(origin, key, "an array of names", value);
  return value.get<std::vector<std::string>>();
}

std::map<std::string, bool> read_passes(std::string_view origin, const Json& value) {
  if (!value.is_object()) fail_kind(origin, "passes", "an object of names and true or false", value);
  const std::vector<std::string> known = pass_names();
  std::map<std::string, bool> out;
  for (const auto& item : value.items()) {
    if (std::ranges::find(known, item.key()) == known.end())
      fail(ErrorCode::bad_data, "{}: there is no pass \"{}\"; the passes are {}", origin, item.key(),
           fmt::join(known, ", "));
    out[item.key()] = read_flag(origin, item.key(), item.value());
  }
  return out;
}

std::map<std::string, DType> read_dtypes(std::string_view origin, const std::string& key, const Json& value) {
  constexpr std::string_view wanted = "an object of operators and \"float32\" or \"float16\"";
  if (!value.is_object()) fail_kind(origin, key, wanted, value);
  std::map<std::string, DType> out;
  for (const auto& item : value.items()) {
    const std::string name = item.value().is_string() ? item.value().get<std::string>() : "";
    if (name != "float32" && name != "float16") fail_kind(origin, key, wanted, value);
    out[item.key()] = name == "float32" ? DType::float32 : DType::float16;
  }
  return out;
}

void apply(PassConfig& config, std::string_view origin, const std::string& key, const Json& value) {
  if (key == "passes")
    config.passes = read_passes(origin, value);
  else if (key == "need_convert")
    config.need_convert = read_flag(origin, key, value);
  else if (key == "convert_all")
    config.convert_all = read_flag(origin, key, value);
  else if (key == "skip_ops")
    config.skip_ops = read_names(origin, key, value);
  else if (key == "skip_input_name")
    config.skip_input_name = read_names(origin, key, value);
  else if (key == "specified_op_dtype")
    config.specified_op_dtype = read_dtypes(origin, key, value);
  else
    fail(ErrorCode::bad_data, "{}: key \"{}\" is not known; the keys are {}", origin, key, keys);
}

}  // namespace

PassConfig parse_pass_config(std::string_view json, std::string_view origin) {
  Json object;
  try {
    object = Json::parse(json);
  } catch (const Json::exception& error) {
    fail(ErrorCode::bad_data, "{}: not valid JSON: {}", origin, error.what());
  }
  if (!object.is_object())
    fail(ErrorCode::bad_data, "{}: must be a JSON object with the keys {}", origin, keys);
  PassConfig config;
  for (const auto& item : object.items()) apply(config, origin, item.key(), item.value());
  return config;
}

PassConfig load_pass_config(const std::filesystem::path& path) {
  constexpr uint64_t max_bytes = uint64_t{1} << 20;
  const std::string origin = fmt::format("pass_path '{}'", path.string());
  const std::string extension = path.extension().string();
  if (extension == ".py")
    fail(ErrorCode::unsupported,
         "{}: Python is not run; write a JSON file with the same settings as keys: {}", origin, keys);
  if (extension == ".yaml" || extension == ".yml")
    fail(ErrorCode::unsupported, "{}: the library reads JSON; the spinel command takes YAML, too", origin);
  const Bytes bytes = read_file(path, "pass configuration", max_bytes);
  return parse_pass_config({reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size()}, origin);
}

bool is_kept_by_default(std::string_view op) { return op == "Range" || op == "CumSum"; }

}  // namespace spinel::passes
