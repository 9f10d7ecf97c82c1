#include "cli/yaml.hpp"

#include <yaml-cpp/yaml.h>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel::cli {
namespace {

using Json = nlohmann::json;

/// An alias may stand for a tree that holds aliases: what a document expands to is bounded.
constexpr int max_nodes = 100000;
constexpr int max_depth = 64;

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  // "!" is the tag of a quoted scalar.
  if (node.Tag() == "!") return text;
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  if (text.empty() || text == "null" || text == "~") return nullptr;
  const Json number = Json::parse(text, nullptr, false);
  return number.is_number() ? number : Json(text);
}

Json to_json(const YAML::Node& node, int depth, int& nodes) {
  if (depth > max_depth || ++nodes > max_nodes)
    fail(ErrorCode::bad_data, "the document is nested too deeply or expands to more than {} nodes",
         max_nodes);
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    Json out = Json::array();
    for (const YAML::Node& each : node) out.push_back(to_json(each, depth + 1, nodes));
    return out;
  }
  if (node.IsMap()) {
    Json out = Json::object();
    for (const auto& item : node) {
      const std::string& key = item.first.Scalar();
      if (out.contains(key)) fail(ErrorCode::bad_data, "key '{}' is there twice", key);
      out[key] = to_json(item.second, depth + 1, nodes);
    }
    return out;
  }
  return nullptr;
}

}  // namespace

bool is_yaml(const std::filesystem::path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

std::string read_yaml_as_json(const std::filesystem::path& path) {
  constexpr uint64_t max_bytes = uint64_t{1} << 20;
  const Bytes bytes = read_file(path, "YAML file", max_bytes);
  try {
    int nodes = 0;
    const std::string text(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size());
    return to_json(YAML::Load(text), 0, nodes).dump();
  } catch (const YAML::Exception& error) {
    fail(ErrorCode::bad_data, "'{}': not valid YAML: {}", path.string(), error.what());
  } catch (const Json::exception& error) {
    fail(ErrorCode::bad_data, "'{}': {}", path.string(), error.what());
  } catch (const Error& error) {
    fail(error.code(), "'{}': {}", path.string(), error.what());
  }
}

}  // namespace spinel::cli
