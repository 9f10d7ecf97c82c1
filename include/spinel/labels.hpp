// Names of classes: a synset file.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace spinel {

/// Reads lines such as "n02124075 Egyptian cat": the name is what follows the first space, the whole line
/// where there is no space. Lines end with a line feed, which a carriage return may precede; empty lines at
/// the end are ignored. Throws Error(bad_data) that names `origin` and the line for an empty text, an empty
/// line between others, or a line without a name.
std::vector<std::string> parse_labels(std::string_view text, std::string_view origin);

/// parse_labels on a file. With `classes` above 0 another number of labels is Error(bad_data) that names
/// both. Throws Error(not_found) or Error(io) when the file cannot be read.
std::vector<std::string> load_labels(const std::filesystem::path& path, int64_t classes = 0);

/// Throws Error(invalid_argument) that names `origin` and both numbers unless there is one label a class.
void check_labels(const std::vector<std::string>& labels, int64_t classes, std::string_view origin);

}  // namespace spinel
