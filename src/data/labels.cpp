#include <spinel/labels.hpp>

#include "base/file.hpp"
#include "base/text.hpp"

namespace spinel {

std::vector<std::string> parse_labels(std::string_view text, std::string_view origin) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.remove_suffix(1);
  if (text.empty())
    fail(ErrorCode::bad_data, "labels '{}': the file is empty; it needs one line a class", origin);
  std::vector<std::string> labels;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
    if (line.empty()) fail(ErrorCode::bad_data, "labels '{}': line {} is empty", origin, labels.size() + 1);
    if (line.find('\0') != std::string_view::npos)
      fail(ErrorCode::bad_data, "labels '{}': line {} holds a zero byte; is this a text file?", origin,
           labels.size() + 1);
    const size_t space = line.find(' ');
    labels.emplace_back(space == std::string_view::npos ? line : line.substr(space + 1));
  }
  return labels;
}

std::vector<std::string> load_labels(const std::filesystem::path& path, int64_t classes) {
  constexpr uint64_t max_bytes = uint64_t{64} << 20;
  const Bytes bytes = read_file(path, "labels", max_bytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data.data()), bytes.data.size());
  auto labels = parse_labels(text, path.string());
  if (classes > 0 && labels.size() != static_cast<size_t>(classes))
    fail(ErrorCode::bad_data, "labels '{}' name {} classes; the model has {}", path.string(), labels.size(),
         classes);
  return labels;
}

void check_labels(const std::vector<std::string>& labels, int64_t classes, std::string_view origin) {
  if (static_cast<int64_t>(labels.size()) != classes)
    fail(ErrorCode::invalid_argument, "{}: {} labels for {} classes; there must be one label a class", origin,
         labels.size(), classes);
}

}  // namespace spinel
