// The files of the ONNX test data.
#pragma once
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

namespace reader_test {

/// All files with this extension, in a fixed order.
inline std::vector<std::filesystem::path> corpus(const std::string& extension) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SPINEL_ONNX_TEST_DATA))
    if (entry.is_regular_file() && entry.path().extension() == extension) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

}  // namespace reader_test
