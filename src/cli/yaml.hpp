// YAML files as the JSON that the library reads.
#pragma once
#include <filesystem>
#include <string>

namespace spinel::cli {

/// Whether the name ends in .yaml or .yml.
bool is_yaml(const std::filesystem::path& path);
/// The file's document as JSON text. Plain scalars become numbers, true, false or null where they read as
/// such. Throws Error(bad_data).
std::string read_yaml_as_json(const std::filesystem::path& path);

}  // namespace spinel::cli
